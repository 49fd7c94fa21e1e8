package cluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/fieldmanager"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// services looks at the user's Service and the canary's.
func (v *View) services(o Objects) {
	namespace, name := v.Shift.Namespace, v.Shift.Spec.Service.Name
	v.Arms = [2]counting.Service{{Namespace: namespace, Name: name}, {Namespace: namespace, Name: v.target.Canary}}
	v.Facts.Canary.Service = v.target.Canary
	if svc := o.Service; svc != nil {
		v.Service = svc
		v.Facts.Service = release.Service{Exists: true, Narrowed: narrowedTo(svc, Hashes(v.Shift)), Marked: svc.Labels[v1alpha1.NarrowedLabel] != "",
			SelectorBy: v.selectorBy(svc)}
		if relaxed := workload.Relaxed(svc); relaxed != "" {
			v.Facts.Canary.Relaxed = append(v.Facts.Canary.Relaxed, relaxed)
		}
	}
	canary := o.CanaryService
	if canary == nil {
		return
	}
	mark, ok := workload.MarkOf(canary)
	if !ok || mark.Namespace != namespace || mark.Shift != v.Shift.Name {
		v.Facts.Canary.Taken = true
		v.releasedElsewhere("Service", canary)
		v.refuse(v1alpha1.ReasonNameTaken, fmt.Sprintf("Service %s/%s exists and is not Stagger's: delete or rename it, since a release of Service %s needs the name",
			namespace, canary.Name, name))
		return
	}
	_, aborted := workload.AbortedNumber(canary)
	v.canaryService = canary
	v.Facts.Canary.Exists, v.Facts.Canary.Aborted, v.Facts.Canary.Number = true, aborted, mark.Number
	v.Facts.Canary.Selects, v.Facts.Canary.SelectorBy = canary.Spec.Selector[workload.HashLabel], v.selectorBy(canary)
}

// confirmed takes the Services whose callers may meet a canary, and who wrote that; those that are open may not.
func (v *View) confirmed(open []string) {
	s := &v.Facts.Service
	for _, name := range s.Siblings {
		if !slices.Contains(open, name) {
			s.Confirmed = append(s.Confirmed, name)
		}
	}
	if len(s.Confirmed) > 0 {
		s.ConfirmedBy = v.writer(v.Service, "metadata", "annotations", v1alpha1.SiblingsAnnotation)
	}
}

// selectorBy is who, but for Stagger, wrote the selector of a Service last.
func (v *View) selectorBy(svc *corev1.Service) release.Writer {
	return v.writer(svc, "spec", "selector")
}

// writer is who, but for Stagger, wrote a field of a Service last.
func (v *View) writer(svc *corev1.Service, path ...string) release.Writer {
	last := fieldmanager.LastWriter(svc.ManagedFields, v.settings.Manager, path...)
	if last == nil {
		return release.Writer{}
	}
	return release.Writer{Manager: last.Manager, At: fieldmanager.Written(last)}
}

// narrowedTo is the pod-template-hash that we added to the selector; empty when it is as the user wrote it.
func narrowedTo(svc *corev1.Service, ours []string) string {
	if _, users := workload.Selector(svc, ours...)[workload.HashLabel]; users {
		return ""
	}
	return svc.Spec.Selector[workload.HashLabel]
}

// ports are those of the user's Service; none where it is not there.
func (v *View) ports() []corev1.ServicePort {
	if v.Service == nil {
		return nil
	}
	return v.Service.Spec.Ports
}
