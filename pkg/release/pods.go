package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// podsFor scales the canary for a share and waits for its pods, and for the stable's, to which an abort would go back.
func podsFor(o Observation, now time.Time, share int64) (Decision, bool) {
	need, stable := o.size(share), o.Workload.Stable
	switch {
	case o.External:
		return Decision{}, false
	case stable.Available < stable.Replicas || stable.Replicas == 0:
		return wait(o, v1alpha1.ReasonStableNotReady, fmt.Sprintf("%d of %d stable pods are available", stable.Available, stable.Replicas)), true
	case o.Workload.Canary.Replicas < need:
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the canary needs %d pods for %s", need, v1alpha1.PercentageOf(share)))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: need}}
		return d, true
	case o.Workload.Canary.Available < need:
		return awaitPods(o, now, need)
	}
	return Decision{}, false
}

// awaitPods waits for pods of the canary: before its first traffic for readyWithin, later for as long as it takes.
func awaitPods(o Observation, now time.Time, need int32) (Decision, bool) {
	message := fmt.Sprintf("%d of %d pods of the canary are available", o.Workload.Canary.Available, need)
	if o.Workload.Obstacle != "" {
		message += ": " + o.Workload.Obstacle
	}
	if o.Release.Step > 0 {
		return wait(o, v1alpha1.ReasonCanaryNotReady, message), true
	}
	r := o.Release.DeepCopy()
	r.SettledAt = nil
	if r.PodsAwaitedSince == nil {
		r.PodsAwaitedSince = stamp(now)
	}
	left := r.PodsAwaitedSince.Add(r.Plan.Workload.ReadyWithin.Duration()).Sub(now)
	if left <= 0 {
		return abort(o, v1alpha1.ReasonCanaryNotReady, v1alpha1.RefuseTemplate,
			fmt.Sprintf("%s after %s", message, r.Plan.Workload.ReadyWithin))
	}
	return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonCanaryNotReady, Message: message, After: left}, true
}
