package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// waypointLabel binds a Service, or all of a namespace, to a waypoint proxy; "none" unbinds.
const waypointLabel = "istio.io/use-waypoint"

// Workload is the Deployment behind a Service and who runs for it.
type Workload struct {
	// Deployment is the one whose pods the Service selects.
	Deployment *appsv1.Deployment
	// Stable is its one ReplicaSet with pods; nil when the Deployment is scaled to 0.
	Stable *appsv1.ReplicaSet
	// StableHash is the pod-template-hash of Stable; empty when there is none.
	StableHash string
	// Replicas is the Deployment's spec.replicas, 1 when unset.
	Replicas int32
	// Selector is the Service's selector as the user wrote it.
	Selector map[string]string
	// Owned are all ReplicaSets of the Deployment, oldest first.
	Owned []*appsv1.ReplicaSet
	// Releases are the ReplicaSets made for a release that the Deployment does not own yet.
	Releases []*appsv1.ReplicaSet
}

// TemplateWaits tells whether the Deployment's template is another than the one that runs; false when nothing runs.
func (w Workload) TemplateWaits() bool {
	return w.Stable != nil && !SameTemplate(&w.Deployment.Spec.Template, &w.Stable.Spec.Template)
}

// Find looks for the workload of a Service among the Deployments and ReplicaSets of its namespace. The labels are those of the
// namespace; hashes are pod-template-hashes that a running release is known to have narrowed the Service to, so that the
// narrowing is told from the user's selector even where our label was stripped.
//
// With a Problem the Workload holds what was found before it: at RolloutRunning everything but Stable.
func Find(
	svc *corev1.Service, namespace map[string]string, deployments []*appsv1.Deployment, sets []*appsv1.ReplicaSet, hashes ...string,
) (Workload, *Problem) {
	w := Workload{Selector: Selector(svc, hashes...)}
	if p := unsuited(svc, namespace, w.Selector); p != nil {
		return w, p
	}
	d, p := behind(svc, w.Selector, deployments)
	if p != nil {
		return w, p
	}
	w.Deployment, w.Replicas = d, Replicas(d)
	for _, rs := range sets {
		switch {
		case metav1.IsControlledBy(rs, d):
			w.Owned = append(w.Owned, rs)
		case isRelease(rs) && rs.Namespace == d.Namespace && takes(d, rs):
			w.Releases = append(w.Releases, rs)
		}
	}
	slices.SortFunc(w.Owned, older)
	return w, w.findStable()
}

func (w *Workload) findStable() *Problem {
	var running []*appsv1.ReplicaSet
	for _, rs := range w.Owned {
		if HasPods(rs) {
			running = append(running, rs)
		}
	}
	name := "Deployment " + w.Deployment.Name
	switch {
	case len(running) == 0 && w.Replicas == 0:
		return nil
	case len(running) == 0:
		return problem(NothingRuns, "%s wants %d replicas but none of its ReplicaSets has pods: it has not been rolled out yet, or it is paused", name, w.Replicas)
	case len(running) > 1:
		return problem(RolloutRunning, "%s is in the middle of a rollout: pods of the ReplicaSets %s; releases start when one of them is left", name, join(running))
	}
	hash := HashOf(running[0])
	if hash == "" {
		return problem(NoHash, "ReplicaSet %s of %s has no label %s, so its pods cannot be told from others: roll %s out once more", running[0].Name, name, HashLabel, name)
	}
	w.Stable, w.StableHash = running[0], hash
	return nil
}

func unsuited(svc *corev1.Service, namespace, selector map[string]string) *Problem {
	bound, where := svc.Labels[waypointLabel], "Service "+svc.Name
	if bound == "" {
		bound, where = namespace[waypointLabel], "the namespace of Service "+svc.Name
	}
	_, pinned := selector[HashLabel]
	released := ReleasedBy("Service", svc)
	switch {
	case released != "":
		return problem(ReleasedElsewhere, "%s", released)
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		return problem(ExternalName, "spec.type of Service %s is ExternalName, so no pods are behind it: put the annotation on a Service with a selector", svc.Name)
	case len(selector) == 0:
		return problem(NoSelector, "spec.selector of Service %s is empty: give it the labels of the Deployment's pod template", svc.Name)
	case len(svc.Spec.Ports) == 0:
		return problem(NoPorts, "spec.ports of Service %s is empty, so no route leads to its pods: give it those that its callers use", svc.Name)
	case pinned:
		return problem(SelectorPinned, "spec.selector of Service %s names %s, which binds it to one version: remove that key", svc.Name, HashLabel)
	case bound != "" && bound != "none":
		return problem(Waypoint, "%s is bound to waypoint %q, whose routes are not supported yet: remove the label %s", where, bound, waypointLabel)
	}
	return nil
}

func behind(svc *corev1.Service, selector map[string]string, deployments []*appsv1.Deployment) (*appsv1.Deployment, *Problem) {
	var found []*appsv1.Deployment
	for _, d := range deployments {
		if d.Namespace == svc.Namespace && d.DeletionTimestamp == nil && covers(selector, d.Spec.Template.Labels) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return nil, problem(NoDeployment, "no Deployment in namespace %s has pods that match spec.selector %s of Service %s", svc.Namespace, labels.FormatLabels(selector), svc.Name)
	case 1:
		if released := ReleasedBy("Deployment", found[0]); released != "" {
			return nil, problem(ReleasedElsewhere, "%s", released)
		}
		return found[0], nil
	}
	return nil, problem(SeveralDeployments, "spec.selector of Service %s matches the pods of the Deployments %s: add a label that only one of them has", svc.Name, join(found))
}

// Strangers are the Pods behind a Service that belong neither to the Deployment nor to a release: another kind of workload shares
// the Service, and narrowing would take its pods out of traffic. Names, sorted. The Workload is one that Find found without a Problem.
func Strangers(w Workload, pods []*corev1.Pod) []string {
	known := map[string]bool{}
	for _, rs := range slices.Concat(w.Owned, w.Releases) {
		known[string(rs.UID)] = true
	}
	var names []string
	for _, p := range pods {
		owner := metav1.GetControllerOfNoCopy(p)
		alien := owner == nil || !known[string(owner.UID)]
		if alien && Present(p) && p.Namespace == w.Deployment.Namespace && covers(w.Selector, p.Labels) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Siblings are the other Services that select the same pods, by name, sorted; those made by Stagger are left out. Template is the
// Deployment's. They see canary pods in proportion to their number.
func Siblings(svc *corev1.Service, template *corev1.PodTemplateSpec, services []*corev1.Service) []string {
	var names []string
	for _, s := range services {
		if _, ours := MarkOf(s); ours || s.Namespace != svc.Namespace || s.Name == svc.Name || s.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		if selector := Selector(s); len(selector) > 0 && covers(selector, template.Labels) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Unconfirmed are those of the siblings which the Service's annotation does not name.
func Unconfirmed(svc *corev1.Service, siblings []string) []string {
	confirmed := map[string]bool{}
	for name := range strings.SplitSeq(svc.Annotations[v1alpha1.SiblingsAnnotation], ",") {
		confirmed[strings.TrimSpace(name)] = true
	}
	return slices.DeleteFunc(slices.Clone(siblings), func(name string) bool { return confirmed[name] })
}

func covers(selector, set map[string]string) bool {
	for k, v := range selector {
		if got, found := set[k]; !found || got != v {
			return false
		}
	}
	return true
}

// older orders as the Deployment controller does: by creation, then by name.
func older(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
}

func join[T metav1.Object](objects []T) string {
	names := map[string]bool{}
	for _, o := range objects {
		names[o.GetName()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

func problem(r Reason, format string, args ...any) *Problem {
	return &Problem{Reason: r, Message: fmt.Sprintf(format, args...)}
}
