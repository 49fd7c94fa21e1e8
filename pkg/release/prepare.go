package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func whenInvalid(o Observation, _ time.Time) (Decision, bool) {
	p := o.Wanted.Problem
	if p == nil {
		return Decision{}, false
	}
	d := wait(o, p.Reason, p.Message)
	if p.Transient {
		d.Reason = v1alpha1.ReasonWaiting
		d.After = 10 * time.Second
	}
	return d, true
}

// whenNotHeld sees to it that a template change cannot roll out by itself.
func whenNotHeld(o Observation, _ time.Time) (Decision, bool) {
	w := o.Workload
	if !o.running() && (w.Replicas == 0 || o.Wanted.Problem != nil) || w.Deployment == "" {
		return Decision{}, false // at 0 replicas nobody is at risk; what cannot be released is not touched
	}
	var acts []Action
	if !w.Held {
		acts = append(acts, Action{Verb: Hold})
	}
	if !w.Paused && (w.Mode != HoldOnChange || o.running()) {
		acts = append(acts, Action{Verb: Pause})
	}
	if len(acts) == 0 {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonWaiting, "holding the Deployment's template changes")
	d.Actions = acts
	return d, true
}

func whenPaused(o Observation, _ time.Time) (Decision, bool) {
	if !o.Wanted.Paused || !o.running() && !o.Workload.Waits {
		return Decision{}, false
	}
	return wait(o, v1alpha1.ReasonPaused, "control is Paused: nothing is raised until it is Auto again; aborts work"), true
}

// whenArmsNotReady makes what the canary arm needs, puts back what was taken from it, and waits for pods.
func whenArmsNotReady(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.External {
		return Decision{}, false
	}
	if o.Release.Step > 0 {
		return ruleChanged(o)
	}
	if d, ok := missing(o, now); ok {
		return d, true
	}
	need := o.size(o.Release.Plan.Steps[0].Weight.Millionths())
	switch {
	case o.Workload.Canary.Replicas < need:
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the canary needs %d pods", need))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: need}}
		return d, true
	case o.Workload.Canary.Available < need:
		return awaitPods(o, now, need)
	case o.Release.SettledAt == nil:
		r := o.Release.DeepCopy()
		r.SettledAt, r.PodsAwaitedSince = stamp(now), nil
		return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonSettling, After: o.Bounds.Push,
			Message: "the canary's pods are available; the proxies are being told of them"}, true
	}
	if left := o.Release.SettledAt.Add(o.Bounds.Push).Sub(now); left > 0 {
		d := wait(o, v1alpha1.ReasonSettling, "the canary's pods are available; the proxies are being told of them")
		d.After = left
		return d, true
	}
	return Decision{}, false
}

// whenArmLost puts back what keeps callers past the routes from the canary, and ends a release whose canary arm was taken away.
// Neither waits for a person or a policy.
func whenArmLost(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.External {
		return Decision{}, false
	}
	r := o.Release
	switch there := o.Canary.Exists && o.Workload.Canary.There(); {
	case r.Step > 0 && !there:
		return abort(o, v1alpha1.ReasonWorkloadGone, v1alpha1.RefuseNothing, "the canary's Service or ReplicaSet was deleted")
	case there && o.Canary.Selects != r.Revision:
		return abort(o, v1alpha1.ReasonSelectorContested, v1alpha1.RefuseTemplate,
			"the selector of Service "+o.Canary.Service+" was changed, so that what is counted there says nothing of the canary")
	case !o.Workload.Canary.There() || !o.Service.Exists:
		return Decision{}, false
	case movedOver(o) && o.Routes.Lowest < v1alpha1.Whole:
		return takeBack(o)
	case o.Service.Marked && (o.Service.Narrowed == r.Stable || movedOver(o)):
		return Decision{}, false
	}
	r = r.DeepCopy()
	r.Contested = contested(r, now)
	r.Contested.Selector++
	return Decision{Actions: []Action{{Verb: Narrow, Hash: r.Stable}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonSelectorReverted,
		Message: "the selector of the Service was written back; narrowing it to the stable again"}, true
}

// movedOver says whether the Service selects the canary because the handover has begun.
func movedOver(o Observation) bool {
	return o.Release.State == v1alpha1.StateHandover && o.Service.Narrowed == o.Release.Revision
}

// takeBack makes that a weight lowered during the handover means something: the Service selects the stable again.
func takeBack(o Observation) (Decision, bool) {
	r := o.Release.DeepCopy()
	r.State, r.HandoverSince = v1alpha1.StateShifting, nil
	return Decision{Actions: []Action{{Verb: Narrow, Hash: r.Stable}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonForeignEdit,
		Message: "the canary's weight was lowered during the handover; the Service goes back to the stable"}, true
}

// ruleChanged carries a change of the user's DestinationRule over to the canary's copy.
func ruleChanged(o Observation) (Decision, bool) {
	if !o.Canary.RuleWanted || o.Canary.RuleExists {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonReleasing, "copying the DestinationRule for the canary")
	d.Actions = []Action{{Verb: MakeRule}}
	return d, true
}

// missing makes what the canary arm needs before its first traffic.
func missing(o Observation, now time.Time) (Decision, bool) {
	r := o.Release.DeepCopy()
	var acts []Action
	if !o.Canary.Exists {
		acts = append(acts, Action{Verb: MakeService})
	}
	if o.Canary.RuleWanted && !o.Canary.RuleExists {
		acts = append(acts, Action{Verb: MakeRule})
	}
	if o.Service.Narrowed != r.Stable || !o.Service.Marked {
		acts = append(acts, Action{Verb: Narrow, Hash: r.Stable})
	}
	if !o.Workload.Canary.There() {
		if o.Workload.Twin != "" {
			acts = append(acts, Action{Verb: RemoveTwin})
		}
		acts = append(acts, Action{Verb: MakeSet, Replicas: o.size(r.Plan.Steps[0].Weight.Millionths())})
	}
	if len(acts) == 0 {
		return Decision{}, false
	}
	if r.PodsAwaitedSince == nil {
		r.PodsAwaitedSince = stamp(now)
	}
	return Decision{Actions: acts, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: "making the canary's Service and pods",
		After: time.Second}, true
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

// wait changes nothing and says why.
func wait(o Observation, reason v1alpha1.Reason, message string) Decision {
	return Decision{Refused: o.Refused, Reason: reason, Message: message}
}
