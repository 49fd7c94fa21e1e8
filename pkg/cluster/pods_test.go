package cluster_test

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
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

// Every phase, readiness, deletion and owner that a pod of an arm can have, with containers that run or crash. An arm's pods are those that Services
// lead to, whoever made them; only those of its ReplicaSet blame a version.
func TestPodsOfEveryKind(t *testing.T) {
	deletions := map[string]*metav1.Time{"": nil, "ends": ptr.To(metav1.NewTime(noon)), "stuck": ptr.To(metav1.NewTime(noon.Add(-time.Hour)))}
	for _, arm := range []int{0, 1} {
		for _, phase := range []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown} {
			for _, ready := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown} {
				for deletion, at := range deletions {
					for _, owner := range []string{"its ReplicaSet", "the other ReplicaSet", "a Job", "nobody"} {
						for _, crashes := range []bool{false, true} {
							k := kindOfPod{arm, phase, ready, deletion, at, owner, crashes}
							t.Run(fmt.Sprintf("%+v", k), k.test)
						}
					}
				}
			}
		}
	}
}

// kindOfPod is the one pod of an arm: 0 is the stable.
type kindOfPod struct {
	arm      int
	phase    corev1.PodPhase
	ready    corev1.ConditionStatus
	deletion string
	deleted  *metav1.Time
	owner    string
	crashes  bool
}

func (k kindOfPod) test(t *testing.T) {
	p := inTheMiddle("shop")
	running(p.pods[0], "10.0.0.1")
	running(p.pods[1], "10.0.0.2")
	pod, sets := p.pods[k.arm], []*appsv1.ReplicaSet{p.stable, p.canary}
	pod.DeletionTimestamp, pod.Status.Phase = k.deleted, k.phase
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: k.ready, LastTransitionTime: pod.CreationTimestamp}}
	pod.OwnerReferences = map[string][]metav1.OwnerReference{
		"its ReplicaSet":       {*metav1.NewControllerRef(sets[k.arm], appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		"the other ReplicaSet": {*metav1.NewControllerRef(sets[1-k.arm], appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		"a Job":                {{APIVersion: "batch/v1", Kind: "Job", Name: "web", UID: "job", Controller: ptr.To(true)}},
	}[k.owner]
	if k.crashes {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", RestartCount: 5,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
	}
	there := k.deleted == nil && k.phase != corev1.PodSucceeded && k.phase != corev1.PodFailed
	w := cluster.Observe(p.objects(), settings(), noon).Facts.Workload
	arms := []release.Set{w.Stable, w.Canary}
	if is, serves := arms[k.arm], there && k.ready == corev1.ConditionTrue; is.Pods > 0 != there || is.Pod != "" != there || is.Serving > 0 != serves {
		t.Errorf("its arm is %+v: it is there: %t, it serves: %t", is, there, serves)
	}
	if other := arms[1-k.arm]; other.Pods != 1 || other.Serving != 1 || other.Pod != p.pods[1-k.arm].Name {
		t.Errorf("the other arm is %+v", other)
	}
	if blames := there && k.crashes && k.arm == 1 && k.owner == "its ReplicaSet"; w.Crashing != "" != blames {
		t.Errorf("the version is blamed for %q", w.Crashing)
	}
	rec := p.shift.Status.Release
	rec.State, rec.Outcome = v1alpha1.StateRestoring, &v1alpha1.Outcome{Result: v1alpha1.StateAborted}
	mayAnswer := k.arm == 1 && (there || k.deletion == "ends" && k.phase != corev1.PodSucceeded && k.phase != corev1.PodFailed) || k.arm == 0
	if ended := cluster.StatusOf(cluster.Observe(p.objects(), settings(), noon), release.Decision{}, nil).Release.Counted.End != nil; ended == mayAnswer {
		t.Errorf("what met the canary is counted to the end: %t", ended)
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
