package view

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/text"
)

// Why is the story of a verdict or of a wait.
type Why struct {
	Screen
	// NotShown is what the counts of a healthy Service of plain HTTP cannot show, "" where they can. It is no fault, and for who asks.
	NotShown string
	// Tick is how often the evidence of the running release is looked at, where the stable's last day chose that, "" elsewhere.
	Tick string
	// Query is the PromQL that shows what was counted, to paste.
	Query string
	// Try are commands that make sense now, each behind what it is for.
	Try []string
	// doubt is what keeps people from calling a running release well, "" when nothing does.
	doubt string
}

// Why is the story of one TrafficShift as of now.
func (b Beside) Why(shift *v1alpha1.TrafficShift, now time.Time) Why {
	y := Why{Screen: b.Release(shift, now)}
	if c := condition(shift, v1alpha1.ConditionEvidenceCurrent); c != nil && c.Reason == string(v1alpha1.ReasonOneStatus) && shift.Status.Release.Running() {
		y.NotShown = clean(c.Message)
	}
	if shift.Status.Release != nil && y.Waiting == "" {
		y.Query = queryOf(shift)
	}
	if r := shift.Status.Release; r.Running() && r.Outcome == nil && r.Baseline != nil && r.Baseline.Tick != "" {
		y.Tick = span(r.Baseline.Tick.Duration())
	}
	y.Try, y.doubt = tryOf(y.Screen), doubtOf(shift)
	return y
}

// doubtOf is what the conditions of a running release have against calling it well. What the operator does not tell, or says not to know, is no
// good news; what the owner of the destinations sees to is his.
func doubtOf(shift *v1alpha1.TrafficShift) string {
	if c := condition(shift, v1alpha1.ConditionEvidenceCurrent); c == nil {
		return "the operator does not tell whether the counts are fresh"
	}
	for _, k := range checked {
		c := condition(shift, k.condition)
		theirs := c != nil && shift.Spec.Destinations != nil && c.Reason == string(v1alpha1.ReasonPending)
		if k.condition == v1alpha1.ConditionProxiesRead { // without it aborts take longer, which is no fault of the release
			continue
		}
		if c != nil && c.Status != metav1.ConditionTrue && (k.condition == v1alpha1.ConditionEvidenceCurrent || !theirs) {
			return noteOf(c).text()
		}
	}
	if c := condition(shift, v1alpha1.ConditionReconciling); c != nil {
		switch v1alpha1.Reason(c.Reason) {
		case v1alpha1.ReasonHolding, v1alpha1.ReasonReleasing:
		default:
			return noteOf(c).text()
		}
	}
	return ""
}

// WhyRecord is the story for other programs.
type WhyRecord struct {
	State State `json:"state"`
	// Unattended says that the operator has not looked at the running release for too long to be at work, and ByHand what people can do then.
	Unattended bool  `json:"unattended"`
	ByHand     *Hint `json:"byHand,omitempty"`
	// Release is nil when there has been none.
	Release *Report  `json:"release,omitempty"`
	Notes   []Note   `json:"notes,omitempty"`
	Next    string   `json:"next,omitempty"`
	Try     []string `json:"try,omitempty"`
	// NotShown is what the counts of a healthy Service of plain HTTP cannot show.
	NotShown string `json:"notShown,omitempty"`
	// Tick is how often the evidence is looked at, where the stable's last day chose that.
	Tick  string `json:"tick,omitempty"`
	Query string `json:"query,omitempty"`
}

// Record is the story of the TrafficShift that it was made of, for other programs, as of the same now.
func (y Why) Record(shift *v1alpha1.TrafficShift, now time.Time) WhyRecord {
	r := WhyRecord{State: y.State, Notes: y.Notes, Next: cmp.Or(y.Next, y.moves()), Try: y.Try, Query: y.Query, NotShown: y.NotShown, Tick: y.Tick, Unattended: y.Unattended, ByHand: y.ByHand}
	if report, known := ReportOf(shift, 0, now); known {
		r.Release = &report
	}
	return r
}

// Text writes the story as lines that end in a line feed.
func (y Why) Text(p Layout) string {
	w := writer{layout: p}
	w.title(y.Screen)
	w.changes(y.Changes)
	for _, n := range y.Notes {
		w.note(n)
	}
	w.byHand(y.ByHand)
	switch {
	case y.Outcome != nil:
		w.outcome(y.Screen, *y.Outcome)
	case len(y.Notes) > 0: // they say it
	case y.State == StatePaused:
		w.field("WHY", TonePlain, "somebody paused it: no weight is raised until it is resumed")
	case y.Weight != nil:
		why := y.progress()
		w.field("WHY", TonePlain, why)
		if y.Next != "" && strings.HasSuffix(why, y.Next) {
			y.Next = notedSentence(y.State, "")
		}
	default:
		w.field("WHY", TonePlain, "nothing is being released")
	}
	w.last(y.Screen)
	for _, o := range y.Objectives {
		w.field("NUMBERS", o.Tone(), y.numbers(o))
	}
	if y.Tick != "" {
		w.field("EVIDENCE", TonePlain, "it is looked at each "+y.Tick+": the stable's bursts of bad requests were shorter in the day before the release")
	}
	if y.NotShown != "" {
		w.field("EVIDENCE", TonePlain, y.NotShown)
	}
	w.exposed(y.Screen)
	w.operator(y.Screen)
	if next := cmp.Or(y.Next, y.moves()); next != "" {
		w.field("NEXT", TonePlain, next)
	}
	for _, t := range y.Try {
		w.field("TRY", TonePlain, t)
	}
	if y.Query == "" {
		return p.write(w.lines)
	}
	w.field("LOOK", TonePlain, "in Prometheus at what was counted:")
	// The query is not wrapped: it is there to be pasted.
	return p.write(w.lines) + indent + text.Shown(y.Query) + "\n"
}

// progress says of a running release that nothing else is said of whether it does well. Nothing is wrong only where requests were counted, the
// counts speak against no raise, and the operator tells that it looks.
func (y Why) progress() string {
	counted := len(y.Objectives) > 0
	for _, o := range y.Objectives {
		counted = counted && o.Canary.Requests > 0
	}
	switch {
	case y.Against >= y.SuspiciousAt:
		return fmt.Sprintf("the evidence against the canary is %.0f of %g: too much to raise the weight, too little to abort", y.Against, y.AbortAt)
	case y.Step == 0:
		return "no traffic is shifted yet, so nothing is known of the new version"
	case y.doubt != "":
		return y.doubt
	case !counted:
		return "no request of the canary was counted for each objective yet, so nothing is known of the new version"
	case y.Observed < 0:
		return "the counts are good; the operator does not tell when it looked last, so it may be that nobody goes on with it"
	case y.Observed > lateLook:
		return "nothing was wrong when an operator looked last, " + span(y.Observed) + " ago"
	}
	return "nothing is wrong: it goes on as the evidence clears it"
}

// moves is what the screen says beside the weight.
func (y Why) moves() string {
	if y.Weight == nil {
		return ""
	}
	return y.Weight.moves()
}

// numbers is one objective in a sentence.
func (y Why) numbers(o Objective) string {
	if o.Canary.Requests == 0 {
		return o.title() + ": no request of the canary was counted yet"
	}
	return fmt.Sprintf("%s (%s): bad were %s requests of the canary, %s of the stable; evidence against it %s (aborts at %g), for the next weight %s (passes at %g)",
		o.title(), verdict(o), o.Canary, o.Stable, o.Against, y.AbortAt, o.For, y.PassAt)
}

// queryOf counts the requests of both arms by how they were answered: in the last five minutes, or while the release ran. It is for
// the eye: increase() extrapolates, so its numbers are near those of the evidence and not the same.
func queryOf(shift *v1alpha1.TrafficShift) string {
	groups := "destination_service_name, response_code, response_flags"
	names := []string{shift.Spec.Service.Name, routing.CanaryName(shift.Spec.Service.Name)}
	namespaces := []string{shift.Namespace}
	if d := shift.Spec.Destinations; d != nil {
		groups = "destination_canonical_revision, " + groups
		names, namespaces = nil, nil
		for _, host := range []string{d.Stable.Host, d.Canary.Host} {
			name, namespace := routing.Target{Namespace: shift.Namespace}.ServiceOf(routing.Destination{Host: host})
			names, namespaces = append(names, name), append(namespaces, namespace)
		}
	}
	return fmt.Sprintf(`sum by (%s) (increase(istio_requests_total{reporter="source", destination_service_namespace%s, destination_service_name%s}%s))`,
		groups, matcher(namespaces), matcher(names), rangeOf(shift.Status.Release))
}

// matcher is how a label is asked for that has one of some values.
func matcher(values []string) string {
	values = slices.Clone(values)
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 1 {
		return fmt.Sprintf("=%q", clean(values[0]))
	}
	for i, v := range values {
		values[i] = regexp.QuoteMeta(clean(v))
	}
	return fmt.Sprintf("=~%q", strings.Join(values, "|"))
}

// rangeOf is the time that a query looks at.
func rangeOf(r *v1alpha1.Release) string {
	if r.FinishedAt == nil || !r.FinishedAt.After(r.StartedAt.Time) {
		return "[5m]"
	}
	took := max(r.FinishedAt.Sub(r.StartedAt.Time), time.Minute)
	return fmt.Sprintf("[%ds] @ %d", int64(took.Seconds()), r.FinishedAt.Unix())
}

// tryOf are the commands that make sense now.
func tryOf(s Screen) []string {
	command := func(verb, why string) string {
		return why + ": kubectl stagger " + verb + " " + s.Name + " -n " + cmp.Or(s.Namespace, "default")
	}
	switch {
	case s.Unattended:
		return tryUnattended(s, command)
	case s.TakingBack:
		return []string{command("watch", "until it is over")}
	case s.Waiting != "":
		return tryWaiting(s.State, command)
	}
	var try []string
	switch s.State {
	case StateAborted:
		if s.Outcome != nil && s.Outcome.Refused {
			try = append(try, command("retry", "if the version was not to blame"), command("undo", "to put the version that serves back into the Deployment"))
		}
		try = append(try, command("report", "to hand it on"))
	case StatePaused:
		try = append(try, command("resume", "to let it go on"), command("abort", "to take it back"))
	case StateHeld, StateShifting, StatePreparing:
		if s.gate != "" {
			try = append(try, "for who may open its gate: kubectl stagger approve "+s.Name+" "+s.gate+" -n "+cmp.Or(s.Namespace, "default"))
		}
		try = append(try, command("abort", "to take it back"))
		if s.gate == "" && s.Step > 0 && s.Step < s.Steps {
			try = append(try, command("promote", "to leave this weight all the same, with your --reason"))
		}
		if s.State == StateHeld {
			try = append(try, command("plan", "to see what each step can notice in the traffic"))
		}
	case StateAborting, StateDraining, StateRestoring, StateHandover:
		try = append(try, command("watch", "until it is over"))
	}
	return try
}

// tryUnattended are the commands that make sense where nobody looks.
func tryUnattended(s Screen, command func(verb, why string) string) []string {
	try := []string{"to see why nobody looks: kubectl stagger check -n " + cmp.Or(s.Namespace, "default")}
	if s.Weight != nil && !s.TakingBack && s.Outcome == nil && s.State != StateHandover {
		try = append(try, command("abort", "to take it back as soon as an operator works"))
	}
	return try
}

// tryWaiting are the commands that make sense for a version that waits, which is none of the last release.
func tryWaiting(state State, command func(verb, why string) string) []string {
	switch state {
	case StateAborted:
		return []string{command("retry", "if the version was not to blame")}
	case StatePaused:
		return []string{command("resume", "to let its release begin")}
	case StateWaiting:
		return []string{command("pause", "to keep its release from beginning")}
	}
	return nil
}
