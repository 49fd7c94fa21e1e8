package view

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Verb is what people do to a release.
type Verb string

// The verbs that a page offers.
const (
	VerbPause   Verb = "pause"
	VerbResume  Verb = "resume"
	VerbPromote Verb = "promote"
	VerbAbort   Verb = "abort"
	VerbUndo    Verb = "undo"
	VerbRetry   Verb = "retry"
)

// Action is one verb for one release, with what is to be confirmed before it.
type Action struct {
	Verb  Verb   `json:"verb"`
	Label string `json:"label"`
	// Refused says why the verb makes no sense now; "" when it does.
	Refused string `json:"refused"`
	// Title asks, and Effect says what will happen.
	Title  string `json:"title"`
	Effect string `json:"effect"`
	// Confirm is what the button says that does it.
	Confirm string `json:"confirm"`
	// Grave says that users will notice it.
	Grave bool `json:"grave"`
	// Reason says whether a reason is asked for: "" when not.
	Reason string `json:"reason"`
}

// What a reason is to an Action.
const (
	ReasonOptional = "optional"
	ReasonRequired = "required"
)

// actionsOf are the verbs for a Service: pause or resume, promote, abort, undo, and retry.
func actionsOf(shift *v1alpha1.TrafficShift, s Screen, refused func(Verb) string) []Action {
	named := s.Name
	switch {
	case s.Waiting != "":
		named += " (" + versionPair(s.Canary, s.Stable) + ")"
	case s.Number > 0:
		named = fmt.Sprintf("release %d of %s", s.Number, s.Name)
		if v := versionPair(s.Canary, s.Stable); v != "" && s.State != StateIdle {
			named += " (" + v + ")"
		}
	}
	weight := "0%"
	if s.Weight != nil {
		weight = cmp.Or(s.Weight.Wanted, "an unknown weight")
	}
	actions := []Action{pauseAction(shift, s, named, weight), promoteAction(shift, named, weight),
		{Verb: VerbAbort, Label: "Abort", Title: "Abort " + named + "?", Confirm: "Abort the release", Grave: true, Reason: ReasonOptional,
			Effect: "The canary's traffic goes from " + weight + " to 0% first, then everything else is put back." +
				" The same template is not released again until it changes or a retry is commanded."},
		{Verb: VerbUndo, Label: "Undo", Title: "Undo " + named + "?", Confirm: "Undo the release", Grave: true, Reason: ReasonOptional,
			Effect: "A release that runs is taken back first. Then the Deployment gets the version that serves, in place of the one that was taken back;" +
				" no pod starts or ends by it. Put it back in Git too."},
		{Verb: VerbRetry, Label: "Retry", Title: "Release the version of " + named + " again?", Confirm: "Release it again", Grave: true, Reason: ReasonOptional,
			Effect: fmt.Sprintf("The version that was taken back is released again as it is. Release %d starts at the first step, with 0%% of the traffic at first.",
				max(s.Number, newestNumber(s.History))+1)},
	}
	for i := range actions {
		actions[i].Refused = refused(actions[i].Verb)
	}
	return actions
}

func pauseAction(shift *v1alpha1.TrafficShift, s Screen, named, weight string) Action {
	runs := s.Weight != nil
	if shift.Spec.Control == v1alpha1.ControlPaused {
		a := Action{Verb: VerbResume, Label: "Resume", Title: "Resume " + named + "?", Confirm: "Resume", Effect: "Weights are raised by evidence again."}
		if runs {
			a.Effect = "It is at " + weight + ", and goes on from there as soon as the evidence clears the next weight."
		}
		return a
	}
	a := Action{Verb: VerbPause, Label: "Pause", Title: "Pause " + named + "?", Confirm: "Pause", Reason: ReasonOptional,
		Effect: "A release that starts gets no traffic until it is resumed."}
	if runs {
		a.Effect = "It stays at " + weight + " until it is resumed. It is still taken back when the evidence is against it. The pause outlives this release."
	}
	return a
}

func promoteAction(shift *v1alpha1.TrafficShift, named, weight string) Action {
	a := Action{Verb: VerbPromote, Label: "Promote", Title: "Leave " + weight + " of " + named + "?", Confirm: "Leave " + weight, Grave: true,
		Effect: "The present weight is left for the next step.", Reason: ReasonOptional}
	r := shift.Status.Release
	if r == nil {
		return a
	}
	if step, more := r.NextStop(); more && int(step) <= len(r.Plan.Steps) {
		a.Effect = fmt.Sprintf("The canary's traffic goes from %s to %s now, the next step of the plan, without waiting for its hold.",
			weight, percent(r.Plan.Steps[step-1].Weight))
	}
	if Overrides(shift) {
		a.Reason = ReasonRequired
		a.Effect += " The evidence does not clear that step, so say why it is to be left all the same."
	}
	return a
}

// Overrides says whether leaving the present weight of a release goes beyond its evidence, as far as the status tells.
func Overrides(shift *v1alpha1.TrafficShift) bool {
	r := shift.Status.Release
	return r == nil || stateOf(shift) == StateHeld || !cleared(r)
}

// cleared says whether the evidence for each objective passes.
func cleared(r *v1alpha1.Release) bool {
	objectives, pass := objectivesOf(r), passAt(r.Plan.Confidence)
	return len(objectives) > 0 && !slices.ContainsFunc(objectives, func(o Objective) bool { return parseShown(o.For) < pass })
}
