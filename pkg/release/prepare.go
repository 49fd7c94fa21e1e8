package release

import (
	"fmt"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenArmsNotReady makes what the canary arm needs, puts back what was taken from it, and waits for pods.
func whenArmsNotReady(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.External || o.Release.Step > 0 {
		return Decision{}, false
	}
	if d, ok := missing(o, now); ok {
		return d, true
	}
	need := o.size(populationOf(o.Release.Plan.Steps[0]).Share)
	switch {
	case o.Workload.Canary.Replicas < need:
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the canary needs %d pods", need))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: need}}
		return d, true
	case !enough(o.Workload.Canary.ready(), need):
		return awaitPods(o, now, need)
	case o.Release.SettledAt == nil:
		r := o.Release.DeepCopy()
		r.SettledAt, r.PodsAwaitedSince = stamp(now), nil
		return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonSettling, After: o.Bounds.Push,
			Message: "the canary's pods are available; the proxies are being told of them"}, true
	}
	if left := o.Release.SettledAt.Add(o.Bounds.Push).Sub(now); left > 0 && !o.Direct.Told {
		d := wait(o, v1alpha1.ReasonSettling, "the canary's pods are available; the proxies are being told of them")
		d.After = left
		return d, true
	}
	return Decision{}, false
}

// missing makes what the canary arm needs before its first traffic.
func missing(o Observation, now time.Time) (Decision, bool) {
	r := o.Release.DeepCopy()
	var acts []Action
	if !o.Canary.Exists {
		acts = append(acts, Action{Verb: MakeService})
	}
	if r.Plan.Checked() && o.Preview.Selects != r.Revision {
		acts = append(acts, Action{Verb: MakePreview})
	}
	if o.Canary.RulesDue {
		acts = append(acts, Action{Verb: MakeRule})
	}
	if o.Service.Narrowed != r.Stable || !o.Service.Marked {
		acts = append(acts, Action{Verb: Narrow, Hash: r.Stable})
	}
	if !o.Workload.Canary.There() {
		if o.Workload.Twin != "" {
			acts = append(acts, Action{Verb: RemoveTwin})
		}
		acts = append(acts, Action{Verb: MakeSet, Replicas: o.size(populationOf(r.Plan.Steps[0]).Share)})
	}
	if o.Workload.Signed {
		acts = append(acts, Action{Verb: ForgetAuthor})
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

// whenRulesChanged carries a change of the DestinationRules over to the copies for the canary, before anything is raised.
func whenRulesChanged(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.External || o.Release.Step == 0 || !o.Canary.RulesDue {
		return Decision{}, false
	}
	message := "the DestinationRules of the Service were changed: making their copies for the canary the same"
	if gone := o.Canary.RulesGone; len(gone) > 0 {
		message = "a DestinationRule of the Service is gone in namespace " + strings.Join(gone, ", ") + ", so its callers meet stable and canary without it: apply it again if they need it"
	}
	d := wait(o, v1alpha1.ReasonRulesChanged, message)
	d.Actions = []Action{{Verb: MakeRule}}
	return d, true
}
