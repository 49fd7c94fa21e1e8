package agent

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// nodes is an agent of two nodes.
func nodes(t *testing.T, cordoned ...string) *Agent {
	t.Helper()
	a := New(nil, "", "", "node-1", "node-2")
	all := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, name := range a.nodes {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Unschedulable: slices.Contains(cordoned, name)}}
		if err := all.Add(node); err != nil {
			t.Fatal(err)
		}
	}
	a.nodeLister = listers.NewNodeLister(all)
	a.seen(t)
	return a
}

// binds chooses nodes for pods as if each was bound at once, and is where they went.
func (a *Agent) binds(t *testing.T, pods ...*corev1.Pod) (went []string) {
	t.Helper()
	for _, p := range pods {
		node, err := a.choose(p)
		if err != nil {
			t.Fatal(err)
		}
		a.bound[p.UID] = node
		went = append(went, p.Name+" to "+node)
	}
	return went
}

// seen has the agent see pods.
func (a *Agent) seen(t *testing.T, pods ...*corev1.Pod) {
	t.Helper()
	all := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, p := range pods {
		if err := all.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	a.lister = listers.NewPodLister(all)
}

// spread is a pod that wants to be spread over hosts with those of its app.
func spread(name, app string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		}}},
	}
}

func TestPodsThatWantToBeSpreadAreAlsoBeforeTheyShowTheirNodes(t *testing.T) {
	a := nodes(t)
	var pods []*corev1.Pod
	for i := range 4 {
		pods = append(pods, spread(fmt.Sprintf("p%d", i), "checkout"))
	}
	pods = append(pods, spread("other", "cart"), object("shop:1", func(p *corev1.Pod) { p.Name, p.UID = "plain", "plain" }))
	a.seen(t, pods...)
	want := []string{"p0 to node-1", "p1 to node-2", "p2 to node-1", "p3 to node-2", "other to node-1", "plain to node-1"}
	if got := a.binds(t, pods...); !slices.Equal(got, want) {
		t.Errorf("bound %v, want %v", got, want)
	}
	pods[1].DeletionTimestamp, pods[1].Spec.NodeName = &metav1.Time{}, "node-2"
	a.seen(t, pods...)
	if got := a.binds(t, spread("p4", "checkout")); got[0] != "p4 to node-2" {
		t.Errorf("in the place of one that ends: bound %v", got)
	}
	if _, kept := a.bound["p1"]; kept || len(a.bound) != len(pods) { // with p4
		t.Errorf("of pods that show their nodes it remembers %v", a.bound)
	}
}

func TestACordonedNodeTakesNoPods(t *testing.T) {
	for cordoned, want := range map[string][]string{"node-1": {"p to node-2", "q to node-2"}, "node-2": {"p to node-1", "q to node-1"}} {
		a := nodes(t, cordoned)
		got := a.binds(t, spread("p", "checkout"), object("shop:1", func(p *corev1.Pod) { p.Name = "q" }))
		if !slices.Equal(got, want) {
			t.Errorf("with %s cordoned: %v, want %v", cordoned, got, want)
		}
	}
	a := nodes(t, "node-1", "node-2")
	waiting := spread("p", "checkout")
	a.seen(t, waiting)
	if err := a.bind(t.Context(), waiting); err != nil { // it would need a client
		t.Errorf("without a node: %v", err)
	}
	if a.uncordoned(nil); a.queue.Len() != 1 {
		t.Errorf("%d pods are looked at again, want 1", a.queue.Len())
	}
}
