package view

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Simulation is what virtual releases of one policy came to.
type Simulation struct {
	// Name of the Service, "" when there is none; Policy that of the ShiftPolicy; Traffic says what the releases met.
	Name, Policy, Traffic string
	// Runs is how many releases each row is made of.
	Runs int
	// Rows are versions.
	Rows []Simulated
	// Dead is what a version costs that fails every request at much traffic; nil when that is not known.
	Dead *Dead
	// Version is what the moves are of: one release of the last row, weight by weight.
	Version string
	Moves   []SimulatedMove
}

// Simulated is what became of the releases of one version.
type Simulated struct {
	// Version says what it does.
	Version string
	// Promoted, Aborted and Held are shares, 0 to 1.
	Promoted, Aborted, Held float64
	// Took is the median time to the commoner end.
	Took time.Duration
	// Noticed and Failed are medians and 95th percentiles: from the first request that failed because of it to the abort, and of the requests that
	// failed because of it.
	Noticed [2]time.Duration
	Failed  [2]float64
}

// SimulatedMove is one weight of one release.
type SimulatedMove struct {
	At     time.Duration
	Weight float64
	Why    string
}

// SimulationRecord is a simulation for other programs; times are in seconds, shares from 0 to 1.
type SimulationRecord struct {
	Service  string             `json:"service,omitempty"`
	Policy   string             `json:"policy"`
	Traffic  string             `json:"traffic"`
	Releases int                `json:"releases"`
	Versions []SimulatedVersion `json:"versions"`
	Dead     *Dead              `json:"dead,omitempty"`
}

// SimulatedVersion is what became of the releases of one version.
type SimulatedVersion struct {
	Version       string  `json:"version"`
	Promoted      float64 `json:"promoted"`
	Aborted       float64 `json:"aborted"`
	Held          float64 `json:"held"`
	Took          float64 `json:"tookSeconds"`
	NoticedMedian float64 `json:"noticedSecondsMedian"`
	Noticed95     float64 `json:"noticedSecondsP95"`
	FailedMedian  float64 `json:"failedRequestsMedian"`
	Failed95      float64 `json:"failedRequestsP95"`
}

// Record is the simulation for other programs.
func (s Simulation) Record() SimulationRecord {
	r := SimulationRecord{Service: clean(s.Name), Policy: clean(s.Policy), Traffic: clean(s.Traffic), Releases: s.Runs, Dead: s.Dead}
	for _, row := range s.Rows {
		r.Versions = append(r.Versions, SimulatedVersion{Version: clean(row.Version), Promoted: row.Promoted, Aborted: row.Aborted, Held: row.Held,
			Took: row.Took.Seconds(), NoticedMedian: row.Noticed[0].Seconds(), Noticed95: row.Noticed[1].Seconds(), FailedMedian: row.Failed[0], Failed95: row.Failed[1]})
	}
	return r
}

// Text writes the simulation as lines that end in a line feed.
func (s Simulation) Text(p Layout) string {
	w := &writer{layout: p}
	title := "policy " + clean(s.Policy)
	if s.Name != "" {
		title = clean(s.Name) + "  by " + title
	}
	w.lines = append(w.lines, line{piece{text: title, bold: true}, plainText(fmt.Sprintf("  %s releases of each version", count(int64(s.Runs))))})
	w.field("TRAFFIC", TonePlain, clean(s.Traffic))
	columns := []column{
		{head: "VERSION"}, {head: "PROMOTED", right: true}, {head: "ABORTED", right: true}, {head: "HELD", right: true, rank: 4}, {head: "AFTER", right: true},
		{head: "NOTICED IN", right: true, rank: 2}, {head: "95%", right: true, rank: 3}, {head: "FAILED", right: true}, {head: "95%", right: true, rank: 1},
	}
	for _, r := range s.Rows {
		cells := []string{clean(r.Version), shareOfReleases(r.Promoted), shareOfReleases(r.Aborted), shareOfReleases(r.Held), spanOrDash(r.Took), spanOrDash(r.Noticed[0]), spanOrDash(r.Noticed[1]),
			wholeRequests(r.Failed[0]), wholeRequests(r.Failed[1])}
		for i, cell := range cells {
			columns[i].cells = append(columns[i].cells, plainText(cell))
		}
	}
	lines, _ := table(columns, indent, p.width())
	w.lines = append(w.lines, lines...)
	w.dead(s.Dead)
	if len(s.Moves) > 0 {
		w.field("ONE OF", TonePlain, clean(s.Version))
		w.moves(s.Moves)
	}
	return p.write(w.lines)
}

// moves are the weights of one release, line by line.
func (w *writer) moves(moves []SimulatedMove) {
	columns := []column{{head: "AFTER", right: true}, {head: "WEIGHT", right: true}, {head: "WHY", rank: 1}}
	for _, m := range moves {
		weight := strconv.FormatFloat(100*m.Weight, 'g', 4, 64) + "%"
		why := strings.TrimPrefix(clean(m.Why), weight+": ")
		for i, cell := range []string{span(m.At), weight, why} {
			columns[i].cells = append(columns[i].cells, plainText(cell))
		}
	}
	lines, _ := table(columns, indent, max(w.layout.width(), page))
	w.lines = append(w.lines, lines...)
}

// shareOfReleases is a share as a percentage.
func shareOfReleases(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + "%" }

func spanOrDash(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return span(d)
}

// wholeRequests is a number of requests that the stable would not have failed; below half a request it is none.
func wholeRequests(x float64) string {
	if x < 0.5 {
		return "0"
	}
	return count(int64(math.Round(x)))
}
