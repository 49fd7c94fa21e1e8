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

// withoutPolicy says that the policy of a release which goes up is gone, which keeps that from nothing.
func (o Observation) withoutPolicy(d Decision) Decision {
	r := record(o, d)
	if o.running() && o.Wanted.PolicyGone && (r.State == v1alpha1.StatePreparing || r.State == v1alpha1.StateShifting) {
		d.Message += fmt.Sprintf("; ShiftPolicy %s is gone: this release goes on by its plan; apply it again, or none begins after it", o.Wanted.Policy)
	}
	return d
}

// whenPaused raises nothing and begins no release. A template that was taken back waits for no resume: it is refused.
func whenPaused(o Observation, _ time.Time) (Decision, bool) {
	w := o.Workload
	switch {
	case !o.Wanted.Paused:
		return Decision{}, false
	case o.running():
		return wait(o, v1alpha1.ReasonPaused, "control is Paused: nothing is raised until it is Auto again; aborts work"), true
	case w.Waits && (o.Refused != w.Template || o.commanded(retry)):
		return wait(o, v1alpha1.ReasonPaused, fmt.Sprintf("control is Paused: the release of %s begins when it is Auto again", o.waiting())), true
	}
	return Decision{}, false
}

// waiting names the version that the Deployment's template asks for.
func (o Observation) waiting() string {
	if len(o.Workload.Images) > 0 {
		return o.Workload.Images[0]
	}
	return "revision " + o.Workload.Template
}
