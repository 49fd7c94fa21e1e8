package view

import (
	"cmp"
	"fmt"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Plan is what a policy can see in a Service's traffic, before a release.
type Plan struct {
	// Name of the Service, Policy that of the ShiftPolicy.
	Name   string `json:"service"`
	Policy string `json:"policy"`
	// Rate is the traffic the times are reckoned with, in requests per second, and From says where it is known from.
	Rate float64 `json:"requestsPerSecond"`
	From string  `json:"trafficFrom"`
	// Steps are the weights of the plan.
	Steps []v1alpha1.Detection `json:"steps"`
	// Holds are the least times at the plan's steps, by weight.
	Holds map[v1alpha1.Percentage]v1alpha1.Duration `json:"-"`
	// Dead is what a version costs that fails every request at much traffic; nil when that is not known.
	Dead *Dead `json:"dead,omitempty"`
	// Warning is said when there is too little traffic; "" when there is enough.
	Warning string `json:"warning,omitempty"`
}

// Text writes the plan as lines that end in a line feed.
func (p Plan) Text(layout Layout) string {
	w := &writer{layout: layout}
	w.lines = append(w.lines, line{piece{text: clean(cmp.Or(p.Name, "(no name)")), bold: true},
		plainText(fmt.Sprintf("  by policy %s, at %.3g requests/s", clean(p.Policy), p.Rate))})
	if p.From != "" {
		w.field("TRAFFIC", TonePlain, clean(p.From))
	}
	columns := []column{
		{head: "WEIGHT", right: true}, {head: "REQUESTS/MIN", right: true, rank: 5}, {head: "HOLD", right: true, rank: 4}, {head: "CLEARED IN", right: true},
		{head: "BROKEN", right: true}, {head: "10x", right: true, rank: 1}, {head: "3x", right: true, rank: 2}, {head: "2x", right: true, rank: 3},
	}
	for _, d := range p.Steps {
		hold := ""
		if h := p.Holds[d.Weight]; h.Duration() > 0 {
			hold = setting(h)
		}
		cells := []string{percent(d.Weight), clean(d.RequestsPerMinute), hold, detectionTime(d.Clear), detectionTime(d.Total), detectionTime(d.Tenfold), detectionTime(d.Threefold), detectionTime(d.Twofold)}
		for i, cell := range cells {
			columns[i].cells = append(columns[i].cells, plainText(cell))
		}
	}
	lines, _ := table(columns, indent, w.layout.width())
	w.lines = append(w.lines, lines...)
	w.field("READ", TonePlain, "how long a version as good as the stable takes to be cleared for more traffic, and how long one goes unnoticed that fails every"+
		" request, or 10, 3, 2 times as often as the stable; in the mean, in the objective that is slowest; - is not within a day")
	w.dead(p.Dead)
	if p.Warning != "" {
		w.field("WARNING", ToneCareful, clean(p.Warning))
	}
	return w.layout.write(w.lines)
}

func detectionTime(d v1alpha1.Duration) string {
	if d == "" {
		return "-"
	}
	return span(d.Duration())
}
