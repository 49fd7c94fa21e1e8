package agent

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// bind gives a pod its node. One with scheduling gates waits, and so does one that no node takes, until a node is uncordoned.
func (a *Agent) bind(ctx context.Context, object *corev1.Pod) error {
	if object.DeletionTimestamp != nil || len(object.Spec.SchedulingGates) > 0 {
		return nil
	}
	a.binding.Lock()
	defer a.binding.Unlock()
	node, err := a.choose(object)
	if err != nil || node == "" {
		return err
	}
	err = a.client.CoreV1().Pods(object.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name, UID: object.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		a.bound[object.UID] = node
	}
	return err
}

// choose is the node for a pod: the first that takes pods; for one that wants to be spread over hosts the one with the fewest of its kind. It
// forgets what it has bound and sees as bound.
func (a *Agent) choose(object *corev1.Pod) (string, error) {
	all, err := a.lister.List(labels.Everything())
	if err != nil {
		return "", fmt.Errorf("listing pods: %w", err)
	}
	bound := map[types.UID]string{}
	for _, p := range all {
		if node, ok := a.bound[p.UID]; ok && p.Spec.NodeName == "" {
			bound[p.UID] = node
		}
	}
	a.bound = bound
	var open []string
	for _, name := range a.nodes {
		node, err := a.nodeLister.Get(name)
		if err != nil {
			return "", fmt.Errorf("reading node %s: %w", name, err)
		}
		if !node.Spec.Unschedulable {
			open = append(open, name)
		}
	}
	return place(object, open, all, bound)
}

// place is the one of the open nodes for a pod, given all pods and where those are bound to that do not show it yet; empty: none is open.
func place(object *corev1.Pod, open []string, all []*corev1.Pod, bound map[types.UID]string) (string, error) {
	if len(open) == 0 {
		return "", nil
	}
	i := slices.IndexFunc(object.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool {
		return c.TopologyKey == corev1.LabelHostname
	})
	if i < 0 {
		return open[0], nil
	}
	kind, err := metav1.LabelSelectorAsSelector(object.Spec.TopologySpreadConstraints[i].LabelSelector)
	if err != nil {
		return "", fmt.Errorf("reading whom the pod is spread with: %w", err)
	}
	has := map[string]int{}
	for _, p := range all {
		node := p.Spec.NodeName
		if node == "" {
			node = bound[p.UID]
		}
		if p.Namespace == object.Namespace && p.DeletionTimestamp == nil && kind.Matches(labels.Set(p.Labels)) {
			has[node]++
		}
	}
	return slices.MinFunc(open, func(a, b string) int { return has[a] - has[b] }), nil
}

// uncordoned looks again at the pods that have no node.
func (a *Agent) uncordoned(any) {
	all, err := a.lister.List(labels.Everything())
	if err != nil {
		return // the cache cannot fail
	}
	for _, p := range all {
		if p.Spec.NodeName == "" {
			a.enqueue(p)
		}
	}
}
