package release

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenToldToReplan lets a running release go on by the policy as it is now. How it is judged stays as it was: evidence that begins
// anew in the middle is worth less.
func whenToldToReplan(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || !o.commanded(replan) {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	r.Plan, r.Policy, r.PolicyGeneration = replanned(o), o.Wanted.Policy, o.Wanted.PolicyGeneration
	if r.Step > 0 {
		r.Step = stepOf(r.Plan, r.Weight)
	}
	recount(r)
	if r.Baseline != nil {
		r.Detects = Detects(r.Plan, r.Baseline)
	}
	d := Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing,
		Message: fmt.Sprintf("the release goes on by ShiftPolicy %s as it is now; its objectives, confidence, tolerance and warm-up stay those it began with", r.Policy)}
	d.Answer = o.Wanted.Command.accepted(o.Wanted.Command.because(d.Message))
	return d, true
}

// replanned is the policy as it is now, but for what the running release is judged by.
func replanned(o Observation) v1alpha1.ShiftPolicySpec {
	plan, was := *o.Wanted.Plan.DeepCopy(), o.Release.Plan.DeepCopy()
	plan.Objectives, plan.Confidence, plan.Tolerance, plan.Warmup = was.Objectives, was.Confidence, was.Tolerance, was.Warmup
	return plan
}

// recount names the steps of the recorded weights by a plan that has changed.
func recount(r *v1alpha1.Release) {
	for i, w := range r.Weights {
		r.Weights[i].Step = stepOf(r.Plan, w.Weight)
	}
}

// stepOf is the step of a plan, from 1, that a weight is or is on the way to.
func stepOf(plan v1alpha1.ShiftPolicySpec, weight v1alpha1.Percentage) int32 {
	return int32(slices.IndexFunc(plan.Steps, func(s v1alpha1.Step) bool { return s.Weight.Millionths() >= weight.Millionths() }) + 1)
}

func refuseReplan(o Observation) string {
	switch {
	case o.Wanted.Plan == nil:
		return fmt.Sprintf("ShiftPolicy %s is not there: apply it first", o.Wanted.Policy)
	case o.Release.State == v1alpha1.StateHandover:
		return "the release is past its steps and is being handed over"
	case o.Wanted.Policy == o.Release.Policy && equality.Semantic.DeepEqual(replanned(o), o.Release.Plan):
		return fmt.Sprintf("the release follows ShiftPolicy %s as it is now already; its objectives, confidence, tolerance and warm-up do not change before it ends", o.Wanted.Policy)
	}
	return ""
}
