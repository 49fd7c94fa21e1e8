package release

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// always says how things stand while nothing is to be done.
func always(o Observation, _ time.Time) (Decision, bool) {
	w := o.Workload
	switch {
	case w.Waits && o.Refused == w.Template:
		message := "this template was taken back; it is tried again when it changes or a retry is commanded"
		if r := o.Release; r != nil && r.Outcome != nil && r.Revision == w.Template {
			message = string(r.Outcome.Reason) + ": " + r.Outcome.Message + "; " + message
		}
		return wait(o, v1alpha1.ReasonAborted, message), true
	case o.Release != nil && o.Release.State == v1alpha1.StatePromoted && o.Release.Revision == w.Template:
		return wait(o, v1alpha1.ReasonPromoted, o.Release.Outcome.Message), true
	case w.Replicas == 0 && w.Paused && o.unproven():
		return wait(o, v1alpha1.ReasonWaiting,
			"the Deployment is scaled to 0, and its template was taken back before it was proven: scaled up, it begins with the version before"), true
	case w.Replicas == 0:
		return wait(o, v1alpha1.ReasonUpToDate, "the Deployment is scaled to 0: template changes go straight in"), true
	}
	return wait(o, v1alpha1.ReasonUpToDate, "one version serves and nothing is waiting"), true
}
