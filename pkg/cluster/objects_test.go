package cluster_test

import (
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// noon is when every test takes place.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// settings are those of the tests.
func settings() cluster.Settings {
	return cluster.Settings{Bounds: release.Bounds{Push: 10 * time.Second, Settle: time.Minute, Between: 30 * time.Second}, Manager: "stagger"}
}

// place is a namespace with one Service in the middle of a release: 25% of the traffic meets the canary.
type place struct {
	namespace string
	shift     *v1alpha1.TrafficShift
	policy    *v1alpha1.ShiftPolicy
	deploy    *appsv1.Deployment
	stable    *appsv1.ReplicaSet
	canary    *appsv1.ReplicaSet
	service   *corev1.Service
	second    *corev1.Service // the canary's
	routes    []*unstructured.Unstructured
	rules     []*unstructured.Unstructured
	pods      []*corev1.Pod
	others    []*corev1.Service
}

func template(version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "web:" + version}}},
	}
}

// inTheMiddle is the place in a namespace.
func inTheMiddle(namespace string) *place {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: "7", Generation: 1, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))}
	}
	p := &place{namespace: namespace}
	p.policy = &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard"}, Spec: *policy()}
	p.deploy = &appsv1.Deployment{ObjectMeta: meta("web"), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](4), Paused: true, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: template("2")}}
	p.deploy.Labels, p.deploy.UID = map[string]string{v1alpha1.HeldLabel: "true"}, "deployment"
	before := p.deploy.DeepCopy()
	before.Spec.Template = template("1")
	p.stable = inmemory.SetOf(before, "old")
	p.stable.UID, p.stable.Spec.Replicas = "stable", ptr.To[int32](4)
	p.stable.Status = appsv1.ReplicaSetStatus{Replicas: 4, AvailableReplicas: 4}
	hash := workload.Hash(&p.deploy.Spec.Template)
	mark := workload.Mark{Namespace: namespace, Shift: "web", Number: 3}
	p.service = &corev1.Service{ObjectMeta: meta("web"), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web", workload.HashLabel: "old"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
	p.service.Annotations = map[string]string{v1alpha1.SiblingsAnnotation: "metrics"}
	p.service.Labels = map[string]string{v1alpha1.NarrowedLabel: "old"}
	p.second = workload.CanaryService(p.service, "web-canary", hash, mark)
	p.second.UID, p.second.ResourceVersion = "second", "7"
	p.canary = workload.ReleaseSet(p.deploy, hash, mark, p.second, 1)
	p.canary.UID, p.canary.ResourceVersion = "canary", "7"
	p.canary.Status = appsv1.ReplicaSetStatus{Replicas: 1, AvailableReplicas: 1}
	p.routes = []*unstructured.Unstructured{p.split("web", 250_000)}
	p.rules = []*unstructured.Unstructured{p.rule("web", "web")}
	for _, rs := range []*appsv1.ReplicaSet{p.stable, p.canary} {
		pod := &corev1.Pod{ObjectMeta: meta(rs.Name + "-1")}
		pod.Labels, pod.OwnerReferences = rs.Spec.Template.Labels, []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
		p.pods = append(p.pods, pod)
	}
	p.others = []*corev1.Service{{ObjectMeta: meta("metrics"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}}
	at := metav1.NewTime(noon.Add(-2 * time.Minute))
	p.shift = &v1alpha1.TrafficShift{ObjectMeta: meta("web"), Spec: v1alpha1.TrafficShiftSpec{
		PolicyRef: v1alpha1.PolicyReference{Name: "standard"}, Service: v1alpha1.ServiceReference{Name: "web"}}}
	p.shift.UID, p.shift.Finalizers = "shift", []string{v1alpha1.Finalizer}
	p.shift.Status.Release = &v1alpha1.Release{
		Number: 3, Revision: hash, Stable: "old", State: v1alpha1.StateShifting, Step: 1, Weight: "25%", Plan: *policy(), Policy: "standard",
		StartedAt: at, StepStartedAt: &at, SettledAt: &at, Moves: 1, Baseline: &v1alpha1.Baseline{RequestsPerSecond: "100"},
		Weights:  []v1alpha1.WrittenWeight{{Weight: "25%", Step: 1, At: at}},
		Workload: v1alpha1.ReleaseWorkload{Deployment: "web", Base: 4},
	}
	return p
}

func policy() *v1alpha1.ShiftPolicySpec {
	return &v1alpha1.ShiftPolicySpec{
		Steps:        []v1alpha1.Step{{Weight: "25%", Hold: "1m"}, {Weight: "100%", Hold: "1m"}},
		Objectives:   []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold},
		SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload:     v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
}

func (p *place) object(kind, name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": kind, "spec": spec}}
	u.SetNamespace(p.namespace)
	u.SetName(name)
	u.SetUID("uid of " + "it")
	u.SetResourceVersion("7")
	return u
}

func (p *place) rule(name, host string) *unstructured.Unstructured {
	return p.object("DestinationRule", name, map[string]any{"host": host, "trafficPolicy": map[string]any{}})
}

// split is a VirtualService of the place that gives the canary a share.
func (p *place) split(name string, share int64) *unstructured.Unstructured {
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	target := routing.Target{Namespace: p.namespace, Service: "web"}
	vs := p.object("VirtualService", name, map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{
		"route": []any{to("web", routing.Whole-share), to(target.CanaryHost(), share)}}}})
	vs.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: p.namespace + "/web 3"})
	return vs
}

// objects are those of the place, in the order of their lists.
func (p *place) objects() cluster.Objects {
	return cluster.Objects{
		Shift: p.shift, Policy: p.policy, Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}},
		Service: p.service, CanaryService: p.second, Siblings: p.others, Deployments: []*appsv1.Deployment{p.deploy},
		ReplicaSets: []*appsv1.ReplicaSet{p.stable, p.canary}, Pods: p.pods, Routes: p.routes, Rules: p.rules, Hold: release.HoldOnChange,
	}
}

// shuffled are the same objects in another order.
func shuffled(o cluster.Objects, r *rand.Rand) cluster.Objects {
	o.Siblings, o.Deployments, o.ReplicaSets = mixed(o.Siblings, r), mixed(o.Deployments, r), mixed(o.ReplicaSets, r)
	o.Pods, o.Routes, o.Rules, o.PolicyNames = mixed(o.Pods, r), mixed(o.Routes, r), mixed(o.Rules, r), mixed(o.PolicyNames, r)
	return o
}

func mixed[T any](list []T, r *rand.Rand) []T {
	out := append([]T(nil), list...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// diff is what two sets of objects differ in.
func diff(a, b cluster.Objects) string { return cmp.Diff(a, b) }
