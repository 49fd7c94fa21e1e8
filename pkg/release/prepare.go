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
	if p.Passes {
		d.Reason = v1alpha1.ReasonWaiting
		d.After = 10 * time.Second
	}
	return d, true
}

// whenNotHeld sees to it that a template change cannot roll out by itself.
func whenNotHeld(o Observation, _ time.Time) (Decision, bool) {
	w := o.Workload
	if w.Replicas == 0 && !o.running() {
		return Decision{}, false // nobody is at risk: changes go straight in
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
	if !o.running() {
		return Decision{}, false
	}
	first := o.Release.Step == 0
	if d, ok := missing(o, now, first); ok {
		return d, true
	}
	if !first {
		return Decision{}, false
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
		r.SettledAt, r.WaitingSince = stamp(now), nil
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

// missing makes what is not there. After the first step what is not there was taken away: the selector is put back, the rest
// ends the release.
func missing(o Observation, now time.Time, first bool) (Decision, bool) {
	r := o.Release.DeepCopy()
	var acts []Action
	if !o.Canary.Exists {
		acts = append(acts, Action{Verb: MakeService})
	}
	if o.Canary.RuleWanted && !o.Canary.RuleExists {
		acts = append(acts, Action{Verb: MakeRule})
	}
	arm := r.Stable
	if r.State == v1alpha1.StateHandover {
		arm = r.Revision
	}
	if o.Service.Narrowed != arm || !o.Service.Marked {
		acts = append(acts, Action{Verb: Narrow, Hash: arm})
		if o.Workload.Canary.There() {
			r.Contested = contested(r, now)
			r.Contested.Selector++
		}
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
	if !first && (!o.Canary.Exists || !o.Workload.Canary.There()) {
		return abort(o, v1alpha1.ReasonWorkloadGone, v1alpha1.RefuseNothing, "the canary's Service or ReplicaSet was deleted")
	}
	if r.WaitingSince == nil && first {
		r.WaitingSince = stamp(now)
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
	if r.WaitingSince == nil {
		r.WaitingSince = stamp(now)
	}
	left := r.WaitingSince.Add(r.Plan.Workload.ReadyWithin.Duration()).Sub(now)
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
