package cluster_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// goneBy are the ways in which a pod is there as an object and not as an endpoint.
func goneBy() map[string]func(*corev1.Pod) {
	return map[string]func(*corev1.Pod){
		"evicted":   func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted" },
		"completed": func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		"stuck":     func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon.Add(-time.Hour))) },
		"set aside": func(p *corev1.Pod) {
			p.Labels, p.OwnerReferences = map[string]string{workload.HashLabel: p.Labels[workload.HashLabel], "debug": "yes"}, nil
		},
	}
}

// A pod that is gone is no pod of either arm, in no fact: not in those that are waited for, nor in those that shares are scaled by.
func TestPodsThatAreGoneAreNoPods(t *testing.T) {
	for name, gone := range goneBy() {
		for i, of := range []string{"stable", "canary"} {
			p := inTheMiddle("shop")
			running(p.pods[0], "10.0.0.1")
			running(p.pods[1], "10.0.0.2")
			gone(p.pods[i])
			v := cluster.Observe(p.objects(), settings(), noon)
			w := v.Facts.Workload
			set, other := w.Stable, w.Canary
			if of == "canary" {
				set, other = other, set
			}
			if set.Pods != 0 || set.Serving != 0 || set.Pod != "" || other.Pods != 1 || other.Serving != 1 || other.Pod != p.pods[1-i].Name {
				t.Errorf("%s %s: %+v beside %+v", name, of, set, other)
			}
			r, _ := cluster.DirectOf(v, p.shift.Status.Release)
			if r.PodsOf.Stable+r.PodsOf.Canary != 1 || r.PodsOf == (direct.Pods{Stable: 1}) != (of == "canary") {
				t.Errorf("%s %s: %+v are read", name, of, r.PodsOf)
			}
		}
	}
}

// What met the canary is counted to the end when no pod of it can answer any more; those that are gone end nothing later.
func TestPodsThatAreGoneAreNotCountedOn(t *testing.T) {
	ends := func(change func(*corev1.Pod)) bool {
		p := inTheMiddle("shop")
		rec := p.shift.Status.Release
		rec.State, rec.Outcome = v1alpha1.StateRestoring, &v1alpha1.Outcome{Result: v1alpha1.StateAborted}
		change(p.pods[1])
		v := cluster.Observe(p.objects(), settings(), noon)
		return cluster.StatusOf(v, release.Decision{}, nil).Release.Counted.End != nil
	}
	for name, gone := range goneBy() {
		if !ends(gone) {
			t.Errorf("%s: it is taken for one that may still answer", name)
		}
	}
	for name, there := range map[string]func(*corev1.Pod){
		"runs": func(*corev1.Pod) {},
		"ends": func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) },
	} {
		if ends(there) {
			t.Errorf("%s: it may still answer", name)
		}
	}
}

// Of gateways that were evicted nothing is asked, and they do not use up those that are read.
func TestGatewaysThatAreGone(t *testing.T) {
	p := inTheMiddle("shop")
	if err := unstructured.SetNestedSlice(p.routes[0].Object, []any{"gw"}, "spec", "gateways"); err != nil {
		t.Fatal(err)
	}
	o := p.objects()
	g := cluster.Gateway{Whole: true, Pods: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "gw"}}}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		g.Pods = append(g.Pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{Phase: corev1.PodFailed}})
	}
	o.Gateways = []cluster.Gateway{g}
	rec := p.shift.Status.Release
	rec.Step, rec.Weight, rec.State = 0, "0%", v1alpha1.StatePreparing
	v := cluster.Observe(o, settings(), noon)
	if !v.HeardOf(direct.State{Number: 3, Known: true}, true, func(time.Time) bool { return true }).Told {
		t.Error("nine evicted gateways keep the tenth from telling")
	}
}
