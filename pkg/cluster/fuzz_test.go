package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// dice makes objects and facts of bytes.
type dice struct{ chance.Dice }

// often is true in one of so many cases.
func (d *dice) often(of int) bool { return d.N(of) == of-1 }

// objects are the middle of a release to which anything has happened.
func (d *dice) objects() (cluster.Objects, release.Evidence) {
	p := inTheMiddle("shop")
	d.metadata(p)
	d.workloads(p)
	d.mesh(p)
	d.record(p)
	o := p.objects()
	o.Hold = chance.Pick(d, release.HoldOnChange, release.HoldAlways, release.HoldUnknown)
	if d.often(8) {
		o.Policy, o.PolicyNames = nil, []string{"fast", "standard "}
	}
	if d.often(8) {
		o.Rivals = []cluster.Rival{{Shift: inTheMiddle("shop").shift, Service: p.service}, {Shift: inTheMiddle("bank").shift}}
		o.Rivals[0].Shift.UID = "rival"
	}
	if d.often(6) {
		o.Service = nil
	}
	if d.often(6) {
		o.CanaryService = nil
	}
	if d.often(8) {
		o.Deployments = nil
	}
	if d.often(8) {
		o.Namespace = nil
	}
	if d.often(6) {
		o.ReplicaSets = o.ReplicaSets[:d.N(3)]
	}
	e := d.evidence()
	if o.Service != nil && d.often(2) {
		o.Service.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "bank"})
	}
	return o, e
}

// metadata changes marks, labels and owners.
func (d *dice) metadata(p *place) {
	garbage := chance.Pick(d, "", "x", "shop/web", "shop/web 0", "shop/web -1", "bank/web 3", "shop/web 3", "/ 3", strings.Repeat("é", 300))
	for _, o := range []metav1.Object{p.service, p.second, p.canary, p.stable, p.deploy} {
		if d.often(6) {
			o.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: garbage, v1alpha1.AbortedAnnotation: chance.Pick(d, "", "3", "x")})
		}
		if d.often(8) {
			o.SetOwnerReferences(nil)
		}
		if d.often(8) {
			o.SetLabels(nil)
		}
	}
	if d.often(4) {
		p.service.Spec.Selector = chance.Pick(d, map[string]string{}, map[string]string{"app": "web"}, map[string]string{workload.HashLabel: "mine", "app": "web"},
			map[string]string{"app": "web", workload.HashLabel: p.shift.Status.Release.Revision})
	}
	if d.often(5) {
		p.second.Spec.Selector = chance.Pick(d, nil, map[string]string{workload.HashLabel: "old"})
	}
	if d.often(8) {
		p.service.Spec.Type = corev1.ServiceTypeExternalName
	}
	p.shift.Annotations = map[string]string{v1alpha1.CommandAnnotation: chance.Pick(d, "", "", "", "abort 3 t", "promote 3 t", "promote 3 t why", "promote-full 3 t why",
		"undo 3 t", "retry 3 t", "replan 3 t", "abort", "\x00 3 t", "promote 9 t why")}
	p.shift.Spec.Control = chance.Pick(d, v1alpha1.ControlAuto, v1alpha1.ControlAuto, v1alpha1.ControlPaused)
	if d.often(8) {
		now := metav1.NewTime(noon)
		p.shift.DeletionTimestamp = &now
	}
}

// workloads changes sizes, templates and pods.
func (d *dice) workloads(p *place) {
	for _, rs := range []*appsv1.ReplicaSet{p.stable, p.canary} {
		rs.Spec.Replicas = chance.Pick(d, rs.Spec.Replicas, nil, ptr.To[int32](0), ptr.To[int32](4))
		rs.Status.AvailableReplicas = chance.Pick(d, rs.Status.AvailableReplicas, 0, 4)
	}
	p.deploy.Spec.Replicas = chance.Pick(d, p.deploy.Spec.Replicas, nil, ptr.To[int32](0), ptr.To[int32](9))
	p.deploy.Spec.Template = chance.Pick(d, p.deploy.Spec.Template, p.deploy.Spec.Template, template("1"), template("3"), corev1.PodTemplateSpec{})
	p.deploy.Spec.Paused = chance.Pick(d, true, true, false)
	p.deploy.Spec.Selector = chance.Pick(d, p.deploy.Spec.Selector, p.deploy.Spec.Selector, nil)
	if d.often(5) {
		p.canary.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(p.deploy, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
		p.canary.Annotations = nil
	}
	if d.often(5) {
		p.pods[d.N(2)].Status = corev1.PodStatus{Phase: chance.Pick(d, corev1.PodRunning, corev1.PodFailed, corev1.PodPending), ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", RestartCount: int32(d.N(9)), State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}}
	}
}

// mesh changes routes and rules.
func (d *dice) mesh(p *place) {
	for range d.N(3) {
		vs := p.split(chance.Pick(d, "web", "a", "web-canary"), int64(d.N(5))*250_000)
		vs.SetNamespace(chance.Pick(d, "shop", "shop", "bank"))
		vs.SetAnnotations(chance.Pick(d, map[string]string{}, map[string]string{v1alpha1.ReleaseAnnotation: "shop/web 3"}, map[string]string{v1alpha1.ReleaseAnnotation: "shop/web 3", v1alpha1.AbortedAnnotation: "shop/web 3"},
			map[string]string{v1alpha1.AbortedAnnotation: "shop/web 999"}, map[string]string{v1alpha1.RoutesAnnotation: "{"}, map[string]string{v1alpha1.AllowAnnotation: "shop"}))
		if d.often(3) {
			vs.Object["spec"] = chance.Pick[any](d, nil, "x", map[string]any{"http": "x"}, map[string]any{"http": []any{nil, 3, map[string]any{"route": []any{nil}}}},
				map[string]any{"hosts": []any{"*"}, "tcp": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web"}, "weight": "x"}}}}})
		}
		if d.often(3) {
			vs.SetLabels(map[string]string{workload.ManagedByLabel: workload.ManagedBy})
		}
		p.routes = append(p.routes, vs)
	}
	if d.often(4) {
		p.routes = nil
	}
	if d.often(3) {
		p.rules = []*unstructured.Unstructured{p.object("DestinationRule", chance.Pick(d, "web", "web-canary"), chance.Pick(d, nil, map[string]any{"host": "web"}, map[string]any{"host": 3}))}
	}
}

// record changes what the status says.
func (d *dice) record(p *place) {
	r := p.shift.Status.Release
	r.State = chance.Pick(d, v1alpha1.StateShifting, v1alpha1.StateShifting, v1alpha1.StatePreparing, v1alpha1.StateHandover, v1alpha1.StateAborting,
		v1alpha1.StateDraining, v1alpha1.StateRestoring, v1alpha1.StatePromoted, v1alpha1.StateAborted)
	r.Step = chance.Pick(d, int32(1), 0, 2)
	r.Weight = []v1alpha1.Percentage{"0%", "25%", "100%"}[r.Step]
	switch r.State {
	case v1alpha1.StatePromoted:
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted, Message: "done"}
	case v1alpha1.StateAborted, v1alpha1.StateAborting, v1alpha1.StateDraining, v1alpha1.StateRestoring:
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "so be it"}
	}
	if d.often(4) {
		r.SettledAt = nil
	}
	if d.often(4) {
		r.StepStartedAt = nil
	}
	if d.often(6) {
		p.shift.Status.Release = nil
	}
	p.shift.Status.Refused = chance.Pick(d, "", "", r.Revision)
}

// evidence is anything the counts may say.
func (d *dice) evidence() release.Evidence {
	e := release.Evidence{Fresh: d.N(4) > 0, Seen: d.N(4) > 0, Share: -1, Rate: chance.Pick(d, 0, 2, 1e4), Reason: v1alpha1.ReasonCurrent,
		Agreement: chance.Pick(d, release.AgreementYes, release.AgreementUnknown, release.AgreementNo), Baseline: chance.Pick(d, nil, &v1alpha1.Baseline{RequestsPerSecond: "100"})}
	e.Verdict = evidence.Verdict{State: chance.Pick(d, evidence.Healthy, evidence.Undetermined, evidence.Breach), Reason: evidence.CanaryWorseThanStable,
		Suspicious: d.often(5), Cleared: d.N(3) > 0, NextWeight: 1, AloneBreach: d.often(8), Covered: time.Duration(d.N(100)) * time.Minute}
	return e
}

// FuzzAnyObjects feeds objects to which anything has happened through observing, deciding and planning. Whatever they are: nothing panics,
// they are not changed, traffic is taken away before anything else, it is raised only with proof, and only what is ours is written.
func FuzzAnyObjects(f *testing.F) {
	for _, seed := range chance.Seeds(96) {
		f.Add(seed)
	}
	f.Fuzz(anyObjects)
}

// TestAnyObjects is FuzzAnyObjects with dice of its own, so that every run throws some.
func TestAnyObjects(t *testing.T) {
	t.Parallel()
	chance.Throws(1_500, 96, func(bytes []byte) { anyObjects(t, bytes) })
}

func anyObjects(t *testing.T, bytes []byte) {
	t.Helper()
	d, again := dice{bytes}, dice{bytes}
	o, e := d.objects()
	same, _ := again.objects()
	v := cluster.Observe(o, settings(), noon)
	v.Weigh(e)
	decision := release.Decide(v.Facts, noon)
	writes := cluster.Plan(v, decision)
	if status := cluster.StatusOf(v, decision, decision.Release); len(status.Conditions) == 0 {
		t.Fatalf("%s: nothing is told", decision)
	}
	unchanged(t, same, o)
	others := false
	for i, w := range writes {
		others = others || !w.Lever
		if w.Lever && (others || w.Needs > 0) {
			t.Fatalf("%s: %s waits for what is no lever", decision, w)
		}
		if w.Needs > i {
			t.Fatalf("%s: %s waits for writes that come after it", decision, w)
		}
		if w.Err == nil {
			oursAlone(t, v, o, w)
		}
		if w.Action.Raises() {
			proven(t, v.Facts, decision)
		}
	}
}

// unchanged fails where the objects were changed.
func unchanged(t *testing.T, want, got cluster.Objects) {
	t.Helper()
	if d := diff(want, got); d != "" {
		t.Fatalf("the objects were changed (-before +after):\n%s", d)
	}
}

// oursAlone fails where an object is written that is not the release's to write, or a path of it that is not.
func oursAlone(t *testing.T, v *cluster.View, o cluster.Objects, w cluster.Write) {
	t.Helper()
	invited := o.Service != nil && o.Service.Annotations[v1alpha1.AllowAnnotation] == w.Object.GetNamespace()
	if w.Object.GetNamespace() != "shop" && !(invited && routing.Allows(asRoute(w), "shop")) {
		t.Fatalf("%s: of another namespace", w)
	}
	var paths []string
	switch object := w.Object.(type) {
	case *v1alpha1.TrafficShift:
		paths = []string{"/metadata/finalizers"}
	case *corev1.Service:
		mine, _ := workload.MarkOf(object)
		if w.Kind != cluster.Create && object != o.Service && (mine.Namespace != "shop" || mine.Shift != "web") || w.Kind == cluster.Delete && object == o.Service {
			t.Fatalf("%s: not ours", w)
		}
		paths = []string{"/spec/selector", "/metadata/labels", "/metadata/annotations"}
	case *appsv1.Deployment:
		paths = []string{"/metadata/labels", "/metadata/annotations", "/spec/paused", "/spec/template"}
	case *appsv1.ReplicaSet:
		paths = []string{"/spec/replicas", "/metadata/annotations", "/metadata/ownerReferences"}
	case *unstructured.Unstructured:
		ours := object.GetLabels()[workload.ManagedByLabel] == workload.ManagedBy
		if w.Kind == cluster.Delete && !ours || object.GetKind() == "DestinationRule" && !ours {
			t.Fatalf("%s: not ours", w)
		}
		paths = []string{"/spec/http", "/spec/tls", "/spec/tcp", "/metadata/annotations"}
		if object.GetKind() == "DestinationRule" {
			paths = []string{"/spec"}
		}
	}
	for _, op := range w.Patch {
		within := func(path string) bool { return op.Path == path || strings.HasPrefix(op.Path, path+"/") }
		if op.Op != "test" && op.Path != "/metadata/resourceVersion" && !slices.ContainsFunc(paths, within) {
			t.Fatalf("%s: writes %s", w, op.Path)
		}
	}
}

func asRoute(w cluster.Write) *unstructured.Unstructured {
	if u, ok := w.Object.(*unstructured.Unstructured); ok {
		return u
	}
	return &unstructured.Unstructured{Object: map[string]any{}}
}

// proven fails where traffic is raised against what is known.
func proven(t *testing.T, o release.Observation, d release.Decision) {
	t.Helper()
	e, r := o.Evidence, o.Release
	said := o.Wanted.Command != nil && d.Answer != nil && d.Answer.Accepted || strings.Contains(d.Message, "by command")
	switch {
	case r == nil || r.State.Ended() || d.Release != nil && d.Release.Outcome != nil:
		t.Fatalf("raises without a running release: %s", d)
	case !o.Wanted.Managed || o.Wanted.Paused || o.Wanted.Problem != nil:
		t.Fatalf("raises against people's will: %s", d)
	case e.Verdict.State == evidence.Breach || e.Verdict.Suspicious || o.Workload.Crashing != "":
		t.Fatalf("raises a suspect: %s", d)
	case !said && (!e.Fresh || !e.Seen && r.Step > 0):
		t.Fatalf("raises without fresh counts: %s", d)
	case o.Canary.Selects != r.Revision || o.Workload.Canary.Available < 1 || !said && o.Workload.Stable.Available < o.Workload.Stable.Replicas:
		t.Fatalf("raises without an arm that works: %s", d)
	}
}
