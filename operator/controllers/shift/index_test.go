package shift

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// caches are the stores of informers, filled in memory, with the controller's indices. They count the objects that they hand out.
type caches struct {
	tb     testing.TB
	stores map[string]cache.Indexer
	handed int
}

func newCaches(tb testing.TB, objects ...client.Object) *caches {
	tb.Helper()
	c := &caches{tb: tb, stores: map[string]cache.Indexer{}}
	for _, i := range Indices("") {
		c.stores[kindName(i.Object)] = cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{i.Field: bothScopes(i.Keys)})
	}
	c.add(objects...)
	return c
}

// bothScopes are the keys with the namespace and with none.
func bothScopes(keys client.IndexerFunc) cache.IndexFunc {
	return func(raw any) ([]string, error) {
		o, ok := raw.(client.Object)
		if !ok {
			return nil, fmt.Errorf("%T is no object", raw)
		}
		var out []string
		for _, k := range keys(o) {
			out = append(out, "/"+k, o.GetNamespace()+"/"+k)
		}
		return out, nil
	}
}

func (c *caches) add(objects ...client.Object) {
	c.tb.Helper()
	for _, o := range objects {
		kind := kindName(o)
		if c.stores[kind] == nil {
			c.stores[kind] = cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
		}
		if err := c.stores[kind].Add(o); err != nil {
			c.tb.Fatal(err)
		}
	}
}

func (c *caches) remove(o client.Object) {
	c.tb.Helper()
	if err := c.stores[kindName(o)].Delete(o); err != nil {
		c.tb.Fatal(err)
	}
}

func kindName(o runtime.Object) string {
	if kind := o.GetObjectKind().GroupVersionKind().Kind; kind != "" {
		return strings.TrimSuffix(kind, "List")
	}
	return strings.TrimSuffix(reflect.TypeOf(o).Elem().Name(), "List")
}

func (c *caches) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	name := key.String()
	if key.Namespace == "" {
		name = key.Name
	}
	if store := c.stores[kindName(into)]; store != nil {
		if found, there, err := store.GetByKey(name); err != nil || there {
			c.handed++
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(found).Elem())
			return err
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: kindName(into)}, name)
}

func (c *caches) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	store := c.stores[kindName(into)]
	if store == nil {
		return nil
	}
	var found []any
	if o.FieldSelector == nil {
		if kindName(into) != "ShiftPolicy" {
			c.tb.Errorf("all of %T are listed", into)
		}
		found = store.List()
	} else {
		want := o.FieldSelector.Requirements()[0]
		var err error
		if found, err = store.ByIndex(want.Field, o.Namespace+"/"+want.Value); err != nil {
			return err
		}
	}
	out := make([]runtime.Object, len(found))
	for i := range found {
		o, ok := found[i].(runtime.Object)
		if !ok {
			return fmt.Errorf("%T is no object", found[i])
		}
		out[i] = o
	}
	c.handed += len(out)
	return meta.SetList(into, out)
}

// town is a namespace of n Services, each with all that belongs to it. They share a label, as a team's do.
func town(n int) []client.Object {
	out := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard"}},
		route("ingress", map[string]any{"hosts": []any{"*"}, "gateways": []any{"ingress"}}),
	}
	for i := range n {
		out = append(out, house(fmt.Sprintf("web-%d", i))...)
	}
	return out
}

// house is one Service, in the middle of its first release.
func house(name string) []client.Object {
	labels := map[string]string{"app": name, "team": "a-team-with-a-name", "version": "1"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: name}}}}
	template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name + "-data"}}}}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("d-" + name)}, Spec: appsv1.DeploymentSpec{Template: template}}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-v1", UID: types.UID("r-" + name),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}}}
	rs.Spec.Template.Labels = with(labels, workload.HashLabel, "v1-"+name)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-pod", Labels: rs.Spec.Template.Labels}}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name, "team": "a-team-with-a-name"}}}
	s := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: "1"},
		Spec: v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: "standard-" + name}, Service: v1alpha1.ServiceReference{Name: name}}}
	s.Status.Release = &v1alpha1.Release{Number: 1, State: v1alpha1.StateShifting, Stable: "v1-" + name, Revision: "v2-" + name}
	s.Status.Release.Workload.Deployment = name
	vs := route(name, map[string]any{"hosts": []any{name}, "http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": name}}}}}})
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-data"}}
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-smoke"}}
	s.Status.Release.Plan.Steps = []v1alpha1.Step{{Weight: "100%", Checks: []v1alpha1.CheckName{"smoke"}}}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-smoke-1", Annotations: map[string]string{v1alpha1.ReleaseAnnotation: "shop/" + name + " 1"}}}
	return []client.Object{s, svc, d, rs, pod, claim, cron, job, vs, rule(name, name), &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard-" + name}}}
}

func route(name string, spec map[string]any) *unstructured.Unstructured {
	return made(virtualService(), name, spec)
}

func rule(name, host string) *unstructured.Unstructured {
	return made(destinationRule(), name, map[string]any{"host": host})
}

// in is the object in another namespace.
func in(namespace string, u *unstructured.Unstructured) *unstructured.Unstructured {
	u.SetNamespace(namespace)
	return u
}

func made(u *unstructured.Unstructured, name string, spec map[string]any) *unstructured.Unstructured {
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetResourceVersion("1")
	u.Object["spec"] = spec
	return u
}

func with(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}
