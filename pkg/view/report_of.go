package view

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ReportOf is the record of a release of a TrafficShift as of now; number 0 is the newest one. False when nothing is known of it.
func ReportOf(shift *v1alpha1.TrafficShift, number int64, now time.Time) (Report, bool) {
	if r := shift.Status.Release; r != nil && (number == 0 || number == r.Number) {
		return newestReport(shift, r, now), true
	}
	for i := range shift.Status.History {
		if h := &shift.Status.History[i]; number == 0 || h.Number == number {
			return pastReport(shift, h), true
		}
	}
	return Report{}, false
}

// ReportsOf are the records of all releases of a TrafficShift that are known, newest first, as of now.
func ReportsOf(shift *v1alpha1.TrafficShift, now time.Time) []Report {
	all := []Report{}
	newest := shift.Status.Release
	if newest != nil {
		all = append(all, newestReport(shift, newest, now))
	}
	for i := range shift.Status.History {
		if h := &shift.Status.History[i]; newest == nil || h.Number != newest.Number {
			all = append(all, pastReport(shift, h))
		}
	}
	return all
}

// newestReport is the record of the release that runs, or was the last.
func newestReport(shift *v1alpha1.TrafficShift, newest *v1alpha1.Release, now time.Time) Report {
	r := reportOf(shift, newest)
	r.Lacking, r.Unattended = lacking(shift, newest, false, now), observedAgo(shift, now) > unheard
	return r
}

// pastReport is the record of a release that another one has followed.
func pastReport(shift *v1alpha1.TrafficShift, h *v1alpha1.PastRelease) Report {
	r := reportOf(shift, h.Record())
	r.Line, r.Shortened = h.Plan == nil, h.Shortened
	return r
}

// reportOf is the one way from a record to a report, whether it is of the newest release or of one before.
func reportOf(shift *v1alpha1.TrafficShift, release *v1alpha1.Release) Report {
	r := Report{Namespace: clean(shift.Namespace), Service: clean(cmp.Or(shift.Spec.Service.Name, shift.Name)), Number: release.Number,
		State: State(clean(string(release.State))), Policy: clean(release.Policy), PolicyGeneration: release.PolicyGeneration, Plan: reportPlan(release.Plan),
		Peak: percent(release.PeakWeight), Requests: max(release.Exposed, 0), Failed: max(release.Failed, 0), Moves: release.Moves,
		Toward: clean(string(release.Toward)), Started: known(&release.StartedAt), Ended: known(release.FinishedAt),
		Lacking: notCounted(release.Counted)}
	r.Version, r.Stable = versionsOf(shift, release)
	r.Changes = changesOf(release.Changes)
	r.Revision, r.StableRevision = clean(release.Revision), clean(release.Stable)
	r.Images, r.ImageIDs = cleaned(release.Images), cleaned(release.ImageIDs)
	r.StableImages, r.StableImageIDs = cleaned(stableOf(shift, release).Images), cleaned(release.StableImageIDs)
	if w := release.Workload; w.Deployment != "" {
		r.Deployment = &ReportDeployment{Name: clean(w.Deployment), Generation: w.Generation, ShippedBy: clean(w.ShippedBy), ChangeCause: clean(w.ChangeCause)}
	}
	if o := release.Outcome; o != nil {
		r.Reason, r.Message, r.Pod = clean(string(o.Reason)), clean(o.Message), clean(o.Pod)
	}
	if release.Running() {
		r.AsOf = known(shift.Status.ObservedAt)
	}
	for _, g := range release.Counted.Gaps {
		r.Gaps = append(r.Gaps, ReportGap{From: g.From.UTC(), To: g.To.UTC()})
	}
	r.happened(release)
	if c, waits := waitingCommand(shift); waits && shift.Status.Release != nil && release.Number == shift.Status.Release.Number {
		r.Commands = append(r.Commands, c)
	}
	r.Objectives = reportObjectives(objectivesOf(release), release.Plan)
	r.Overridden = append(overridden(r), others(release, r.running())...)
	return r
}

// happened takes in what was done to the release.
func (r *Report) happened(release *v1alpha1.Release) {
	for _, c := range release.Commands {
		r.Commands = append(r.Commands, ReportCommand{Verb: clean(c.Verb), By: clean(c.By), Reason: clean(c.Reason), Given: known(c.GivenAt), Answered: known(&c.At),
			Result: clean(string(cmp.Or(c.Result, v1alpha1.CommandAccepted))), Message: clean(c.Message)})
	}
	for _, p := range release.Pauses {
		r.Pauses = append(r.Pauses, ReportPause{From: p.From.UTC(), Until: known(p.Until), By: clean(p.By), Reason: clean(p.Reason)})
	}
	if a := release.Away; a != nil {
		r.Away = &ReportAway{Since: a.Since.UTC(), Until: known(a.Until), Times: a.Times}
	}
	if e := release.Excused; e != nil {
		r.Excused = &ReportExcused{Pod: clean(e.Pod), Node: clean(e.Node), Since: e.Since.UTC(), Until: known(e.Until), Times: e.Times}
	}
	for _, w := range release.Weights {
		var hold string
		if w.Hold != "" {
			hold = span(w.Hold.Duration())
		}
		var objectives []Objective
		for _, o := range w.Objectives {
			objectives = append(objectives, objectiveOf(o))
		}
		r.Weights = append(r.Weights, ReportWeight{Weight: percent(w.Weight), Step: int(w.Step), At: w.At.UTC(), Until: known(w.Until), Hold: hold,
			Reason: clean(string(w.Reason)), By: clean(w.By), Message: clean(w.Message), Objectives: reportObjectives(objectives, release.Plan)})
	}
}

func reportPlan(plan v1alpha1.ShiftPolicySpec) *ReportPlan {
	if len(plan.Steps) == 0 {
		return nil
	}
	p := &ReportPlan{Pace: clean(string(plan.Pace.Type)), FailedRequests: plan.Pace.FailedRequests, Tolerance: clean(plan.Tolerance),
		AbortAt: abortAt, PassAt: passAt(plan.Confidence),
		FalseAbort: percent(plan.Confidence.FalseAbort), FalsePromote: percent(plan.Confidence.FalsePromote)}
	for _, s := range plan.Steps {
		p.Steps = append(p.Steps, ReportStep{Weight: percent(s.Weight), Hold: setting(s.Hold)})
	}
	return p
}

// reportObjectives are objectives with the targets of the plan.
func reportObjectives(all []Objective, plan v1alpha1.ShiftPolicySpec) []ReportObjective {
	targets := map[string]string{}
	for _, o := range plan.Objectives {
		targets[clean(o.Name)] = percent(o.Target)
	}
	var out []ReportObjective
	for _, o := range all {
		out = append(out, ReportObjective{Name: o.title(), Target: targets[o.Name], Verdict: verdict(o), StableRequests: o.Stable.Requests, StableBad: o.Stable.Bad,
			CanaryRequests: o.Canary.Requests, CanaryBad: o.Canary.Bad, Against: o.Against, For: o.For})
	}
	return out
}

// overridden says what people set aside in a release.
func overridden(r Report) []string {
	var all []string
	for _, w := range r.Weights {
		if w.Reason == string(v1alpha1.WeightCommanded) {
			all = append(all, fmt.Sprintf("%s was commanded by %s: %s", w.Weight, someone(w.By), w.Message))
		}
	}
	for _, c := range r.Commands {
		if c.Result != string(v1alpha1.CommandAccepted) {
			continue
		}
		said := someone(c.By)
		if c.Reason != "" {
			said += ": " + c.Reason
		}
		switch c.Verb {
		case "promote-full":
			all = append(all, "the promotion was commanded by "+said)
		case "replan":
			all = append(all, "the plan was replaced in the middle of the release by "+said)
		case "retry":
			all = append(all, "a template that had been refused was tried again by "+said)
		}
	}
	for _, p := range r.Pauses {
		text := fmt.Sprintf("no weight was raised from %s to %s, by %s", stamp(&p.From), cmp.Or(stamp(p.Until), "the end"), someone(p.By))
		if p.Until == nil && r.running() {
			text = fmt.Sprintf("no weight has been raised since %s, by %s", stamp(&p.From), someone(p.By))
		}
		if p.Reason != "" {
			text += ": " + p.Reason
		}
		all = append(all, text)
	}
	return all
}

// others says what others set against a release: edits, confirmations, denials.
func others(release *v1alpha1.Release, running bool) []string {
	var all []string
	for _, e := range release.Overridden {
		by, message := someone(clean(e.By)), clean(e.Message)
		switch e.Kind {
		case v1alpha1.OverrideRoutes, v1alpha1.OverrideSelector:
			all = append(all, fmt.Sprintf("%s was changed by %s, and put back%s", message, by, lasting(e, running)))
		case v1alpha1.OverrideSiblings:
			all = append(all, fmt.Sprintf("callers of %s could meet the version in proportion to its pods, whatever the weight, and were not counted: confirmed by %s", message, by))
		case v1alpha1.OverrideDenied:
			all = append(all, fmt.Sprintf("a write was denied%s: %s", lasting(e, running), message))
		default:
			all = append(all, fmt.Sprintf("%s by %s%s: %s", clean(string(e.Kind)), by, lasting(e, running), message))
		}
	}
	return all
}

// lasting is how often something was set against a release, and from when to when.
func lasting(e v1alpha1.Override, running bool) string {
	often, from, until := "", stamp(known(&e.From)), stamp(known(e.Until))
	if e.Times > 1 {
		often = " " + times(e.Times) + ","
	}
	switch {
	case until == from:
		return often + " at " + from
	case until == "" && running:
		return often + " since " + from
	}
	return fmt.Sprintf("%s from %s to %s", often, from, cmp.Or(until, "the end"))
}

func someone(name string) string { return cmp.Or(name, "somebody unknown") }

func cleaned(texts []string) []string {
	var out []string
	for _, t := range texts {
		out = append(out, clean(t))
	}
	return out
}

// known is a time of the record, nil when it is not known.
func known(t *metav1.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	at := t.UTC()
	return &at
}
