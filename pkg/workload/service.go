package workload

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

const (
	selectorPath = "/spec/selector"

	// istioKeys begin annotations that tell the mesh how to treat a Service.
	istioKeys = "networking.istio.io/"
)

// Selector is the selector of a Service as the user wrote it: without the pod-template-hash where that is ours, by NarrowedLabel or
// because it is one of the hashes that the caller knows to have narrowed it to. It shares nothing with the Service.
func Selector(svc *corev1.Service, hashes ...string) map[string]string {
	selector := maps.Clone(svc.Spec.Selector)
	if narrowed(svc, hashes) {
		delete(selector, HashLabel)
	}
	return selector
}

func narrowed(svc *corev1.Service, hashes []string) bool {
	hash, found := svc.Spec.Selector[HashLabel]
	_, labelled := svc.Labels[v1alpha1.NarrowedLabel]
	return found && (labelled || slices.Contains(hashes, hash))
}

// CanaryService is the Service of the canary arm: that of the user as far as callers in the mesh can tell, of type ClusterIP, and its
// selector narrowed to the canary's hash. It takes the labels that come along (see Inherited), and of annotations those that steer the
// mesh. What would leave callers without a pod, because the canary has few, is left out: see Relaxed.
func CanaryService(svc *corev1.Service, name, canaryHash string, mark Mark, hashes ...string) *corev1.Service {
	s := svc.Spec.DeepCopy()
	for i := range s.Ports {
		s.Ports[i].NodePort = 0
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Namespace:   svc.Namespace,
			Labels:      with(Inherited(svc.Labels), ManagedByLabel, ManagedBy),
			Annotations: with(meshKeys(svc.Annotations), v1alpha1.ReleaseAnnotation, mark.String()),
		},
		Spec: corev1.ServiceSpec{
			Type:                     corev1.ServiceTypeClusterIP,
			Ports:                    s.Ports,
			Selector:                 with(Selector(svc, hashes...), HashLabel, canaryHash),
			SessionAffinity:          s.SessionAffinity,
			SessionAffinityConfig:    s.SessionAffinityConfig,
			IPFamilies:               s.IPFamilies,
			IPFamilyPolicy:           s.IPFamilyPolicy,
			TrafficDistribution:      s.TrafficDistribution,
			PublishNotReadyAddresses: s.PublishNotReadyAddresses,
		},
	}
}

// Relaxed says in a sentence what of the user's Service does not hold for that of the canary, and why; empty where all does.
func Relaxed(svc *corev1.Service) string {
	if ptr.Deref(svc.Spec.InternalTrafficPolicy, "") != corev1.ServiceInternalTrafficPolicyLocal {
		return ""
	}
	return fmt.Sprintf("spec.internalTrafficPolicy of Service %s keeps callers to pods of their own node; "+
		"it does not hold for the canary, which may have no pod there, so its pods are met from all nodes", svc.Name)
}

func meshKeys(m map[string]string) map[string]string {
	c := maps.Clone(m)
	maps.DeleteFunc(c, func(k, _ string) bool { return !strings.HasPrefix(k, istioKeys) })
	return c
}

// Narrow makes the Service select only the pods with that hash, and labels it so that the admission policy keeps it narrowed, in one
// patch. It puts back whichever of the two was reverted. Hashes are those the caller knows to have narrowed it to before. A selector
// that names a pod-template-hash of the user's own is left alone: SelectorPinned. Nil when the Service is narrowed so.
func Narrow(svc *corev1.Service, hash string, hashes ...string) (patch.Patch, error) {
	if _, found := svc.Spec.Selector[HashLabel]; found && !narrowed(svc, append(slices.Clone(hashes), hash)) {
		return nil, problem(SelectorPinned, "spec.selector of Service %s/%s names %s, which is not ours to change: remove that key", svc.Namespace, svc.Name, HashLabel)
	}
	if len(svc.Spec.Selector) == 0 {
		return nil, problem(NoSelector, "spec.selector of Service %s/%s is empty: give it the labels of the Deployment's pod template", svc.Namespace, svc.Name)
	}
	p := patch.SetIn(selectorPath, svc.Spec.Selector, HashLabel, hash)
	return append(p, patch.SetIn(labelsPath, svc.Labels, v1alpha1.NarrowedLabel, hash)...), nil
}

// MoveNarrowing moves the narrowing from one arm to the other: to the canary as the first step of the handover, back to the stable as
// a lever. It finds the Service narrowed to from or to, or reverted to the user's selector; anything else is an error. Nil when it is
// narrowed to the new one.
func MoveNarrowing(svc *corev1.Service, from, to string) (patch.Patch, error) {
	if at, found := svc.Spec.Selector[HashLabel]; found && at != from && at != to {
		return nil, fmt.Errorf("moving Service %s/%s to the pods of %s: its selector names those of %s, not of %s", svc.Namespace, svc.Name, to, at, from)
	}
	return Narrow(svc, to, from, to)
}

// Widen makes the Service as the user wrote it: our selector key and our label go, all else stays. Hashes are those the caller knows to
// have narrowed it to, for the case that the label was stripped. Nil when nothing of ours is on it.
func Widen(svc *corev1.Service, hashes ...string) patch.Patch {
	var p patch.Patch
	if narrowed(svc, hashes) {
		p = unset(selectorPath, svc.Spec.Selector, HashLabel)
	}
	return append(p, unset(labelsPath, svc.Labels, v1alpha1.NarrowedLabel)...)
}

// Abort is the first lever: all that is routed to the canary Service meets stable pods, and the Service says so for any pass that comes
// after. It tests nothing: whatever has happened to that object of ours, this is what it must be. StableHash must not be empty.
// Nil when it has been pulled.
func Abort(canary *corev1.Service, stableHash string, number int64) patch.Patch {
	mark := strconv.FormatInt(number, 10)
	_, pulled := canary.Annotations[v1alpha1.AbortedAnnotation]
	if pulled && canary.Spec.Selector[HashLabel] == stableHash {
		return nil
	}
	p := patch.Patch{patch.Add(selectorPath, with(canary.Spec.Selector, HashLabel, stableHash))}
	switch {
	case pulled:
		return p
	case len(canary.Annotations) == 0:
		return append(p, patch.Add(annotationsPath, map[string]string{v1alpha1.AbortedAnnotation: mark}))
	}
	return append(p, patch.Add(annotationsPath+patch.Pointer(v1alpha1.AbortedAnnotation), mark))
}
