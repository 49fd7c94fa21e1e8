package shift

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// destinationRuleKind is read as it is, like the objects that carry routes, unknown fields and all: what is written back are patches of what
// was read.
var destinationRuleKind = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"}

func destinationRule() *unstructured.Unstructured { return ofKind(destinationRuleKind) }

func ofKind(k schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u
}

// mapper finds the TrafficShifts that an object concerns, by the indices of the caches.
type mapper struct {
	finder
	domain string
}

func newMapper(r client.Reader, domain string) mapper { return mapper{newFinder(r), domain} }

// requests are for the TrafficShifts that have one of the keys, in the namespace or, where that is empty, in all.
func (m mapper) requests(ctx context.Context, namespace string, keys ...string) []reconcile.Request {
	found, err := m.shifts(ctx, namespace, keys...)
	if err != nil {
		return nobody(ctx, err)
	}
	out := make([]reconcile.Request, len(found))
	for i, s := range found {
		out[i] = request(s.Namespace, s.Name)
	}
	return out
}

// request asks for a pass over one TrafficShift.
func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// nobody is who is told of an event that could not be mapped: caches fail only when the operator ends.
func nobody(ctx context.Context, err error) []reconcile.Request {
	log.FromContext(ctx).Error(err, "Finding the TrafficShifts of an event failed")
	return nil
}

// everyone is concerned by the policy of admission that holds rest on, and by its binding; nobody by others.
func (m mapper) everyone(ctx context.Context, o client.Object) []reconcile.Request {
	if o.GetName() != holdPolicy {
		return nil
	}
	var all v1alpha1.TrafficShiftList
	if err := m.reader.List(ctx, &all, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		return nobody(ctx, err)
	}
	out := make([]reconcile.Request, len(all.Items))
	for i := range all.Items {
		out[i] = request(all.Items[i].Namespace, all.Items[i].Name)
	}
	return out
}

// neighbours are those that may have waited for what a TrafficShift had: its Service, or the Deployment behind it.
func (m mapper) neighbours(ctx context.Context, o client.Object) []reconcile.Request {
	s, ok := o.(*v1alpha1.TrafficShift)
	if !ok {
		return nil
	}
	if s.Spec.Destinations != nil {
		var keys []string
		for _, host := range hostsOf(s, m.domain) {
			keys = append(keys, hostKey(host))
		}
		return m.requests(ctx, "", keys...)
	}
	keys := []string{serviceKey(s.Spec.Service.Name)}
	if r := s.Status.Release; r != nil {
		keys = append(keys, deploymentKey(r.Workload.Deployment))
	}
	svc, err := get[corev1.Service](ctx, m.finder, s.Namespace, s.Spec.Service.Name)
	if err != nil {
		return nobody(ctx, err)
	}
	if svc == nil {
		return m.requests(ctx, s.Namespace, keys...)
	}
	return m.sharing(ctx, svc, keys...)
}

// onDelete lets deletions pass alone.
func onDelete() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// ofNamespaces lets the objects of some namespaces pass; none: of all. The caches hold pods of gateways besides, and no Services that they could
// belong to.
func ofNamespaces(namespaces []string) predicate.Predicate {
	return predicate.NewPredicateFuncs(func(o client.Object) bool {
		return len(namespaces) == 0 || slices.Contains(namespaces, o.GetNamespace())
	})
}

func (m mapper) policy(ctx context.Context, o client.Object) []reconcile.Request {
	return m.requests(ctx, "", policyKey(o.GetName()))
}

// service concerns the TrafficShift of the Service or of the canary's, and those whose pods it selects too.
func (m mapper) service(ctx context.Context, o client.Object) []reconcile.Request {
	svc, ok := o.(*corev1.Service)
	if !ok {
		return nil
	}
	if mark, ours := workload.MarkOf(svc); ours {
		return []reconcile.Request{request(mark.Namespace, mark.Shift)}
	}
	return m.sharing(ctx, svc, serviceKey(svc.Name), canaryKey(svc.Name))
}

// sharing concerns the TrafficShifts with one of the keys and those of every Service that selects pods of the same Deployments.
func (m mapper) sharing(ctx context.Context, svc *corev1.Service, keys ...string) []reconcile.Request {
	deployments, err := m.deploymentsOf(ctx, svc.Namespace, svc.Spec.Selector)
	if err != nil {
		return nobody(ctx, err)
	}
	for _, d := range deployments {
		services, err := m.servicesOf(ctx, d.Namespace, d.Spec.Template.Labels)
		if err != nil {
			return nobody(ctx, err)
		}
		for _, s := range services {
			keys = append(keys, serviceKey(s.Name))
		}
	}
	return m.requests(ctx, svc.Namespace, keys...)
}

func (m mapper) deployment(ctx context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*appsv1.Deployment)
	if !ok {
		return nil
	}
	return m.pods(ctx, d.Namespace, d.Spec.Template.Labels, deploymentKey(d.Name))
}

// claim concerns the TrafficShifts of the Deployments whose pods mount it.
func (m mapper) claim(ctx context.Context, o client.Object) []reconcile.Request {
	found, err := m.mounting(ctx, o.GetNamespace(), o.GetName())
	if err != nil {
		return nobody(ctx, err)
	}
	var out []reconcile.Request
	for _, d := range found {
		out = append(out, m.deployment(ctx, d)...)
	}
	return out
}

// job concerns the TrafficShift that it is a check of.
func (m mapper) job(_ context.Context, o client.Object) []reconcile.Request {
	if mark, ours := workload.MarkOf(o); ours {
		return []reconcile.Request{request(mark.Namespace, mark.Shift)}
	}
	return nil
}

// cronJob concerns the TrafficShifts of Services with a check by which it would have this name.
func (m mapper) cronJob(ctx context.Context, o client.Object) []reconcile.Request {
	keys := []string{longKey}
	for at, c := range o.GetName() {
		if c == '-' {
			keys = append(keys, serviceKey(o.GetName()[:at]))
		}
	}
	found, err := m.shifts(ctx, o.GetNamespace(), keys...)
	if err != nil {
		return nobody(ctx, err)
	}
	var out []reconcile.Request
	for _, s := range found {
		if workload.MayCheck(o.GetName(), s.Spec.Service.Name) {
			out = append(out, request(s.Namespace, s.Name))
		}
	}
	return out
}

func (m mapper) replicaSet(ctx context.Context, o client.Object) []reconcile.Request {
	rs, ok := o.(*appsv1.ReplicaSet)
	if !ok {
		return nil
	}
	out := m.pods(ctx, rs.Namespace, rs.Spec.Template.Labels, hashKey(workload.HashOf(rs)))
	if mark, ours := workload.MarkOf(rs); ours {
		out = append(out, request(mark.Namespace, mark.Shift))
	}
	return out
}

func (m mapper) pod(ctx context.Context, o client.Object) []reconcile.Request {
	return m.pods(ctx, o.GetNamespace(), o.GetLabels(), hashKey(o.GetLabels()[workload.HashLabel]))
}

// pods concern the TrafficShifts whose Service selects pods with these labels, the arm left aside, and those with the key.
func (m mapper) pods(ctx context.Context, namespace string, labels map[string]string, key string) []reconcile.Request {
	services, err := m.servicesOf(ctx, namespace, labels)
	if err != nil {
		return nobody(ctx, err)
	}
	keys := []string{key}
	for _, s := range services {
		keys = append(keys, serviceKey(s.Name))
	}
	return m.requests(ctx, namespace, keys...)
}

// route concerns whoever's hosts it names or covers, whether that one may write it or not, and whoever's mark it bears.
func (m mapper) route(ctx context.Context, o client.Object) []reconcile.Request {
	vs, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	return m.named(ctx, routing.RefsOf(vs, m.domain))
}

// destinationRule concerns whoever's hosts it is for, in whatever namespace it is, and whoever's copy it is or has the name of.
func (m mapper) destinationRule(ctx context.Context, o client.Object) []reconcile.Request {
	dr, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	return append(m.named(ctx, routing.RuleRefs(dr, m.domain)), m.requests(ctx, dr.GetNamespace(), canaryKey(dr.GetName()))...)
}

// named are whoever's names these are.
func (m mapper) named(ctx context.Context, refs routing.Refs) []reconcile.Request {
	marks := refs.Shifts
	refs.Shifts = nil
	out := m.requests(ctx, "", keysOfRefs(refs)...)
	for _, mark := range marks {
		if namespace, name, found := strings.Cut(mark, "/"); found {
			out = append(out, request(namespace, name))
		}
	}
	return out
}
