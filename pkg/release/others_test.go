package release_test

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
)

const (
	rolloutHash = "rollouts-pod-template-hash"
	managedBy   = "argo-rollouts.argoproj.io/managed-by-rollouts"
)

// byFlagger is the reference by which an object belongs to a Canary.
func byFlagger() []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "flagger.app/v1beta1", Kind: "Canary", Name: web, UID: "canary", Controller: ptr.To(true)}}
}

// otherService is the canary's of another tool, of the name that Stagger's would have.
func (w *world) otherService(selector map[string]string, change func(*corev1.Service)) {
	s := w.service().DeepCopy()
	s.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: web + "-canary"}
	s.Spec.Selector = selector
	change(s)
	w.store.Put(s)
}

// weights are what another tool writes into a route.
func weights(stable string, weight string) []any {
	share := v1alpha1.Percentage(weight).Millionths() * 100 / routing.Whole
	canary := destination(web+"-canary", share)
	if d, _ := canary.(map[string]any); share == 0 {
		d["weight"] = int64(0)
	}
	return []any{destination(stable, 100-share), canary}
}

// rollout is Argo Rollouts in the middle or at the end of a rollout: both Services select pods of one hash each.
func (w *world) rollout(weight string) {
	annotate := func(s *corev1.Service) { s.Annotations = with(s.Annotations, managedBy, web) }
	w.otherService(map[string]string{"app": web, rolloutHash: "56b4"}, annotate)
	edit(w, w.service(), func(s *corev1.Service) {
		annotate(s)
		s.Spec.Selector[rolloutHash] = "79d8"
	})
	w.store.Put(virtualService(web, weights(web, weight)...))
}

// rolloutAnnotates is Argo Rollouts that begins to look after the Service.
func (w *world) rolloutAnnotates() {
	edit(w, w.service(), func(s *corev1.Service) { s.Annotations = with(s.Annotations, managedBy, web) })
}

// rolloutPods are those of a Rollout that moves no traffic, and refers to the Deployment for its template.
func (w *world) rolloutPods() {
	w.resize(0)
	rollout := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}}
	rollout.SetNamespace(namespace)
	rollout.SetName(web)
	w.store.Put(rollout)
	labels := map[string]string{"app": web, rolloutHash: "79d8"}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: web + "-79d8", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rollout, rollout.GroupVersionKind())}},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: w.template("v1")},
	}
	rs.Spec.Template.Labels = labels
	w.store.Put(rs)
}

// flagger is Flagger in the middle or at the end of an analysis: a copy of the Deployment serves.
func (w *world) flagger(weight string) {
	owned := func(s *corev1.Service) { s.OwnerReferences = byFlagger() }
	w.otherService(map[string]string{"app": web}, owned)
	edit(w, w.service(), func(s *corev1.Service) {
		owned(s)
		s.Spec.Selector = map[string]string{"app": web + "-primary"}
	})
	vs := virtualService(web, weights(web+"-primary", weight)...)
	vs.SetOwnerReferences(byFlagger())
	w.store.Put(vs)
}

// flaggerCopy is a Service of the user's that Flagger has pointed at its copy of the Deployment.
func (w *world) flaggerCopy() {
	primary := w.deployment().DeepCopy()
	primary.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: web + "-primary", OwnerReferences: byFlagger()}
	labels := map[string]string{"app": web + "-primary"}
	primary.Spec.Selector.MatchLabels, primary.Spec.Template.Labels = labels, labels
	w.store.Put(primary)
	edit(w, w.service(), func(s *corev1.Service) { s.Spec.Selector = labels })
}

// flaggerRoute is a route that Flagger owns, in front of a Service that it does not.
func (w *world) flaggerRoute() {
	vs := virtualService(web, destination(web, 0))
	vs.SetOwnerReferences(byFlagger())
	w.store.Put(vs)
}

// givenOver takes away what the other tool had.
func (w *world) givenOver() {
	if c := w.canaryService(); c != nil {
		w.store.Remove(c)
	}
	for _, s := range w.sets() {
		if s.Labels[rolloutHash] != "" {
			w.store.Remove(s.ReplicaSet)
		}
	}
	edit(w, w.service(), func(s *corev1.Service) {
		s.OwnerReferences, s.Spec.Selector = nil, map[string]string{"app": web}
		delete(s.Annotations, managedBy)
	})
	w.store.Put(virtualService(web, destination(web, 0)))
}

func with(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}
