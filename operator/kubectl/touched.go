package kubectl

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

var (
	servicesResource        = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	namespacesResource      = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	deploymentsResource     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSetsResource     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	virtualServicesResource = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	rulesResource           = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
)

// adopted is a Service before it is annotated or let go, and what that touches.
type adopted struct {
	service *corev1.Service
	screen  view.Adoption
}

// lookBefore shows what managing a Service by a policy touches.
func (c cluster) lookBefore(ctx context.Context, name, policy string) (adopted, error) {
	service, err := c.service(ctx, name)
	if err != nil {
		return adopted{}, err
	}
	switch has := service.Annotations[v1alpha1.PolicyAnnotation]; has {
	case "":
	case policy:
		return adopted{}, fmt.Errorf("the Service %s is released by policy %s already; look with: %s", name, policy, c.line("status", name))
	default:
		return adopted{}, fmt.Errorf("the Service %s is released by policy %s already; to change it: kubectl annotate service %s -n %s --overwrite %s=%s",
			name, has, name, c.namespace, v1alpha1.PolicyAnnotation, policy)
	}
	if _, err := c.policy(ctx, policy); err != nil {
		return adopted{}, err
	}
	a := view.Adoption{Namespace: c.namespace, Name: name, Policy: policy, Does: []string{"Service " + name + " is annotated, and gets a TrafficShift of its name"}}
	if err := c.workloadOf(ctx, service, &a); err != nil {
		return adopted{}, err
	}
	if err := c.routesOf(ctx, service, &a); err != nil {
		return adopted{}, err
	}
	return adopted{service, a}, nil
}

// lookBack shows what letting a Service go puts back. The policy is ignored.
func (c cluster) lookBack(ctx context.Context, name, _ string) (adopted, error) {
	shift, err := c.shift(ctx, name)
	if err != nil {
		return adopted{}, err
	}
	if shift.Labels[v1alpha1.ServiceLabel] == "" {
		return adopted{}, fmt.Errorf("the TrafficShift %s was written by hand; to let its traffic go: kubectl delete trafficshift %s -n %s", shift.Name, shift.Name, c.namespace)
	}
	service, err := c.service(ctx, shift.Spec.Service.Name)
	if err != nil {
		return adopted{}, err
	}
	return adopted{service, letGo(shift)}, nil
}

func (c cluster) service(ctx context.Context, name string) (*corev1.Service, error) {
	object, err := c.client.Resource(servicesResource).Namespace(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("no Service is named %s in %s; list those there are with: kubectl get services -n %s", name, where(c.namespace), c.namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("getting Service %s: %w", name, err)
	}
	service := &corev1.Service{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, service); err != nil {
		return nil, fmt.Errorf("reading Service %s: %w", name, err)
	}
	return service, nil
}

// workloadOf looks at the Deployment behind the Service and at what else is in front of its pods.
func (c cluster) workloadOf(ctx context.Context, service *corev1.Service, a *view.Adoption) error {
	namespace, err := c.client.Resource(namespacesResource).Get(ctx, c.namespace, metav1.GetOptions{})
	if apierrors.IsForbidden(err) {
		namespace, err = &unstructured.Unstructured{}, nil // its labels are only looked at for a waypoint
	}
	if err != nil {
		return fmt.Errorf("getting namespace %s: %w", c.namespace, err)
	}
	deployments, err := listed[appsv1.Deployment](ctx, c, deploymentsResource)
	if err != nil {
		return err
	}
	sets, err := listed[appsv1.ReplicaSet](ctx, c, replicaSetsResource)
	if err != nil {
		return err
	}
	w, problem := workload.Find(service, namespace.GetLabels(), deployments, sets)
	if problem != nil {
		a.Obstacle = problem.Message
	}
	if w.Deployment == nil {
		return nil
	}
	a.Does = append(a.Does, fmt.Sprintf("Deployment %s gets the label %s, by which a change of its pod template rolls out by nobody but Stagger", w.Deployment.Name, workload.HeldLabel))
	if w.Stable != nil {
		a.Leaves = append(a.Leaves, fmt.Sprintf("its %d pods, of ReplicaSet %s, serve on as the stable", w.Replicas, w.Stable.Name))
	}
	a.Later = append(a.Later, "a ReplicaSet with the new template beside the stable one, and the selector of Service "+service.Name+" narrowed to the stable until the end")
	services, err := c.services(ctx)
	if err != nil {
		return err
	}
	if siblings := workload.Siblings(service, &w.Deployment.Spec.Template, services); len(siblings) > 0 {
		a.Careful = append(a.Careful, view.Named("Service", siblings)+" selects these pods too, and would see canary pods in proportion to their number")
	}
	return nil
}

// routesOf looks at the routes to the Service.
func (c cluster) routesOf(ctx context.Context, service *corev1.Service, a *view.Adoption) error {
	t := routing.Target{Namespace: c.namespace, Service: service.Name}
	all, err := c.ofMesh(ctx, virtualServicesResource)
	if err != nil {
		return err
	}
	var names []string
	for _, vs := range all {
		if !routing.Allows(vs, c.namespace) || len(routing.Routes(vs, t)) == 0 {
			continue
		}
		names = append(names, vs.GetNamespace()+"/"+vs.GetName())
		if problem := routing.Unsupported(vs, t); problem != "" && a.Obstacle == "" {
			a.Obstacle = "VirtualService " + vs.GetName() + ": " + problem
		}
	}
	slices.Sort(names)
	canary := routing.CanaryName(service.Name)
	a.Later = append(a.Later, "Service "+canary+" for the canary")
	if len(names) > 0 {
		a.Later = append(a.Later, "weights between both Services in "+view.Named("VirtualService", names))
	}
	switch covered := routing.Covers(all, t); {
	case covered && len(names) == 0 && a.Obstacle == "":
		a.Obstacle = fmt.Sprintf("a VirtualService covers the host %s, but none that namespace %s may write has a route to it: annotate one of another namespace with %s: %s",
			t.Host(), c.namespace, routing.AnnotationAllow, c.namespace)
	case !covered:
		if problem := routing.Unmakeable(service.Spec.Ports, t); problem != "" && a.Obstacle == "" {
			a.Obstacle = problem
		}
		a.Later = append(a.Later, "VirtualService "+canary+" for callers inside the mesh, because none is there for them")
	}
	a.Leaves = append(a.Leaves, "when a release ends, routes and Service are as they were written")
	return c.ruleOf(ctx, t, a)
}

// ruleOf looks at the DestinationRule of the Service.
func (c cluster) ruleOf(ctx context.Context, t routing.Target, a *view.Adoption) error {
	rules, err := c.ofMesh(ctx, rulesResource)
	if err != nil {
		return err
	}
	if rule, found := routing.RuleFor(rules, t); found {
		a.Later = append(a.Later, "a copy of DestinationRule "+rule.GetName()+" for the canary")
	}
	return nil
}

// ofMesh lists a kind in all namespaces, or where that may not be seen in this one.
func (c cluster) ofMesh(ctx context.Context, kind schema.GroupVersionResource) ([]*unstructured.Unstructured, error) {
	list, err := c.client.Resource(kind).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		list, err = c.client.Resource(kind).Namespace(c.namespace).List(ctx, metav1.ListOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("this cluster does not serve %s, so Istio is not installed in it; Stagger moves traffic by Istio's routes", kind.GroupVersion())
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind.Resource, err)
	}
	all := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all, nil
}

// listed are the objects of a kind in the namespace.
func listed[T any](ctx context.Context, c cluster, kind schema.GroupVersionResource) ([]T, error) {
	list, err := c.client.Resource(kind).Namespace(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind.Resource, err)
	}
	all := make([]T, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &all[i]); err != nil {
			return nil, fmt.Errorf("reading %s %s: %w", list.Items[i].GetKind(), list.Items[i].GetName(), err)
		}
	}
	return all, nil
}
