package shift

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// Istio's objects are read as they are, unknown fields and all: what is written back are patches of what was read.
var (
	virtualServiceKind  = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
	destinationRuleKind = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"}
)

func virtualService() *unstructured.Unstructured  { return ofKind(virtualServiceKind) }
func destinationRule() *unstructured.Unstructured { return ofKind(destinationRuleKind) }

func ofKind(k schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u
}

// mapper finds the TrafficShifts that an object concerns.
type mapper struct {
	reader client.Reader
	domain string
}

func newMapper(r client.Reader, domain string) mapper { return mapper{r, domain} }

// shifts are those for which want is true, of one namespace or, with an empty name, of all.
func (m mapper) shifts(ctx context.Context, namespace string, want func(*v1alpha1.TrafficShift) bool) []reconcile.Request {
	var all v1alpha1.TrafficShiftList
	if err := m.reader.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		log.FromContext(ctx).Error(err, "Listing TrafficShifts failed", "namespace", namespace)
		return nil
	}
	var out []reconcile.Request
	for i := range all.Items {
		if want(&all.Items[i]) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
		}
	}
	return out
}

func (m mapper) everyone(ctx context.Context, _ client.Object) []reconcile.Request {
	return m.shifts(ctx, "", func(*v1alpha1.TrafficShift) bool { return true })
}

// neighbours concerns all of the namespace: one that is gone may have had what another waits for.
func (m mapper) neighbours(ctx context.Context, o client.Object) []reconcile.Request {
	return m.shifts(ctx, o.GetNamespace(), func(*v1alpha1.TrafficShift) bool { return true })
}

// onDelete lets deletions pass alone.
func onDelete() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func (m mapper) policy(ctx context.Context, o client.Object) []reconcile.Request {
	return m.shifts(ctx, "", func(s *v1alpha1.TrafficShift) bool { return s.Spec.PolicyRef.Name == o.GetName() })
}

// service concerns the shift of the Service, of a canary's Service, and those whose pods it selects too.
func (m mapper) service(ctx context.Context, o client.Object) []reconcile.Request {
	if mark, ok := workload.MarkOf(o); ok {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: mark.Namespace, Name: mark.Shift}}}
	}
	return m.shifts(ctx, o.GetNamespace(), func(s *v1alpha1.TrafficShift) bool {
		return s.Spec.Service.Name == o.GetName() || routing.CanaryName(s.Spec.Service.Name) == o.GetName()
	})
}

func (m mapper) deployment(ctx context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*appsv1.Deployment)
	if !ok {
		return nil
	}
	return m.pods(ctx, d.Namespace, d.Spec.Template.Labels, d.Name)
}

func (m mapper) replicaSet(ctx context.Context, o client.Object) []reconcile.Request {
	rs, ok := o.(*appsv1.ReplicaSet)
	if !ok {
		return nil
	}
	return m.pods(ctx, rs.Namespace, rs.Spec.Template.Labels, "")
}

func (m mapper) pod(ctx context.Context, o client.Object) []reconcile.Request {
	return m.pods(ctx, o.GetNamespace(), o.GetLabels(), "")
}

// pods concern the shifts whose Service selects pods with these labels, the arm left aside, or that hold the Deployment.
func (m mapper) pods(ctx context.Context, namespace string, set map[string]string, deployment string) []reconcile.Request {
	return m.shifts(ctx, namespace, func(s *v1alpha1.TrafficShift) bool {
		if r := s.Status.Release; deployment != "" && r != nil && r.Workload.Deployment == deployment {
			return true
		}
		var svc corev1.Service
		key := types.NamespacedName{Namespace: namespace, Name: s.Spec.Service.Name}
		if err := m.reader.Get(ctx, key, &svc, client.DisableReadYourWritesConsistency); err != nil {
			return false
		}
		selector := workload.Selector(&svc, hashes(s)...)
		return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(set))
	})
}

func (m mapper) virtualService(ctx context.Context, o client.Object) []reconcile.Request {
	vs, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	marks := routing.Marks(vs)
	return m.shifts(ctx, "", func(s *v1alpha1.TrafficShift) bool {
		for _, mark := range marks {
			if mark.Shift == s.Namespace+"/"+s.Name {
				return true
			}
		}
		if !routing.Allows(vs, s.Namespace) {
			return false // it is looked at when the counts disagree with the weights
		}
		t := target(s, m.domain)
		return len(routing.Routes(vs, t)) > 0 || routing.Covers([]*unstructured.Unstructured{vs}, t)
	})
}

func (m mapper) destinationRule(ctx context.Context, o client.Object) []reconcile.Request {
	dr, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	return m.shifts(ctx, dr.GetNamespace(), func(s *v1alpha1.TrafficShift) bool {
		if s.Spec.Destinations != nil {
			return true // its subsets tell requests apart
		}
		t := target(s, m.domain)
		_, applies := routing.RuleFor([]*unstructured.Unstructured{dr}, t)
		return applies || dr.GetName() == t.Canary
	})
}

// target is whose traffic a TrafficShift moves.
func target(s *v1alpha1.TrafficShift, domain string) routing.Target {
	return cluster.TargetOf(s, domain)
}

// hashes are the pod-template-hashes that the last release may have narrowed the Service to.
func hashes(s *v1alpha1.TrafficShift) []string { return cluster.Hashes(s) }
