package release

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func whenNoLongerWanted(o Observation, now time.Time) (Decision, bool) {
	switch {
	case o.Wanted.Managed:
		return Decision{}, false
	case o.running():
		return abort(o, v1alpha1.ReasonLetGo, v1alpha1.RefuseNothing, "the Service is no longer managed")
	case unrecorded(o):
		return abortUnrecorded(o, now)
	}
	d := Decision{Refused: o.Refused, Reason: v1alpha1.ReasonUnmanaged, Message: "the Service is no longer managed; everything was put back"}
	if rest := remains(o); len(rest) > 0 {
		d.Actions = rest
		return d, true
	}
	if undone, is := whenToldToUndo(o, now); is {
		return undone, true
	}
	if d.After = stillCounted(o.Release, now); d.After > 0 {
		d.Message += "; the last requests that met the canary are being counted"
		return d, true
	}
	if o.Workload.Held {
		d.Actions = append(d.Actions, Action{Verb: Unhold})
		if o.Workload.Waits {
			d.Message = "the Service is no longer managed; Deployment " + o.Workload.Deployment +
				" stays paused, because its template was never released; unpause it to roll it out"
		}
	}
	d.Actions = append(d.Actions, Action{Verb: Forget})
	return d, true
}
