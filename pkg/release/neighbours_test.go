package release_test

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// neighbour is a VirtualService of another namespace with a route to the Service, which gives the canary a share and lets releases move its weights.
func (w *world) neighbour(in, weight string) {
	share := v1alpha1.Percentage(weight).Millionths()
	to := []any{destination(w.target().Host(), 0)}
	if share > 0 {
		to = []any{destination(w.target().Host(), routing.Whole-share), destination(w.target().CanaryHost(), share)}
	}
	vs := virtualService(web, to...)
	vs.SetNamespace(in)
	vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: namespace})
	w.store.Put(vs)
}

// mark writes the mark of an aborted release on the VirtualService of another namespace.
func (w *world) mark(in, number string) {
	if vs := w.store.FindKind("VirtualService", in, web); vs != nil {
		vs = vs.DeepCopy()
		vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: namespace, v1alpha1.AbortedAnnotation: namespace + "/" + web + " " + number})
		w.store.Put(vs)
	}
}

// invite lets VirtualServices of these namespaces take part in releases of the Service.
func (w *world) invite(namespaces string) {
	if s := w.service(); s != nil {
		edit(w, s, func(s *corev1.Service) {
			s.Annotations = map[string]string{v1alpha1.PolicyAnnotation: policy, v1alpha1.AllowAnnotation: namespaces}
		})
	}
}

// takesPart says whether a VirtualService is one that releases of the Service write, or have written.
func (w *world) takesPart(vs *unstructured.Unstructured) bool {
	in := vs.GetNamespace()
	invited := w.service() != nil && slices.Contains(strings.Fields(strings.ReplaceAll(w.service().Annotations[v1alpha1.AllowAnnotation], ",", " ")), in)
	return in == namespace || invited || w.record() != nil && slices.Contains(w.record().Routes, in+"/"+vs.GetName())
}
