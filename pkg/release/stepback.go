package release

import (
	"fmt"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// stepsBack is how often a release may step back from full traffic before it is aborted.
const stepsBack = 5

// sideBySide is the largest weight to step back to: most of the traffic stays beside the canary, on the stable.
const sideBySide = v1alpha1.Whole / 20

// whenAlone gives most of the traffic back to the stable, because at full traffic there is nothing to compare the canary with.
func whenAlone(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.aborting() || !o.Evidence.Verdict.AloneBreach || o.Release.Weight.Millionths() <= sideBySide {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	step := smallStep(&r.Plan)
	share := populationOf(r.Plan.Steps[step-1]).Share
	if r.StepsBack >= stepsBack {
		return abort(o, v1alpha1.ReasonNoConcurrentControl, v1alpha1.RefuseTemplate,
			fmt.Sprintf("the canary broke an objective at full traffic %d times, with no stable to compare with", stepsBack+1))
	}
	r.StepsBack++
	recount(r) // where the plan got a step
	move{step: step, share: share, reason: v1alpha1.WeightSteppedBack, why: "an objective was broken at full traffic"}.into(r, o, now)
	d := Decision{Levers: []Action{{Verb: Lower, Who: callers(share)}}, Actions: []Action{{Verb: Save}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonNoConcurrentControl,
		Message: "an objective is broken at full traffic, where nothing shows whether the version is to blame; stepping back to " + string(r.Weight)}
	if o.Service.Narrowed == o.canary() {
		d.Levers = append(d.Levers, Action{Verb: Narrow, Hash: r.Stable})
	}
	return d, true
}

// smallStep is the last step, from 1, that leaves most of the traffic beside the canary. Where the plan has none it gets one: what is
// stepped back to is judged like any other step.
func smallStep(p *v1alpha1.ShiftPolicySpec) int32 {
	step := int32(0)
	for i, s := range p.Steps {
		if s.Weight.Millionths() <= sideBySide {
			step = int32(i + 1)
		}
	}
	if step > 0 {
		return step
	}
	first := v1alpha1.Step{Weight: v1alpha1.PercentageOf(sideBySide), Hold: p.Steps[0].Hold}
	if len(p.Steps) == mostSteps {
		p.Steps[0] = first
	} else {
		p.Steps = slices.Insert(p.Steps, 0, first)
	}
	return 1
}
