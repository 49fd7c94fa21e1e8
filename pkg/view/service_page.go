package view

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ServicePage is one Service as a page of the dashboard shows it: a Screen with every text written out. What is unknown is "".
type ServicePage struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Number and Moves name the release and the weight that are shown, for commands.
	Number int64 `json:"number"`
	Moves  int32 `json:"moves"`
	// Release is "Release 7", Version "checkout:1.5.0 over 1.4.2".
	Release string `json:"release"`
	Version string `json:"version"`
	Policy  string `json:"policy"`
	State   Badge  `json:"state"`
	// Detail stands beside the state, such as "step 2 of 5".
	Detail string `json:"detail"`
	// Sentence is the state in one sentence, to be read out when it changes.
	Sentence string `json:"said"`
	// Facts are the weights and the numbers that matter most.
	Facts []Fact `json:"facts"`
	// PlanSteps are the steps of the plan.
	PlanSteps   []PlanStep   `json:"stops"`
	Comparisons []Comparison `json:"contests"`
	// Notes are what a person should know, with why a release ended.
	Notes []Fact `json:"notes"`
	// ByHand is what people can do where nobody looks after the release; nil when there is nothing, or somebody does.
	ByHand *Hint  `json:"byHand,omitempty"`
	Next   string `json:"next"`
	// Checks are what must hold beside the numbers: pods, routes, and so on.
	Checks []Check `json:"checks"`
	// Footprint are the pods that run and the routes that are written.
	Footprint []Fact `json:"around"`
	// Past are the releases before this one, newest first.
	Past []PastRow `json:"past"`
	// Actions are what people can do.
	Actions []Action `json:"actions"`
	// Queries are what Prometheus is asked, and Commands what can be typed; nil where nobody filled them in.
	Queries  []Query `json:"queries,omitempty"`
	Commands []Hint  `json:"commands,omitempty"`
}

// Fact is a labelled text.
type Fact struct {
	Label string `json:"label"`
	Text  string `json:"text"`
	Tone  string `json:"tone"`
}

// PlanStep is one step of the plan.
type PlanStep struct {
	Weight string `json:"weight"`
	Hold   string `json:"hold"`
	// Took is how long the release was on the way to a step that is done and at it, "" when unknown.
	Took string `json:"took,omitempty"`
	// Mark is done, here, ahead, cut or never.
	Mark string `json:"mark"`
	// Word says it: "done", "now", "on the way", "to come", "taken back here", "not reached".
	Word string `json:"word"`
	Icon string `json:"icon"`
}

// Comparison is one objective with the numbers of both arms.
type Comparison struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Verdict is nil when nothing is known.
	Verdict *Badge `json:"verdict,omitempty"`
	// Allowed is the share of bad requests that the objective allows, "" when unknown.
	Allowed string `json:"allowed"`
	Stable  Share  `json:"stable"`
	Canary  Share  `json:"canary"`
	Against Bar    `json:"against"`
	For     Bar    `json:"for"`
}

// Share is the bad share of one arm: "0.13%", of "9,571", of which "12" were bad.
type Share struct {
	Share    string `json:"share"`
	Requests string `json:"requests"`
	Bad      string `json:"bad"`
}

// Bar is evidence and its limit. It is empty at 1, which says nothing, and full at the limit; between them it is logarithmic.
type Bar struct {
	Label    string  `json:"label"`
	Value    string  `json:"value"`
	Limit    string  `json:"limit"`
	Progress float64 `json:"full"`
	// Sentence is all of it in one sentence.
	Sentence string `json:"said"`
}

// Check is one thing that must hold.
type Check struct {
	Label  string `json:"label"`
	Status Badge  `json:"status"`
	Text   string `json:"text"`
}

// PastRow is one release before.
type PastRow struct {
	Number  string `json:"number"`
	Version string `json:"version"`
	Result  Badge  `json:"result"`
	Reason  string `json:"reason"`
	Peak    string `json:"peak"`
	Failed  string `json:"failed"`
	Took    string `json:"took"`
	Ended   string `json:"ended"`
}

// ServicePage is one TrafficShift as of now, with the footprint of its release, nil when it is not known. refused says why a verb makes no sense now, "" when it does.
func (b Beside) ServicePage(shift *v1alpha1.TrafficShift, now time.Time, footprint *Footprint, refused func(Verb) string) ServicePage {
	s := b.Release(shift, now)
	page := ServicePage{Namespace: s.Namespace, Name: s.Name, Policy: s.Policy, Number: s.Number, Version: versionPair(s.Canary, s.Stable),
		State: badgeOf(s.State, s.tone()), ByHand: s.ByHand, Detail: s.detail(), Facts: factsOf(s), Notes: noteFacts(s), Next: cmp.Or(s.Next, Why{Screen: s}.moves()),
		PlanSteps: []PlanStep{}, Comparisons: []Comparison{}, Checks: checksOf(shift, now), Footprint: footprint.facts(), Past: pastRows(s.History), Actions: actionsOf(shift, s, refused)}
	if r := shift.Status.Release; r != nil {
		page.Moves = r.Moves
		if !s.between() {
			page.Release = "Release " + strconv.FormatInt(r.Number, 10)
			page.PlanSteps = s.PlanSteps
		}
		allowed := map[string]string{}
		for _, o := range r.Plan.Objectives {
			if t := o.Target.Fraction(); t > 0 {
				allowed[clean(o.Name)] = shareText(1 - t)
			}
		}
		for _, o := range s.Objectives {
			page.Comparisons = append(page.Comparisons, comparisonOf(s, o, allowed[o.Name]))
		}
	}
	page.Sentence = s.Name + ": " + page.State.Word
	if s.Weight != nil {
		page.Sentence += ", " + s.at() + ", wanted weight " + cmp.Or(s.Weight.Wanted, "unknown")
	}
	return page
}

func factsOf(s Screen) []Fact {
	facts := []Fact{}
	add := func(label, text string) {
		if text != "" {
			facts = append(facts, Fact{Label: label, Text: text, Tone: TonePlain.String()})
		}
	}
	add("Changes", s.Changes)
	if w := s.Weight; w != nil {
		add("Wanted weight", cmp.Or(w.Wanted, "unknown"))
		add("Live weight", w.live())
		add("Held", strings.TrimPrefix(w.held(), "held "))
	}
	if o := s.Outcome; o != nil {
		add("Peak weight", o.Peak)
		if o.Took > 0 {
			add("Took", span(o.Took))
		}
	}
	if s.Weight == nil && !s.Unattended {
		add("Operator", s.Operator)
	}
	if e := s.Exposed; e != nil {
		add("Requests to the canary", atLeast(e.Lacking)+count(e.Requests))
		failed := atLeast(e.Lacking) + count(e.Failed)
		if e.Unsure && e.Requests == 0 {
			add("Known of them", "nothing: nobody counts them")
		}
		if e.Compared {
			failed += " (" + approximate(e.Expected) + " expected)"
		}
		add("Failed of them", failed)
		add("Of these", e.Lacking)
	}
	return facts
}

// noteFacts are the notes, and why a release ended.
func noteFacts(s Screen) []Fact {
	facts := []Fact{}
	if o := s.Outcome; o != nil {
		if o.Result != StatePromoted || o.Message != "" {
			facts = append(facts, Fact{Label: "Why", Text: o.why(), Tone: o.Result.Tone().String()})
		}
		if o.Ended >= 0 {
			facts = append(facts, Fact{Label: "Ended", Text: s.ending(*o), Tone: TonePlain.String()})
		}
	}
	for _, n := range s.Notes {
		facts = append(facts, Fact{Label: n.Label[:1] + strings.ToLower(n.Label[1:]), Text: n.text(), Tone: n.tone().String()})
	}
	if s.Last != "" {
		facts = append(facts, Fact{Label: "Last", Text: s.Last, Tone: TonePlain.String()})
	}
	return facts
}

func planStepsOf(r *v1alpha1.Release, s Screen) []PlanStep {
	stops := []PlanStep{}
	result := State("")
	switch {
	case r.State == v1alpha1.StateHandover:
		result = StatePromoted
	case s.Outcome != nil:
		result = s.Outcome.Result
	}
	took := tookOf(r)
	for i, step := range r.Plan.Steps {
		stop := PlanStep{Weight: percent(step.Weight), Hold: setting(step.Hold), Took: took[int32(i+1)]}
		switch at := i + 1; {
		case result == StatePromoted, at < s.Step:
			stop.Mark, stop.Word, stop.Icon = "done", "done", "✔"
		case result == StateAborted:
			stop.Mark, stop.Word, stop.Icon = takenBackAt(r, s, at)
		case at == s.Step && s.OnTheWay:
			stop.Mark, stop.Word, stop.Icon = "here", "on the way", "◔"
		case at == s.Step:
			stop.Mark, stop.Word, stop.Icon = "here", "now", "◑"
		default:
			stop.Mark, stop.Word, stop.Icon = "ahead", "to come", "○"
		}
		stops = append(stops, stop)
	}
	return stops
}

// tookOf says of steps, from 1, how long the release was on the way to them and at them, the last time that it left them for another one.
func tookOf(r *v1alpha1.Release) map[int32]string {
	took, since := map[int32]string{}, 0
	for i, w := range r.Weights {
		if from := r.Weights[since]; w.Step != from.Step {
			took[from.Step] = span(max(w.At.Sub(from.At.Time), 0))
			since = i
		}
	}
	return took
}

// takenBackAt is what became of the step that an aborted release was at, and of those after it.
func takenBackAt(r *v1alpha1.Release, s Screen, at int) (mark, word, icon string) {
	switch {
	case at != s.Step:
		return "never", "not reached", "–"
	case r.PeakWeight.Millionths() < r.Plan.Steps[at-1].Weight.Millionths():
		return "cut", "taken back on the way", "✘"
	}
	return "cut", "taken back here", "✘"
}

func comparisonOf(s Screen, o Objective, allowed string) Comparison {
	return Comparison{Name: o.Name, Title: o.title(), Verdict: verdictBadge(o), Allowed: allowed, Stable: shareOf(o.Stable), Canary: shareOf(o.Canary),
		Against: barOf("Against the canary", o.Against, s.AbortAt, "aborts at"), For: barOf("For the next weight", o.For, s.PassAt, "passes at")}
}

func shareOf(a Arm) Share {
	if a.Requests == 0 {
		return Share{Share: "–", Requests: "0", Bad: "0"}
	}
	return Share{Share: rate(ratio(a.Bad, a.Requests)), Requests: count(a.Requests), Bad: count(a.Bad)}
}

func barOf(label, value string, limit float64, does string) Bar {
	b := Bar{Label: label, Value: value, Limit: fmt.Sprintf("%s %g", does, limit)}
	b.Progress = rounded(progress(value, limit))
	b.Sentence = label + ": evidence " + value + ", " + b.Limit
	return b
}

// progress is how far evidence is on its way from 1, which says nothing, to its limit, from 0 to 1; by its logarithm.
func progress(value string, limit float64) float64 {
	if e := parseShown(value); e > 1 && limit > 1 {
		return min(math.Log(e)/math.Log(limit), 1)
	}
	return 0
}

// parseShown reads evidence as people read it.
func parseShown(text string) float64 {
	e, err := strconv.ParseFloat(strings.TrimLeft(text, "<>"), 64)
	if err != nil {
		return 0
	}
	return e
}

// checked are the conditions that a page shows whatever they say, while a release runs.
var checked = [...]struct{ condition, label string }{
	{v1alpha1.ConditionWorkloadReady, "Pods"},
	{v1alpha1.ConditionTrafficShifted, "Routes"},
	{v1alpha1.ConditionIsolated, "Isolation"},
	{v1alpha1.ConditionReachable, "Reach"},
	{v1alpha1.ConditionEvidenceCurrent, "Evidence"},
	{v1alpha1.ConditionProxiesRead, "Proxies"},
}

func checksOf(shift *v1alpha1.TrafficShift, now time.Time) []Check {
	checks := []Check{}
	if !shift.Status.Release.Running() {
		return checks
	}
	for _, k := range checked {
		c := condition(shift, k.condition)
		if c == nil {
			continue
		}
		check := Check{Label: k.label, Status: Badge{Icon: "…", Word: "unknown", Tone: ToneFaint.String()}}
		switch c.Status {
		case "True":
			check.Status = Badge{Icon: "✔", Word: "good", Tone: ToneGood.String()}
		case "False":
			check.Status = Badge{Icon: "!", Word: "not yet", Tone: ToneCareful.String()}
		}
		note := noteOf(c)
		if !c.LastTransitionTime.IsZero() {
			note.For = max(now.Sub(c.LastTransitionTime.Time), 0)
		}
		check.Text = note.text()
		checks = append(checks, check)
	}
	return checks
}

func pastRows(past []Past) []PastRow {
	rows := []PastRow{}
	for _, p := range past {
		row := PastRow{Number: strconv.FormatInt(p.Number, 10), Version: p.Version, Result: badgeOf(p.Result, p.Result.Tone()), Reason: p.Reason, Peak: p.Peak,
			Failed: strings.TrimSuffix(atLeast(p.Lacking)+count(p.Failed)+" of "+count(p.Requests)+", "+p.Lacking, ", ")}
		if p.Took > 0 {
			row.Took = span(p.Took)
		}
		if p.Ended >= 0 {
			row.Ended = span(p.Ended) + " ago"
		}
		rows = append(rows, row)
	}
	return rows
}
