package view

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Report is the record of one release, to hand on to who was not there. Texts are clean as those of a Screen are.
type Report struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	// Number of the release, from 1.
	Number int64 `json:"number"`
	// Version and Stable name the canary and what served beside it; Stable is "" when it is no longer known.
	Version string `json:"version"`
	Stable  string `json:"stable,omitempty"`
	// Changes says what the release changed, where that is more than one image.
	Changes  string `json:"changes,omitempty"`
	Revision string `json:"revision,omitempty"`
	Policy   string `json:"policy,omitempty"`
	// State is where the release is; Promoted or Aborted when it is over.
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Pod is the one that made the canary's counts bad, where there is one.
	Pod string `json:"pod,omitempty"`
	// Started and Ended are nil when unknown; Ended also while the release runs.
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// AsOf is when the operator last looked at the release, while it runs; nil when it is over or the operator does not tell.
	AsOf *time.Time `json:"asOf,omitempty"`
	// Peak is the largest weight that was written.
	Peak string `json:"peakWeight,omitempty"`
	// Requests met the canary, Failed of them were bad.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// Lacking says which requests are not counted, "" when all are: then the true numbers may be larger.
	Lacking string `json:"lacking,omitempty"`
	// Commands are the last that people gave, oldest first; known of the newest release only, as what follows.
	Commands []ReportCommand `json:"commands,omitempty"`
	// Weights are the last that were written, oldest first.
	Weights    []ReportWeight    `json:"weights,omitempty"`
	Objectives []ReportObjective `json:"objectives,omitempty"`
}

// ReportCommand is a command that people gave, and what became of it; By is "" where the API server does not tell who gave it.
type ReportCommand struct {
	Verb   string `json:"verb"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// At is when it was answered, or given while it waits; zero where the API server does not tell.
	At time.Time `json:"at,omitzero"`
	// Result is Accepted, Refused, Replaced or, while it has no answer, Waits; Message what was done, or why nothing was.
	Result  string `json:"result"`
	Message string `json:"message,omitempty"`
}

// ReportWeight is a weight of a Report, the step of the plan that it belongs to, from 1, and when it was written.
type ReportWeight struct {
	Weight string    `json:"weight"`
	Step   int       `json:"step"`
	At     time.Time `json:"at"`
}

// ReportObjective is one objective of a Report.
type ReportObjective struct {
	Name           string `json:"name"`
	Verdict        string `json:"verdict"`
	StableRequests int64  `json:"stableRequests"`
	StableBad      int64  `json:"stableBad"`
	CanaryRequests int64  `json:"canaryRequests"`
	CanaryBad      int64  `json:"canaryBad"`
	// Against and For are the evidence as people read it, "-" when unknown.
	Against string `json:"against"`
	For     string `json:"for"`
}

// ReportOf is the record of a release of a TrafficShift; number 0 is the newest one. False when nothing is known of it.
func ReportOf(shift *v1alpha1.TrafficShift, number int64) (Report, bool) {
	if r := shift.Status.Release; r != nil && (number == 0 || number == r.Number) {
		return newestReport(shift, r), true
	}
	for _, h := range shift.Status.History {
		if number == 0 || h.Number == number {
			return pastReport(shift, h), true
		}
	}
	return Report{}, false
}

// pastReport is the record of a release that another one has followed.
func pastReport(shift *v1alpha1.TrafficShift, h v1alpha1.PastRelease) Report {
	r := reportFor(shift)
	r.Number, r.Revision, r.Version = h.Number, clean(h.Revision), released(h.Revision, h.Images, h.Changes)
	r.Changes = changesOf(h.Changes)
	r.State, r.Reason, r.Message = State(clean(string(h.Outcome))), clean(string(h.Reason)), clean(h.Message)
	r.Peak, r.Requests, r.Failed = percent(h.PeakWeight), max(h.Exposed, 0), max(h.Failed, 0)
	r.Lacking = lacking(h.Counted, true)
	if !h.StartedAt.IsZero() {
		started, ended := h.StartedAt.UTC(), h.StartedAt.Add(max(h.Duration.Duration(), 0)).UTC()
		r.Started, r.Ended = &started, &ended
	}
	return r
}

// ReportsOf are the records of all releases of a TrafficShift that are known, newest first.
func ReportsOf(shift *v1alpha1.TrafficShift) []Report {
	all := []Report{}
	newest := shift.Status.Release
	if newest != nil {
		all = append(all, newestReport(shift, newest))
	}
	for _, h := range shift.Status.History {
		if newest == nil || h.Number != newest.Number {
			all = append(all, pastReport(shift, h))
		}
	}
	return all
}

func reportFor(shift *v1alpha1.TrafficShift) Report {
	return Report{Namespace: clean(shift.Namespace), Service: clean(cmp.Or(shift.Spec.Service.Name, shift.Name))}
}

func newestReport(shift *v1alpha1.TrafficShift, release *v1alpha1.Release) Report {
	r := reportFor(shift)
	r.Number, r.Revision, r.Policy, r.State = release.Number, clean(release.Revision), clean(release.Policy), State(clean(string(release.State)))
	r.Version, r.Stable = versions(shift)
	r.Changes = changesOf(release.Changes)
	r.Peak, r.Requests, r.Failed = percent(release.PeakWeight), max(release.Exposed, 0), max(release.Failed, 0)
	r.Lacking = lacking(release.Counted, release.Outcome != nil)
	if o := release.Outcome; o != nil {
		r.Reason, r.Message, r.Pod = clean(string(o.Reason)), clean(o.Message), clean(o.Pod)
	}
	if !release.StartedAt.IsZero() {
		started := release.StartedAt.UTC()
		r.Started = &started
	}
	if release.FinishedAt != nil {
		ended := release.FinishedAt.UTC()
		r.Ended = &ended
	}
	if at := shift.Status.ObservedAt; release.Running() && !at.IsZero() {
		asOf := at.UTC()
		r.AsOf = &asOf
	}
	for _, c := range release.Commands {
		r.Commands = append(r.Commands, ReportCommand{Verb: clean(c.Verb), By: clean(c.By), Reason: clean(c.Reason), At: c.At.UTC(),
			Result: clean(string(cmp.Or(c.Result, v1alpha1.CommandAccepted))), Message: clean(c.Message)})
	}
	if c, waits := waitingCommand(shift); waits {
		r.Commands = append(r.Commands, c)
	}
	for _, w := range release.Weights {
		r.Weights = append(r.Weights, ReportWeight{Weight: percent(w.Weight), Step: int(w.Step), At: w.At.UTC()})
	}
	for _, o := range objectivesOf(release) {
		r.Objectives = append(r.Objectives, ReportObjective{Name: o.title(), Verdict: verdict(o), StableRequests: o.Stable.Requests, StableBad: o.Stable.Bad,
			CanaryRequests: o.Canary.Requests, CanaryBad: o.Canary.Bad, Against: o.Against, For: o.For})
	}
	return r
}

// Markdown writes the record as a page of its own.
func (r Report) Markdown() string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", name, cell(value))
		}
	}
	fmt.Fprintf(&b, "# Release %d of %s in %s: %s\n\n| | |\n|---|---|\n", r.Number, r.Service, r.Namespace, strings.ToLower(string(r.State)))
	row("version", r.Version)
	row("beside", r.Stable)
	row("changes", r.Changes)
	row("revision", r.Revision)
	row("policy", r.Policy)
	row("began", stamp(r.Started))
	row("ended", stamp(r.Ended))
	row("as of", stamp(r.AsOf))
	if r.Started != nil && r.Ended != nil {
		row("took", span(r.Ended.Sub(*r.Started)))
	}
	row("largest weight", r.Peak)
	row("met it", atLeast(r.Lacking)+counted(r.Requests, "request"))
	row("failed", atLeast(r.Lacking)+counted(r.Failed, "request"))
	row("of these", r.Lacking)
	row("reason", r.Reason)
	row("pod to look at", r.Pod)
	if r.Message != "" {
		fmt.Fprintf(&b, "\n%s\n", r.Message)
	}
	var commands, weights, objectives [][]string
	for _, c := range r.Commands {
		commands = append(commands, []string{c.Verb, cmp.Or(c.By, "unknown"), c.Reason, stamp(&c.At), strings.TrimSuffix(strings.ToLower(c.Result)+": "+c.Message, ": ")})
	}
	for _, w := range r.Weights {
		weights = append(weights, []string{w.Weight, strconv.Itoa(w.Step), stamp(&w.At)})
	}
	for _, o := range r.Objectives {
		objectives = append(objectives, []string{o.Name, Arm{o.StableRequests, o.StableBad}.String(), Arm{o.CanaryRequests, o.CanaryBad}.String(), o.Verdict, o.Against, o.For})
	}
	markdownTable(&b, []string{"command", "by", "because", "at", "what became of it"}, commands)
	markdownTable(&b, []string{"weight", "step", "written"}, weights)
	markdownTable(&b, []string{"objective", "stable", "canary", "verdict", "evidence against", "for"}, objectives)
	return b.String()
}

// markdownTable writes rows below a head, and nothing where there are no rows.
func markdownTable(b *strings.Builder, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s |\n%s|\n", strings.Join(head, " | "), strings.Repeat("|---", len(head)))
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

// cell keeps a text within its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 MST")
}

// HistoryTable is the table of all releases that are known, newest first; "" when there are none.
func (s Screen) HistoryTable(p Layout) string {
	past := s.History
	if s.Number > 0 {
		past = append([]Past{s.newestAsPast()}, past...)
	}
	p.Wide = true
	w := writer{layout: p}
	w.history(past)
	return p.write(w.lines)
}

// newestAsPast is the newest release as a line of history.
func (s Screen) newestAsPast() Past {
	p := Past{Number: s.Number, Version: s.released, Result: s.State, Ended: -1}
	if e := s.Exposed; e != nil {
		p.Requests, p.Failed, p.Lacking = e.Requests, e.Failed, e.Lacking
	}
	if o := s.Outcome; o != nil {
		p.Reason, p.Peak, p.Ended, p.Took = o.Reason, o.Peak, o.Ended, o.Took
		if o.Ended >= 0 {
			p.Result = o.Result
		}
	}
	return p
}
