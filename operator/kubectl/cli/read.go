package cli

import (
	"context"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The kinds that verbs read and write.
var (
	shiftsResource           = v1alpha1.GroupVersion.WithResource("trafficshifts")
	PoliciesResource         = v1alpha1.GroupVersion.WithResource("shiftpolicies")
	ServicesResource         = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	PodsResource             = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	NamespacesResource       = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	leasesResource           = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	ClaimsResource           = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	DeploymentsResource      = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	ReplicaSetsResource      = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	VirtualServicesResource  = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	DestinationRulesResource = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
)

// Service reads a Service of the namespace.
func (c Cluster) Service(ctx context.Context, name string) (*corev1.Service, error) {
	service, err := Get[corev1.Service](ctx, c, ServicesResource, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("no Service is named %s in %s; list those there are with: kubectl get services -n %s", name, NamespaceText(c.Namespace), c.Namespace)
	}
	return service, err
}

// Get reads an object of the namespace. The error tells one that is not there, or not to be read, as the API server does.
func Get[T any](ctx context.Context, c Cluster, kind schema.GroupVersionResource, name string) (*T, error) {
	object, err := c.Client.Resource(kind).Namespace(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("getting %s %s: %w", reflect.TypeFor[T]().Name(), name, err)
	}
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", reflect.TypeFor[T]().Name(), name, err)
	}
	return into, nil
}

// Services lists those of the namespace. It is no error that they may not be read: they are only mentioned in texts.
func (c Cluster) Services(ctx context.Context) ([]*corev1.Service, error) {
	services, err := List[corev1.Service](ctx, c, ServicesResource, c.Namespace, "")
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return services, err
}

// ListVisible lists a kind of Istio in all namespaces, or in this one when that is forbidden; whole is false then.
func (c Cluster) ListVisible(ctx context.Context, kind schema.GroupVersionResource) (all []*unstructured.Unstructured, whole bool, err error) {
	list, err := c.Client.Resource(kind).List(ctx, metav1.ListOptions{})
	if whole = !apierrors.IsForbidden(err); !whole {
		list, err = c.Client.Resource(kind).Namespace(c.Namespace).List(ctx, metav1.ListOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, whole, fmt.Errorf("this cluster does not serve %s, so Istio is not installed in it; Stagger moves traffic by Istio's routes", kind.GroupVersion())
	}
	if err != nil {
		return nil, whole, fmt.Errorf("listing %s: %w", kind.Resource, err)
	}
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	return all, whole, nil
}

// List lists the objects of a kind in a namespace that a label selector matches. A namespace of "" is all of them, or that of a kind that has
// none; labels of "" match all.
func List[T any](ctx context.Context, c Cluster, kind schema.GroupVersionResource, namespace, labels string) ([]*T, error) {
	list, err := c.Client.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind.Resource, err)
	}
	all := make([]*T, len(list.Items))
	for i := range list.Items {
		all[i] = new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, all[i]); err != nil {
			return nil, fmt.Errorf("reading %s %s: %w", list.Items[i].GetKind(), list.Items[i].GetName(), err)
		}
	}
	return all, nil
}

// DecodeList decodes the objects of a list that this version understands, and warns of the others.
func DecodeList(list *unstructured.UnstructuredList, env Env) []v1alpha1.TrafficShift {
	shifts := make([]v1alpha1.TrafficShift, 0, len(list.Items))
	for i := range list.Items {
		shift, err := Decode(&list.Items[i])
		if err != nil {
			Say(env.Streams.ErrOut, "warning: %v", err)
			continue
		}
		shifts = append(shifts, *shift)
	}
	return shifts
}

// Pointers are those to the members of a list.
func Pointers[T any](list []T) []*T {
	all := make([]*T, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

// TemplateWaits says whether the Deployment asks for another version than the one that runs, as far as the conditions tell.
func TemplateWaits(shift *v1alpha1.TrafficShift) bool {
	return !meta.IsStatusConditionTrue(shift.Status.Conditions, v1alpha1.ConditionReady)
}
