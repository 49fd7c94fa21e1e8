package counting

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Kind is what an Indicator counts from.
type Kind string

const (
	// Requests counts istio_requests_total: bad is what failed as the callers' proxies saw it, see Rules.
	Requests Kind = "Requests"
	// Duration counts istio_request_duration_milliseconds: bad is what took longer than a threshold.
	Duration Kind = "Duration"
	// Custom counts two counters of the user's own: all requests, and the bad ones.
	Custom Kind = "Custom"
)

// Placeholder is what stands for the arm's labels in the selectors of a Custom indicator.
const Placeholder = "{{selector}}"

const maxSelector = 1024

// Indicator says which requests of an arm are counted and which of them are bad. The zero Indicator is that of Requests with
// the default Rules. Indicators can be compared: equal ones are asked about in one question.
type Indicator struct {
	// Kind is Requests when empty.
	Kind Kind
	// Rules are of Requests.
	Rules Rules
	// Threshold is of Duration: what takes longer is bad. It must be an edge of the histogram.
	Threshold time.Duration
	// Total and Bad are of Custom: selectors of counters that contain Placeholder once, such as
	// orders_total{{{selector}},result="error"}.
	Total, Bad string
}

// Validate returns an error that names the field that cannot be used. Whether a threshold is an edge is asked of Edge.
func (i Indicator) Validate() error {
	switch i.kind() {
	case Requests:
		return nil
	case Duration:
		if i.Threshold <= 0 {
			return fmt.Errorf("threshold is %s; it must be above 0, such as 500ms", i.Threshold)
		}
		return nil
	case Custom:
		if err := checkSelector("total", i.Total); err != nil {
			return err
		}
		return checkSelector("bad", i.Bad)
	}
	return fmt.Errorf("indicator is %q; it must be Requests, Duration or Custom", i.Kind)
}

// Carrier returns the Indicator whose Batch tells how current the scrapes of i are: the same for everything that Istio's
// proxies give, for they give durations with the requests.
func (i Indicator) Carrier() Indicator {
	if i.kind() == Custom {
		return i
	}
	return Indicator{}
}

func (i Indicator) kind() Kind {
	if i.Kind == "" {
		return Requests
	}
	return i.Kind
}

// String names the metrics, for messages.
func (i Indicator) String() string {
	switch i.kind() {
	case Duration:
		return "istio_request_duration_milliseconds"
	case Custom:
		name, _, _ := strings.Cut(i.Total, "{")
		return name
	default:
		return "istio_requests_total"
	}
}

// The grammar of a Custom selector: a metric's name and matchers, one of which is the placeholder. No functions, no ranges,
// no offsets: differences are taken by us, and exactly.
var (
	matcherForm  = `[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\\n]|\\.)*"`
	selectorForm = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*\{\s*(?:` + matcherForm + `\s*,\s*)*` + regexp.QuoteMeta(Placeholder) +
		`\s*(?:,\s*` + matcherForm + `\s*)*,?\s*\}$`)
	ourLabels = regexp.MustCompile(`(?:^|[{,\s])(destination_service_name|destination_service_namespace|__name__)\s*[=!]`)
)

func checkSelector(field, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s is empty; give the selector of a counter, such as orders_total{%s}", field, Placeholder)
	case len(s) > maxSelector:
		return fmt.Errorf("%s has %d bytes; at most %d are allowed", field, len(s), maxSelector)
	case !strings.Contains(s, Placeholder):
		return fmt.Errorf("%s lacks %s, which stands for the labels of an arm; write metric{%s,label=\"value\"}", field, Placeholder, Placeholder)
	case !selectorForm.MatchString(s):
		return fmt.Errorf("%s must be a counter's name and matchers in braces, without functions, ranges or offsets: metric{%s,label=\"value\"}",
			field, Placeholder)
	}
	if own := ourLabels.FindStringSubmatch(strings.ReplaceAll(s, Placeholder, "")); own != nil {
		return fmt.Errorf("%s has a matcher of %s, which %s sets; remove it", field, own[1], Placeholder)
	}
	return nil
}

// Edges are the upper edges of Istio's histogram of durations as the mesh is installed.
func Edges() []time.Duration {
	ms := []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000}
	edges := make([]time.Duration, len(ms))
	for i, x := range ms {
		edges[i] = time.Duration(x * float64(time.Millisecond))
	}
	return edges
}

// Edge returns an error that names the nearest edges when the threshold is none of them. Edges rise.
func Edge(threshold time.Duration, edges []time.Duration) error {
	i, found := slices.BinarySearch(edges, threshold)
	if found {
		return nil
	}
	var near []string
	for _, j := range []int{i - 1, i} {
		if j >= 0 && j < len(edges) {
			near = append(near, edges[j].String())
		}
	}
	return fmt.Errorf("threshold %s is no edge of the mesh's histogram, so that nobody counted it; the nearest are %s", threshold, strings.Join(near, " and "))
}

// spellings of an edge in the label le: Prometheus 3 writes 500.0 where Prometheus 2 wrote 500.
func spellings(threshold time.Duration) []string {
	ms := strconv.FormatFloat(float64(threshold)/float64(time.Millisecond), 'f', -1, 64)
	if strings.Contains(ms, ".") {
		return []string{ms}
	}
	return []string{ms, ms + ".0"}
}

const (
	factAll    = "all"
	factBad    = "bad"
	factWithin = "within"
)

// pair is an expression of two facts about each arm, told apart by a label.
func pair(first, firstExpr, second, secondExpr string) string {
	return fmt.Sprintf("label_replace(%s, %q, %q, \"\", \"\")\nor label_replace(%s, %q, %q, \"\", \"\")", firstExpr, labelFact, first, secondExpr, labelFact, second)
}

// pairs reads the answer to a pair, for each arm that has any.
func (b Batch) pairs(answer model.Vector, first, second string) (map[Service][2]*float64, error) {
	read := map[Service][2]*float64{}
	for _, s := range answer {
		arm, asked, err := b.arm(s.Metric, labelFact)
		if err != nil {
			return nil, err
		}
		n, err := count(s.Value)
		if err != nil {
			return nil, fmt.Errorf("series %s: %w", s.Metric, err)
		}
		if !asked {
			continue
		}
		p, i := read[arm], 0
		switch fact := string(s.Metric[labelFact]); fact {
		case first:
		case second:
			i = 1
		default:
			return nil, fmt.Errorf("the answer has the unknown fact %q", fact)
		}
		if p[i] != nil {
			return nil, fmt.Errorf("the answer has the series %s twice", s.Metric)
		}
		p[i] = &n
		read[arm] = p
	}
	return read, nil
}

// durations reads the answer about a histogram. An arm whose bucket is absent while its count grows, or has more than the
// count, is unknown: that is not "all bad", nor "all good".
func (b Batch) durations(answer model.Vector) (map[Service]Counts, error) {
	read, err := b.pairs(answer, factAll, factWithin)
	if err != nil {
		return nil, err
	}
	counts := map[Service]Counts{}
	for arm, p := range read {
		all, within := p[0], p[1]
		switch {
		case all == nil, within == nil && *all > 0, within != nil && *within > *all:
		case within == nil:
			counts[arm] = Counts{}
		default:
			counts[arm] = Counts{Requests: *all, Bad: *all - *within}
		}
	}
	return counts, nil
}

// customs reads the answer about two counters. A counter of bad requests that is not born yet stands at 0; without one of all
// requests, and where there are more bad ones than requests, the arm is unknown.
func (b Batch) customs(answer model.Vector) (map[Service]Counts, error) {
	read, err := b.pairs(answer, factAll, factBad)
	if err != nil {
		return nil, err
	}
	counts := map[Service]Counts{}
	for arm, p := range read {
		if p[0] == nil {
			continue
		}
		c := Counts{Requests: *p[0]}
		if p[1] != nil {
			c.Bad = *p[1]
		}
		if c.Bad <= c.Requests {
			counts[arm] = c
		}
	}
	return counts, nil
}
