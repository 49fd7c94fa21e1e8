package shift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// finder finds objects in the caches by their indices. What it finds is shared with the caches. No read waits for a write, neither for
// one that is on its way nor for one that the cache has not seen: see written.
type finder struct {
	reader  client.Reader
	crowded *crowded
}

func newFinder(r client.Reader) finder {
	return finder{reader: r, crowded: &crowded{sizes: map[string]int{}}}
}

// object is a pointer to T that the API knows.
type object[T any] interface {
	*T
	client.Object
}

// get reads one object; nil when it is not there.
func get[T any, P object[T]](ctx context.Context, f finder, namespace, name string) (P, error) {
	into := P(new(T))
	found, err := read(ctx, f.reader, into, namespace, name)
	if err != nil || !found {
		return nil, err
	}
	return into, nil
}

// getKind reads one object of a kind without a Go type; nil when it is not there.
func getKind(ctx context.Context, f finder, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	into := ofKind(kind)
	found, err := read(ctx, f.reader, into, namespace, name)
	if err != nil || !found {
		return nil, err
	}
	return into, nil
}

// read says whether the object is there.
func read(ctx context.Context, r client.Reader, into client.Object, namespace, name string) (bool, error) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	err := r.Get(ctx, key, into, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading %T %s: %w", into, key, err)
	}
	return err == nil, nil
}

// find lists the objects that have at least one of the keys, each once. Items are those of the list.
func find[T any, P object[T]](ctx context.Context, f finder, list client.ObjectList, items *[]T, namespace string, keys ...string) ([]P, error) {
	var out []P
	seen := map[types.NamespacedName]bool{}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		err := f.reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{keysField: key},
			client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
		if err != nil {
			return nil, fmt.Errorf("listing %T by %q: %w", P(nil), key, err)
		}
		for i := range *items {
			p := P(&(*items)[i])
			if name := client.ObjectKeyFromObject(p); !seen[name] {
				seen[name] = true
				out = append(out, p)
			}
		}
	}
	return out, nil
}

func (f finder) shifts(ctx context.Context, namespace string, keys ...string) ([]*v1alpha1.TrafficShift, error) {
	var l v1alpha1.TrafficShiftList
	return find(ctx, f, &l, &l.Items, namespace, keys...)
}

func (f finder) replicaSets(ctx context.Context, namespace string, keys ...string) ([]*appsv1.ReplicaSet, error) {
	var l appsv1.ReplicaSetList
	return find(ctx, f, &l, &l.Items, namespace, keys...)
}

func (f finder) jobs(ctx context.Context, namespace string, keys ...string) ([]*batchv1.Job, error) {
	var l batchv1.JobList
	return find(ctx, f, &l, &l.Items, namespace, keys...)
}

func (f finder) kind(ctx context.Context, kind schema.GroupVersionKind, namespace string, keys ...string) ([]*unstructured.Unstructured, error) {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return find(ctx, f, l, &l.Items, namespace, keys...)
}

// servicesOf are the Services that select pods with these labels.
func (f finder) servicesOf(ctx context.Context, namespace string, labels map[string]string) ([]*corev1.Service, error) {
	keys := workload.LookupKeys(labels)
	for i, key := range keys {
		keys[i] = selectorKey(key)
	}
	var l corev1.ServiceList
	all, err := find(ctx, f, &l, &l.Items, namespace, keys...)
	return slices.DeleteFunc(all, func(s *corev1.Service) bool { return !workload.Matches(s.Spec.Selector, labels) }), err
}

// deploymentsOf are the Deployments whose pods the selector selects.
func (f finder) deploymentsOf(ctx context.Context, namespace string, selector map[string]string) ([]*appsv1.Deployment, error) {
	var l appsv1.DeploymentList
	all, err := selected(ctx, f, &l, &l.Items, namespace, selector)
	return slices.DeleteFunc(all, func(d *appsv1.Deployment) bool { return !workload.Matches(selector, d.Spec.Template.Labels) }), err
}

// held are the Deployments of a namespace that are held.
func (f finder) held(ctx context.Context, namespace string) ([]*appsv1.Deployment, error) {
	var l appsv1.DeploymentList
	return find(ctx, f, &l, &l.Items, namespace, heldKey)
}

// mounting are the Deployments whose pods mount a claim.
func (f finder) mounting(ctx context.Context, namespace, claim string) ([]*appsv1.Deployment, error) {
	var l appsv1.DeploymentList
	return find(ctx, f, &l, &l.Items, namespace, claimKey(claim))
}

// podsOf are the pods that the selector selects.
func (f finder) podsOf(ctx context.Context, namespace string, selector map[string]string) ([]*corev1.Pod, error) {
	var l corev1.PodList
	all, err := selected(ctx, f, &l, &l.Items, namespace, selector)
	return slices.DeleteFunc(all, func(p *corev1.Pod) bool { return !workload.Matches(selector, p.Labels) }), err
}

// podsWith are the pods with one of the pod-template-hashes.
func (f finder) podsWith(ctx context.Context, namespace string, hashes map[string]bool) ([]*corev1.Pod, error) {
	var keys []string
	for hash := range maps.Keys(hashes) {
		keys = append(keys, labelKey(workload.HashLabel+"="+hash))
	}
	var l corev1.PodList
	return find(ctx, f, &l, &l.Items, namespace, keys...)
}

// selected lists by the one pair of the selector that fewest objects have, as far as is known: the caller looks at the other pairs.
func selected[T any, P object[T]](
	ctx context.Context, f finder, list client.ObjectList, items *[]T, namespace string, selector map[string]string,
) ([]P, error) {
	pairs := workload.Telling(selector)
	if len(pairs) == 0 {
		pairs = workload.Pairs(selector)
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	scope := fmt.Sprintf("%T %s ", P(nil), namespace)
	pair := f.crowded.least(scope, pairs)
	out, err := find[T, P](ctx, f, list, items, namespace, labelKey(pair))
	if err == nil {
		f.crowded.note(scope+pair, len(out))
	}
	return out, err
}

// crowd is how many objects must share a label pair for it to be remembered: looking through fewer costs next to nothing.
const crowd = 64

// crowded remembers the label pairs that many objects share, such as the name of the team, so that the next look is by another pair of the
// same selector. It is a guess that costs time when it is wrong, nothing else.
type crowded struct {
	mu    sync.Mutex
	sizes map[string]int
}

func (c *crowded) note(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < crowd {
		delete(c.sizes, key)
	} else {
		c.sizes[key] = n
	}
}

func (c *crowded) least(scope string, pairs []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.MinFunc(pairs, func(a, b string) int { return c.sizes[scope+a] - c.sizes[scope+b] })
}
