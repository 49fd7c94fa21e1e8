package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenLastStepCleared hands the judged pods to the Deployment: first the Service, then, when callers past the routes have moved,
// the ReplicaSet.
func whenLastStepCleared(o Observation, now time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	if _, more := o.Release.NextStop(); more {
		return Decision{}, false
	}
	if o.External {
		return promoteExternal(o), true
	}
	if o.Workload.Canary.Replicas != o.Workload.Replicas && o.Workload.Replicas > 0 {
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the Deployment wants %d pods", o.Workload.Replicas))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: o.Workload.Replicas}}
		return d, true
	}
	if d, short := podsFor(o, now, v1alpha1.Whole); short {
		return d, true
	}
	if o.Workload.Canary.ready() < o.Workload.Replicas { // the Deployment would start others for those that are missing
		return awaitPods(o, now, o.Workload.Replicas)
	}
	r := o.Release.DeepCopy()
	d := Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: o.provenOr("every step is "+o.clearedBy()) + "; handing the canary's pods over"}
	if r.State != v1alpha1.StateHandover || r.HandoverSince == nil || o.Service.Narrowed != r.Revision {
		r.State, r.HandoverSince, r.PodsAwaitedSince = v1alpha1.StateHandover, stamp(now), nil
		d.Actions = []Action{{Verb: Save}, {Verb: Narrow, Hash: r.Revision}}
		d.After = o.Bounds.Push
		return d, true
	}
	if left := r.HandoverSince.Add(o.Bounds.Push).Sub(now); left > 0 {
		d.After = left
		return d, true
	}
	d.Actions = []Action{{Verb: GiveSet}}
	return d, true
}

// movedOver says whether the Service selects the canary because the handover has begun.
func movedOver(o Observation) bool {
	return o.Release.State == v1alpha1.StateHandover && o.Service.Narrowed == o.Release.Revision
}

// takeBack makes that a weight lowered during the handover means something: the Service selects the stable again.
func takeBack(o Observation) (Decision, bool) {
	r := o.Release.DeepCopy()
	r.State, r.HandoverSince = v1alpha1.StateShifting, nil
	if n := len(r.Weights); n > 0 {
		r.Weights[n-1].Until = nil
	}
	message := "the canary's weight was lowered during the handover; the Service goes back to the stable"
	if f := o.Routes.Foreign; f != nil {
		message = f.by() + " lowered the canary's weight during the handover; the Service goes back to the stable"
	}
	return Decision{Levers: []Action{{Verb: Narrow, Hash: r.Stable}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonForeignEdit, Message: message}, true
}
