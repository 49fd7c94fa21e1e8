package release

import (
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// abort begins to take the running release back.
func abort(o Observation, reason v1alpha1.Reason, refuse v1alpha1.Refusal, message string) (Decision, bool) {
	r := o.Release.DeepCopy()
	r.State = v1alpha1.StateAborting
	r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: reason, Message: truncate(message, mostMessage), Refuse: refuse}
	r.Weight, r.SettledAt = v1alpha1.PercentageOf(0), nil
	r.PodsAwaitedSince, r.SharedBreachSince, r.HandoverSince = nil, nil, nil
	return Decision{Levers: levers(o), Release: r, Refused: o.Refused, Reason: reason, Message: message}, true
}

// levers are the writes that take the canary's traffic away, as far as they are still open. The canary's Service is the strongest: one
// write for all routes, which the mesh tells its proxies the soonest. After it come writes of another kind, because what refuses the
// first may let these pass.
func levers(o Observation) []Action {
	if deserted(o) {
		return []Action{{Verb: Widen}} // before it the routes would lead everybody to a Service without pods
	}
	r, stable := o.Release, o.Workload.Stable.There()
	var acts []Action
	if stable && o.Canary.Exists && (!o.Canary.Aborted || o.Canary.Selects != r.Stable) { // without a stable it would select nothing
		acts = append(acts, Action{Verb: AbortService, Hash: r.Stable})
	}
	if o.Routes.Highest > 0 || o.Routes.AbortOpen {
		acts = append(acts, Action{Verb: AbortRoutes})
	}
	if stable && o.Service.Narrowed != "" && o.Service.Narrowed == r.Revision {
		acts = append(acts, Action{Verb: Narrow, Hash: r.Stable})
	}
	return append(acts, stopRollout(o)...)
}

// deserted says whether the Service selects pods of a stable that is gone: an empty Service helps nobody.
func deserted(o Observation) bool {
	return o.Service.Narrowed != "" && o.Release.Stable != "" && !o.Workload.Stable.There()
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

func whenAborting(o Observation, now time.Time) (Decision, bool) {
	if !o.aborting() {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	blamePod(r, o)
	qualifyCounts(r, o)
	d := Decision{Release: r, Refused: o.Refused, Reason: r.Outcome.Reason, Message: r.Outcome.Message}
	if open := levers(o); len(open) > 0 {
		undoneAbort(r, o, now)
		d.Levers = open
		if o.Canary.Exists && o.Canary.Selects == r.Revision {
			r.DrainUntil = nil // requests may have reached its pods until now
		}
		return d, true
	}
	if o.Unended {
		d.Actions = []Action{{Verb: StopChecks}}
		return d, true
	}
	if emptied(o, &d, now) {
		return restored(o, d, now)
	}
	if o.Workload.Canary.There() && o.Workload.Stable.There() && o.Service.Exists && o.Service.Narrowed != r.Stable {
		override(r, v1alpha1.OverrideSelector, o.Service.SelectorBy, selectorOfService, now)
		d.Levers = append(d.Levers, Action{Verb: Narrow, Hash: r.Stable}) // the abort goes on: who keeps reverting it must not keep the pods
	}
	return d, true
}

// qualifyCounts says in the outcome, once, that the canary's Service leads to the stable's pods while routes still lead to it, as where somebody
// denies the routes their change: its counts are those of the stable too.
func qualifyCounts(r *v1alpha1.Release, o Observation) {
	if o.Canary.Exists && o.Canary.Selects == r.Stable && o.Routes.Highest > 0 && !strings.Contains(r.Outcome.Message, numbersInclude) {
		r.Outcome.Message = truncate(r.Outcome.Message+"; "+alsoCounted(o), mostMessage)
	}
}

// emptied says whether no pod of the aborted canary is left, and else puts the next step towards it into the decision.
func emptied(o Observation, d *Decision, now time.Time) bool {
	r := d.Release
	switch {
	case o.External: // whoever runs the pods lets them end their requests
		return true
	case r.DrainUntil == nil:
		r.State, r.RestoringSince = v1alpha1.StateDraining, nil
		r.DrainUntil = stamp(now.Add(r.Plan.Workload.Drain.Duration()))
		d.After = r.Plan.Workload.Drain.Duration()
	case now.Before(r.DrainUntil.Time):
		d.After = r.DrainUntil.Sub(now)
	case o.Workload.Canary.There() && o.Workload.Replicas > 0 && !o.Workload.Stable.There() && o.Workload.Rogue == "":
		d.Message += "; the canary's pods stay, because no others serve: scale the Deployment to 0 and up again to roll it out"
	case o.Workload.Canary.There():
		d.Levers = []Action{{Verb: RemoveSet}} // where the Service cannot be narrowed, this takes the canary from its callers
	case o.Workload.Canary.Pods > 0:
		d.Message += "; the canary's pods are ending" + o.Workload.Canary.stay()
	default:
		return true
	}
	return false
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
	if pod := o.Workload.Lingering; pod != "" && !o.External { // proxies that were not told of anything may still send it requests
		d.Message += "; pod " + pod + " is ending, and may still answer requests until it has"
		d.After = time.Second
		return d, true
	}
	if r.Outcome.Refuse == v1alpha1.RefuseTemplate {
		d.Refused = r.Revision
	}
	r.State, r.FinishedAt, r.RestoringSince, r.DrainUntil = v1alpha1.StateAborted, stamp(now), nil, nil
	d.Actions = ending(o)
	return d, true
}

// abortFound says where an abort of the running release was found that its record does not know of; empty when nowhere.
func abortFound(o Observation) string {
	switch {
	case !o.running() || o.aborting() || o.Workload.HandedOver:
		return ""
	case o.Canary.Aborted && o.Canary.Number == o.Release.Number:
		return "its canary Service"
	case o.Routes.AbortFound && !o.Routes.AbortOpen:
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
