package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// nextOf is one sentence on what happens next. The operator's own is taken while a release runs, unless the clock already
// says it beside the weight.
func nextOf(shift *v1alpha1.TrafficShift, s Screen, now time.Time) string {
	r := shift.Status.Release
	switch {
	case s.Weight != nil && s.Weight.Next != "":
		return ""
	case s.Unattended:
		return "nothing, until an operator works again"
	case !r.Running():
		return restSentence(s, shift.Spec.Control == v1alpha1.ControlPaused)
	case s.TakingBack && s.Outcome == nil:
		return "the release is taken back, as soon as an operator sees the command"
	}
	move := nextWeight(r)
	if said := operatorsWord(shift, s); said != "" {
		return s.unlessNoted(said, move)
	}
	return stateSentence(r, s, move, now)
}

// stateSentence is what happens next to a running release of which the operator says nothing more.
func stateSentence(r *v1alpha1.Release, s Screen, move string, now time.Time) string {
	switch s.State {
	case StatePreparing:
		return when(move, "the canary's pods are ready and only routed traffic can reach them")
	case StateShifting:
		return when(move, clearance(s))
	case StatePaused:
		return when(move, "control is Auto again and the evidence clears it; aborts still work")
	case StateHeld:
		return when(move, "that is over; no weight is raised until then, aborts still work")
	case StateHandover:
		return "the Deployment takes over the canary's pods, then routes and Service are put back as they were"
	case StateAborting:
		return "all traffic goes to the stable, then the canary's pods go"
	case StateDraining:
		return "the canary's pods go" + drain(r, now)
	case StateRestoring:
		return "routes and Service are put back as they were"
	}
	return ""
}

// operatorsWord is what the operator says comes next; "" where the screen says it in its own words.
func operatorsWord(shift *v1alpha1.TrafficShift, s Screen) string {
	if s.State == StatePaused || holding(shift, s) {
		return ""
	}
	return beyondOutcome(s, clean(shift.Status.Release.Next))
}

// unlessNoted is the operator's sentence, unless a note has it already: one may be cut sooner than the other.
func (s Screen) unlessNoted(said, move string) string {
	if slices.ContainsFunc(s.Notes, func(n Note) bool { return strings.HasPrefix(n.Message, said) }) {
		return notedSentence(s.State, move)
	}
	return said
}

// notedSentence is what happens next where a note says already what that waits for.
func notedSentence(state State, move string) string {
	switch state {
	case StatePreparing, StateShifting, StateHeld:
		return when(move, "that is over; no weight is raised until then, aborts still work")
	}
	return ""
}

// holding says whether the operator's own sentence tells no more than how long the weight has been held, which stands beside the weight.
func holding(shift *v1alpha1.TrafficShift, s Screen) bool {
	reason := condition(shift, v1alpha1.ConditionReconciling)
	return s.State == StateShifting && s.Weight != nil && s.Weight.Held >= 0 && reason != nil && reason.Reason == string(v1alpha1.ReasonHolding)
}

// beyondOutcome is what the operator says beyond the reason of the outcome, which stands on the screen.
func beyondOutcome(s Screen, next string) string {
	if s.Outcome == nil || s.Outcome.Message == "" {
		return next
	}
	return strings.TrimPrefix(strings.TrimPrefix(next, s.Outcome.Message), "; ")
}

// clearance is what a weight waits for.
func clearance(s Screen) string {
	if s.Weight != nil && s.Weight.Settling {
		return "this weight is live, has been held and the evidence clears it"
	}
	return "the evidence clears it"
}

// drain is how long requests in flight may still take.
func drain(r *v1alpha1.Release, now time.Time) string {
	if r.DrainUntil == nil || !r.DrainUntil.After(now) {
		return ""
	}
	return " in " + span(r.DrainUntil.Sub(now))
}

func when(move, then string) string {
	if move == "" {
		return "the next weight when " + then
	}
	return move + " when " + then
}

func restSentence(s Screen, paused bool) string {
	number := max(s.Number, newestNumber(s.History)) + 1
	switch s.State {
	case StatePending:
		return pendingSentence(s.Policy)
	case StatePaused:
		return "nothing until it is resumed: kubectl stagger resume " + s.Name
	case StateWaiting:
		if s.Waiting == "" {
			return ""
		}
		return fmt.Sprintf("release %d begins when that is over", number)
	case StateStalled:
		return "nothing is released until that is mended"
	case StateAborted, StateIdle, StatePromoted:
		return templateSentence(s, number, paused)
	}
	return ""
}

// templateSentence is what happens where nothing waits but for a change of the template, or for an operator that looks at one.
func templateSentence(s Screen, number int64, paused bool) string {
	switch {
	case s.news.version && paused:
		return "nothing until it is resumed: kubectl stagger resume " + s.Name
	case s.news.version:
		return fmt.Sprintf("an operator looks at what was pushed; if it is to be released, that is release %d", number)
	case s.State == StateAborted:
		if s.Outcome != nil && !s.Outcome.Refused {
			return "the same template may be released again"
		}
		return "this template is not released again until it changes; release it as it is with: kubectl stagger retry " + s.Name
	case paused:
		return "a change of the pod template waits until it is resumed: kubectl stagger resume " + s.Name
	}
	return fmt.Sprintf("a change of the pod template starts release %d", number)
}

func newestNumber(past []Past) int64 {
	most := int64(0)
	for _, p := range past {
		most = max(most, p.Number)
	}
	return most
}

func pendingSentence(policy string) string {
	return fmt.Sprintf("Stagger has not looked at it yet; check that the operator runs (kubectl get pods -A -l app.kubernetes.io/name=stagger)"+
		" and that the policy exists (kubectl get shiftpolicy %s)", cmp.Or(policy, "<name>"))
}
