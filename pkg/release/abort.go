package release

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// stepsBack is how often a release may step back from full traffic before it is aborted.
const stepsBack = 5

// sideBySide is the largest weight to step back to: most of the traffic stays beside the canary, on the stable.
const sideBySide = v1alpha1.Whole / 20

// mostSteps is how many steps the API server accepts in a record's plan.
const mostSteps = 20

// contestable is how often a foreign edit is put back within contestWindow before the release stops fighting.
const (
	contestable   = 5
	contestWindow = 2 * time.Minute
)

// levers are the writes that take the canary's traffic away, in their order, as far as they are still open.
func levers(o Observation) []Action {
	var acts []Action
	if o.Service.Narrowed == o.canary() && o.canary() != "" && o.Workload.Stable.There() {
		acts = append(acts, Action{Verb: Narrow, Hash: o.Release.Stable})
	}
	there := o.Workload.Stable.There() // else the canary's Service would select nothing: the routes have to do
	if there && o.Canary.Exists && (!o.Canary.Aborted || o.Canary.Selects != o.Release.Stable) {
		acts = append([]Action{{Verb: AbortService, Hash: o.Release.Stable}}, acts...)
	}
	if o.Routes.Highest > 0 || o.Routes.AbortOpen {
		acts = append(acts, Action{Verb: AbortRoutes})
	}
	return acts
}

// abort begins to take the running release back.
func abort(o Observation, reason v1alpha1.Reason, refuse v1alpha1.Refusal, message string) (Decision, bool) {
	r := o.Release.DeepCopy()
	r.State = v1alpha1.StateAborting
	r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: reason, Message: truncate(message, mostMessage), Refuse: refuse}
	r.Weight, r.SettledAt = v1alpha1.PercentageOf(0), nil
	r.PodsAwaitedSince, r.SharedBreachSince, r.HandoverSince = nil, nil, nil
	return Decision{Actions: levers(o), Release: r, Refused: o.Refused, Reason: reason, Message: message}, true
}

func whenAborting(o Observation, now time.Time) (Decision, bool) {
	if !o.aborting() {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	blamePod(r, o.Evidence.Pods)
	d := Decision{Release: r, Refused: o.Refused, Reason: r.Outcome.Reason, Message: r.Outcome.Message}
	if open := levers(o); len(open) > 0 {
		d.Actions = open
		if o.Canary.Exists && o.Canary.Selects == r.Revision {
			r.DrainUntil = nil // requests may have reached its pods until now
		}
		return d, true
	}
	if emptied(o, &d, now) {
		return restored(o, d, now)
	}
	if o.Workload.Canary.There() && o.Workload.Stable.There() && o.Service.Exists && o.Service.Narrowed != r.Stable {
		d.Actions = append(d.Actions, Action{Verb: Narrow, Hash: r.Stable}) // last: somebody who keeps reverting it must not keep the pods
	}
	return d, true
}

// emptied says whether no pod of the aborted canary is left, and else puts the next step towards it into the decision.
func emptied(o Observation, d *Decision, now time.Time) bool {
	r, stop := d.Release, stopRollout(o)
	switch {
	case o.External: // whoever runs the pods lets them end their requests
		return true
	case deserted(o):
		d.Actions = []Action{{Verb: Widen}}
	case len(stop) > 0:
		d.Actions = stop
	case r.DrainUntil == nil:
		r.State, r.RestoringSince = v1alpha1.StateDraining, nil
		r.DrainUntil = stamp(now.Add(r.Plan.Workload.Drain.Duration()))
		d.After = r.Plan.Workload.Drain.Duration()
	case now.Before(r.DrainUntil.Time):
		d.After = r.DrainUntil.Sub(now)
	case o.Workload.Canary.There() && o.Workload.Replicas > 0 && !o.Workload.Stable.There() && o.Workload.Rogue == "":
		d.Message += "; the canary's pods stay, because no others serve: scale the Deployment to 0 and up again to roll it out"
	case o.Workload.Canary.There():
		d.Actions = []Action{{Verb: RemoveSet}}
	case o.Workload.Canary.Pods > 0:
		d.Message += "; the canary's pods are ending"
	default:
		return true
	}
	return false
}

// abortFound says where an abort of the running release was found that its record does not know of; empty when nowhere.
func abortFound(o Observation) string {
	switch {
	case !o.running() || o.aborting() || o.Workload.HandedOver:
		return ""
	case o.Canary.Aborted && o.Canary.Number == o.Release.Number:
		return "its canary Service"
	case o.Routes.Marked && !o.Routes.AbortOpen:
		return "the routes"
	}
	return ""
}

// whenAbortFound goes on with an abort of a process that died before it could record why.
func whenAbortFound(o Observation, _ time.Time) (Decision, bool) {
	where := abortFound(o)
	if where == "" {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonNotRecorded, v1alpha1.RefuseTemplate, "the abort of this release was found on "+where)
}

// stopRollout ends a native rollout that somebody has let loose. Without a stable ReplicaSet to go back to, the paused Deployment
// would scale up again what is scaled away.
func stopRollout(o Observation) []Action {
	w := o.Workload
	var acts []Action
	if w.Deployment != "" && !w.Paused {
		acts = append(acts, Action{Verb: Pause})
	}
	if w.Rogue != "" && w.Stable.There() {
		acts = append(acts, Action{Verb: ScaleRogue})
		if w.Stable.Replicas < w.Replicas { // a paused Deployment keeps at their size those that have pods, and gives a stable none
			acts = append(acts, Action{Verb: ScaleStable, Replicas: w.Replicas})
		}
	}
	return acts
}

// restored takes the last steps of an abort: no pod of the canary is left.
func restored(o Observation, d Decision, now time.Time) (Decision, bool) {
	r := d.Release
	if o.Routes.Marked || o.Routes.OneMade || o.Service.Marked || o.Service.Narrowed != "" {
		r.State, r.RestoringSince = v1alpha1.StateRestoring, nil // its time begins when all of it is written
		d.Actions = []Action{{Verb: RestoreRoutes}, {Verb: Widen}}
		return d, true
	}
	if r.State = v1alpha1.StateRestoring; r.RestoringSince == nil {
		r.RestoringSince = stamp(now)
	}
	if wait := r.RestoringSince.Add(o.Bounds.Push).Sub(now); wait > 0 {
		d.After = wait
		return d, true
	}
	if r.Outcome.Refuse == v1alpha1.RefuseTemplate {
		d.Refused = r.Revision
	}
	r.State, r.FinishedAt, r.RestoringSince, r.DrainUntil = v1alpha1.StateAborted, stamp(now), nil, nil
	d.Actions = []Action{{Verb: Save}, {Verb: RemoveRule}, {Verb: RemoveService}}
	return d, true
}

func whenNoLongerWanted(o Observation, now time.Time) (Decision, bool) {
	switch {
	case o.Wanted.Managed:
		return Decision{}, false
	case o.running():
		return abort(o, v1alpha1.ReasonLetGo, v1alpha1.RefuseNothing, "the Service is no longer managed")
	case unrecorded(o):
		return abortUnrecorded(o, now)
	}
	d := Decision{Refused: o.Refused, Reason: v1alpha1.ReasonUnmanaged, Message: "the Service is no longer managed; everything was put back"}
	if rest := remains(o); len(rest) > 0 {
		d.Actions = rest
		return d, true
	}
	if o.Workload.Held {
		d.Actions = append(d.Actions, Action{Verb: Unhold})
		if o.Workload.Waits {
			d.Message = "the Service is no longer managed; Deployment " + o.Workload.Deployment +
				" stays paused, because its template was never released; unpause it to roll it out"
		}
	}
	d.Actions = append(d.Actions, Action{Verb: Forget})
	return d, true
}

func whenBreach(o Observation, _ time.Time) (Decision, bool) {
	v := o.Evidence.Verdict
	if !o.running() || v.State != evidence.Breach {
		return Decision{}, false
	}
	return abort(o, v1alpha1.Reason(v.Reason), v1alpha1.RefuseTemplate, blame(v))
}

// blame tells the numbers of a breach: the objective that says most against the canary.
func blame(v evidence.Verdict) string {
	worst := evidence.ObjectiveVerdict{}
	for _, o := range v.Objectives {
		if o.Against >= worst.Against {
			worst = o
		}
	}
	s, c := worst.Release.Stable, worst.Release.Canary
	return fmt.Sprintf("%s: %.0f of %.0f requests to the canary were bad, %.0f of %.0f to the stable; evidence %.0f, the limit is 100",
		worst.Name, c.Bad, c.Requests, s.Bad, s.Requests, v.Against)
}

// whenAlone gives most of the traffic back to the stable, because at full traffic there is nothing to compare the canary with.
func whenAlone(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.aborting() || !o.Evidence.Verdict.AloneBreach || o.Release.Weight.Millionths() <= sideBySide {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	step := smallStep(&r.Plan)
	share := r.Plan.Steps[step-1].Weight.Millionths()
	if r.StepsBack >= stepsBack {
		return abort(o, v1alpha1.ReasonNoConcurrentControl, v1alpha1.RefuseTemplate,
			fmt.Sprintf("the canary broke an objective at full traffic %d times, with no stable to compare with", stepsBack+1))
	}
	r.StepsBack++
	recount(r) // where the plan got a step
	move{step: step, share: share}.into(r, now)
	d := Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonNoConcurrentControl,
		Message: "an objective is broken at full traffic, where nothing shows whether the version is to blame; stepping back to " + string(r.Weight)}
	if o.Service.Narrowed == o.canary() {
		d.Actions = append(d.Actions, Action{Verb: Narrow, Hash: r.Stable})
	}
	d.Actions = append(d.Actions, Action{Verb: Lower, Share: share}, Action{Verb: Save})
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

func whenCanaryFailing(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Workload.Crashing == "" {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonCanaryCrashing, v1alpha1.RefuseTemplate, o.Workload.Crashing)
}

// deserted says whether the Service selects pods of a stable that is gone: an empty Service helps nobody.
func deserted(o Observation) bool {
	return o.Service.Narrowed != "" && o.Release.Stable != "" && !o.Workload.Stable.There()
}

// whenGone ends a release that has nothing left to go back or on to.
func whenGone(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	w, p := o.Workload, o.Wanted.Problem
	var message string
	switch {
	case p != nil && p.Gone:
		message = p.Message
	case w.Deployment != "" && !w.Stable.There():
		message = "the stable ReplicaSet was deleted"
	case w.Deployment != "" && w.Replicas == 0:
		message = "Deployment " + w.Deployment + " was scaled to 0"
	default:
		return Decision{}, false
	}
	d, ok := abort(o, v1alpha1.ReasonWorkloadGone, v1alpha1.RefuseNothing, message)
	if deserted(o) {
		d.Actions = append([]Action{{Verb: Widen}}, d.Actions...)
	}
	return d, ok
}

func whenTemplateIsStableAgain(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Workload.Deployment == "" && !o.External || o.Workload.Waits || o.Workload.Template == o.canary() {
		return Decision{}, false
	}
	message := "the Deployment's template is the stable one again"
	if o.External {
		message = "revision " + o.Workload.Template + " is wanted again"
	}
	return abort(o, v1alpha1.ReasonReverted, v1alpha1.RefuseNothing, message)
}

func whenNewerTemplate(o Observation, _ time.Time) (Decision, bool) {
	switch {
	case !o.running():
		return Decision{}, false
	case o.Workload.Rogue != "":
		d, ok := abort(o, v1alpha1.ReasonSuperseded, v1alpha1.RefuseNothing,
			"Deployment "+o.Workload.Deployment+" was unpaused and began to roll out by itself: ReplicaSet "+o.Workload.Rogue)
		d.Actions = append(d.Actions, stopRollout(o)...)
		return d, ok
	case o.Workload.Template != "" && o.Workload.Template != o.canary():
		what := "a newer template"
		if o.External {
			what = "revision " + o.Workload.Template
		}
		return abort(o, v1alpha1.ReasonSuperseded, v1alpha1.RefuseNothing, what+" arrived; it is released next")
	}
	return Decision{}, false
}

func whenSelectorContested(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || contested(o.Release, now).Selector <= contestable {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonSelectorContested, v1alpha1.RefuseTemplate,
		"the selector of the Service was written back again and again, which lets callers past the routes meet the canary; "+
			"exclude spec.selector of this Service from the tool that applies it")
}

// contested is the count of put-backs within the window.
func contested(r *v1alpha1.Release, now time.Time) v1alpha1.Contested {
	c := r.Contested
	if c.Since == nil || now.Sub(c.Since.Time) > contestWindow {
		return v1alpha1.Contested{Since: stamp(now)}
	}
	return c
}

// stamp is a time as the API stores it, in whole seconds: the next one, so that nothing counted before the moment is taken for
// what came after it.
func stamp(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.Add(time.Second - 1).Truncate(time.Second))
	return &m
}
