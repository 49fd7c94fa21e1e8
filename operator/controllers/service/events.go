package service

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/text"
)

// longestNote is the most bytes of an event's note that the API server takes.
const longestNote = 1000

// Reasons of events on a Service beside those of warnings.
const (
	eventManaged   = "Managed"
	eventFollowed  = "PolicyChanged"
	eventUnmanaged = "ManagementEnds"
)

// report tells the Service's owner, on the Service. A Service that is gone hears nothing.
func (r *reconciler) report(f facts, m move) {
	if f.service == nil {
		return
	}
	switch m.verb {
	case start:
		what := "releases go by policy " + m.policy + " from now on"
		if m.warning != nil {
			what = "new templates wait from now on, until the annotation names a policy that is there"
		}
		r.recorder.Eventf(f.service, nil, corev1.EventTypeNormal, eventManaged, "Manage", "%s; see TrafficShift %s", what, f.key.Name)
	case follow:
		r.recorder.Eventf(f.service, f.shift, corev1.EventTypeNormal, eventFollowed, "Manage",
			"releases go by policy %s from the next one on, by %s before", m.policy, f.shift.Spec.PolicyRef.Name)
	case end:
		r.recorder.Eventf(f.service, f.shift, corev1.EventTypeNormal, eventUnmanaged, "Manage",
			"the annotation is gone: what was touched is restored, and releases are no longer steered")
	}
	if m.warning != nil {
		r.recorder.Eventf(f.service, nil, corev1.EventTypeWarning, m.warning.reason, "Manage", "%s", m.warning.message)
	}
}

// reportDenied tells the Service's owner who keeps it from being managed. What failed in another way is tried again, and nobody can help
// it.
func (r *reconciler) reportDenied(f facts, err error) {
	if failure := (cluster.Failure{Err: err}); f.service != nil && failure.Denied() {
		r.recorder.Eventf(f.service, nil, corev1.EventTypeWarning, string(v1alpha1.ReasonWriteDenied), "Manage",
			"denied, and tried again: %s", text.CutBytes(err.Error(), longestNote))
	}
}
