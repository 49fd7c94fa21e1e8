package service

import corev1 "k8s.io/api/core/v1"

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
