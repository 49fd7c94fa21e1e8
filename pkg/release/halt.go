package release

import (
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

func whenPaused(o Observation, _ time.Time) (Decision, bool) {
	if !o.Wanted.Paused || !o.running() && !o.Workload.Waits {
		return Decision{}, false
	}
	return wait(o, v1alpha1.ReasonPaused, "control is Paused: nothing is raised until it is Auto again; aborts work"), true
}
