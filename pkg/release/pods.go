package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// MayBeAway is how many of so many pods of a version may be away, or fail, without its being held or blamed for that: one in ten, as during
// an upgrade of the nodes. Below ten pods it is none.
func MayBeAway(pods int32) int32 { return pods / 10 }

// enough says whether so many available pods of all that are wanted can carry a version.
func enough(available, wanted int32) bool { return available >= wanted-MayBeAway(wanted) }

// podsFor scales the canary for a share and waits for its pods, and for the stable's, to which an abort would go back. A person who leaves
// the weight with a reason does not wait for the stable's: what is released may be its cure.
func podsFor(o Observation, now time.Time, share int64) (Decision, bool) {
	need, stable := o.size(share), o.Workload.Stable
	switch {
	case o.External:
		return Decision{}, false
	case !o.stableReady() && !o.overridden():
		return awaitLater(o, now, v1alpha1.ReasonStableNotReady, fmt.Sprintf(
			"%d of %d stable pods are available; to release a cure all the same, command promote-full with a reason", stable.Available, stable.Replicas))
	case o.Workload.Canary.Replicas < need:
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the canary needs %d pods for %s", need, v1alpha1.PercentageOf(share)))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: need}}
		return d, true
	case !enough(o.Workload.Canary.ready(), need):
		return awaitPods(o, now, need)
	}
	return Decision{}, false
}

// stableReady says whether the stable has the pods to take all traffic back.
func (o Observation) stableReady() bool {
	stable := o.Workload.Stable
	return o.External || stable.Replicas > 0 && enough(stable.Available, stable.Replicas)
}

// overridden says whether a person wants the present weight left and has said why.
func (o Observation) overridden() bool { return o.leaving() && o.Wanted.Command.Why != "" }

// awaitPods waits for pods of the canary: before its first traffic for readyWithin, later for as long as the policy lets a release be
// undetermined.
func awaitPods(o Observation, now time.Time, need int32) (Decision, bool) {
	message := fmt.Sprintf("%d of %d pods of the canary are available", o.Workload.Canary.ready(), need) + o.why()
	if o.Release.Step > 0 {
		return awaitLater(o, now, v1alpha1.ReasonCanaryNotReady, message)
	}
	r := o.Release.DeepCopy()
	r.SettledAt = nil // the proxies are told of the pods once they are there
	if r.Away != nil {
		o.Release = r
		return awaitLater(o, now, v1alpha1.ReasonCanaryAway, message+"; the stable has the traffic meanwhile, and the version is not blamed")
	}
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

// awaitLater waits for pods of either version whose absence blames nobody. A policy that ends what stays undetermined ends this too, once
// the canary has had traffic; the release may be tried again.
func awaitLater(o Observation, now time.Time, reason v1alpha1.Reason, message string) (Decision, bool) {
	r := o.Release.DeepCopy()
	if r.PodsAwaitedSince == nil {
		r.PodsAwaitedSince = stamp(now)
	}
	d := Decision{Release: r, Refused: o.Refused, Reason: reason, Message: message}
	if limit := r.Plan.Undetermined; limit.Action == v1alpha1.ActionAbort && r.Moves > 0 {
		if d.After = r.PodsAwaitedSince.Add(limit.After.Duration()).Sub(now); d.After <= 0 {
			return abort(o, reason, v1alpha1.RefuseNothing, fmt.Sprintf("%s; this has lasted for %s", message, limit.After))
		}
	}
	return d, true
}
