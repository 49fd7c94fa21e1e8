package release

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenNotHeld sees to it that a template change cannot roll out by itself. It does so first, and the policy is judged afterwards: who writes
// the annotation wants no version to reach everyone at once, also with a typing error in it.
func whenNotHeld(o Observation, _ time.Time) (Decision, bool) {
	w, p := o.Workload, o.Wanted.Problem
	if !o.running() && (w.Replicas == 0 || p != nil && !p.OfPolicy) || w.Deployment == "" {
		return Decision{}, false // at 0 replicas nobody is at risk; what cannot be released is not touched
	}
	var acts []Action
	if !w.Held {
		acts = append(acts, Action{Verb: Hold})
	}
	if !w.Paused && (o.running() || w.Mode == HoldAlways || w.Mode != HoldOnChange && w.Waits) {
		acts = append(acts, Action{Verb: Pause})
	}
	if len(acts) == 0 {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonWaiting, "holding the Deployment's template changes")
	d.Actions = acts
	return d, true
}
