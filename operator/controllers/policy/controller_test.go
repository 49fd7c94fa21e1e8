package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

// sound is a plan that can be followed, changed as a case wants it.
func sound(changes ...func(*v1alpha1.ShiftPolicySpec)) v1alpha1.ShiftPolicySpec {
	s := v1alpha1.ShiftPolicySpec{
		Steps:      []v1alpha1.Step{{Weight: "1%", Hold: "2m"}, {Weight: "25%", Hold: "5m"}, {Weight: "100%", Hold: "5m"}},
		Objectives: []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99.5%"}},
	}
	s.Defaults()
	for _, change := range changes {
		change(&s)
	}
	return s
}

type world struct {
	client   client.WithWatch
	recorder *events.FakeRecorder
	writes   int
	status   metav1.ConditionStatus // whether the source answers, and what is said of it
	said     counting.Trouble
	metrics  *metrics.Set
}

func (w *world) reconciler() *reconciler {
	return &reconciler{client: w.client, recorder: w.recorder, metrics: w.metrics, answers: func() (metav1.ConditionStatus, counting.Trouble) { return w.status, w.said }}
}

func newWorld(t *testing.T, p *v1alpha1.ShiftPolicy) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{recorder: events.NewFakeRecorder(16), status: metav1.ConditionTrue, said: counting.Trouble{Reason: v1alpha1.ReasonCurrent, Message: "it answers"}}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(p).WithStatusSubresource(p).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			w.writes++
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build()
	return w
}

// pass returns the policy after a pass over it.
func (w *world) pass(t *testing.T, name string) *v1alpha1.ShiftPolicy {
	t.Helper()
	r := w.reconciler()
	key := types.NamespacedName{Name: name}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatalf("a pass failed: %v", err)
	}
	var p v1alpha1.ShiftPolicy
	if err := w.client.Get(t.Context(), key, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func verdicts(p *v1alpha1.ShiftPolicy) map[string]string {
	out := map[string]string{}
	for _, c := range p.Status.Conditions {
		out[c.Type] = string(c.Status) + " " + c.Reason
	}
	return out
}

func TestStatusFollowsThePlan(t *testing.T) {
	p := &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine", Generation: 1}, Spec: sound(func(s *v1alpha1.ShiftPolicySpec) { s.Steps = s.Steps[:1] })}
	w := newWorld(t, p)
	got := w.pass(t, "mine")
	if diff := cmp.Diff(map[string]string{"Accepted": "False Invalid", "Ready": "False Invalid", "Stalled": "True Invalid", "SourceAnswers": "True Current"}, verdicts(got)); diff != "" {
		t.Errorf("a plan that ends at 1%% (-want +got):\n%s", diff)
	}
	if len(w.recorder.Events) != 1 {
		t.Errorf("%d events, want 1", len(w.recorder.Events))
	}
	w.pass(t, "mine")
	if w.writes != 1 {
		t.Errorf("%d writes after two passes over one plan, want 1", w.writes)
	}

	got.Spec, got.Generation = sound(), 2
	if err := w.client.Update(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	got = w.pass(t, "mine")
	if diff := cmp.Diff(map[string]string{"Accepted": "True Accepted", "Ready": "True Accepted", "SourceAnswers": "True Current"}, verdicts(got)); diff != "" {
		t.Errorf("a sound plan (-want +got):\n%s", diff)
	}
	ready := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady)
	if got.Status.ObservedGeneration != 2 || ready == nil || ready.ObservedGeneration != 2 {
		t.Errorf("observed generation is %d, of Ready %v; want 2", got.Status.ObservedGeneration, ready)
	}
}

func TestAPolicyThatIsGoneIsNoError(t *testing.T) {
	w := newWorld(t, &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "other"}})
	r := w.reconciler()
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "mine"}}); err != nil {
		t.Errorf("a pass over a policy that is gone failed: %v", err)
	}
}

// Each policy says whether the source answers; that is written when it changes, and a plan that contradicts itself is not told of again.
func TestStatusFollowsTheSource(t *testing.T) {
	p := &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine", Generation: 1}, Spec: sound(func(s *v1alpha1.ShiftPolicySpec) { s.Steps = s.Steps[:1] })}
	w := newWorld(t, p)
	for i, step := range []struct {
		status metav1.ConditionStatus
		said   counting.Trouble
	}{
		{metav1.ConditionUnknown, counting.Trouble{Reason: v1alpha1.ReasonPending, Message: "not asked"}},
		{metav1.ConditionTrue, counting.Trouble{Reason: v1alpha1.ReasonCurrent, Message: "it answers"}},
		{metav1.ConditionFalse, counting.Trouble{Reason: v1alpha1.ReasonPrometheusUnreachable, Message: "no route to host"}},
	} {
		w.status, w.said = step.status, step.said
		w.pass(t, "mine")
		c := meta.FindStatusCondition(w.pass(t, "mine").Status.Conditions, v1alpha1.ConditionSourceAnswers)
		if c == nil || c.Status != step.status || c.Reason != string(step.said.Reason) || c.Message != step.said.Message {
			t.Errorf("got %+v, want %+v", c, step)
		}
		if w.writes != i+1 {
			t.Errorf("%d writes after %d changes", w.writes, i+1)
		}
	}
	if len(w.recorder.Events) != 1 {
		t.Errorf("%d events of one contradiction, want 1", len(w.recorder.Events))
	}
}

// Operators of other namespaces write to the same policies.
func TestAPolicyThatChangesMeanwhileIsLookedAtAgain(t *testing.T) {
	p := &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine", Generation: 1}, Spec: sound()}
	w := newWorld(t, p)
	behind := w.client
	w.client = interceptor.NewClient(w.client, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("shiftpolicies").GroupResource(), "mine", errors.New("it has changed"))
		},
	})
	if result, err := w.reconciler().Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "mine"}}); err != nil || result.RequeueAfter == 0 {
		t.Errorf("a pass over a policy that changed meanwhile: %+v, %v", result, err)
	}
	w.client = behind
	if got := w.pass(t, "mine"); got.Status.ObservedGeneration != 1 {
		t.Errorf("the pass after it left generation %d", got.Status.ObservedGeneration)
	}
}

func TestTheSourceConcernsEveryPolicy(t *testing.T) {
	w := newWorld(t, &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine"}})
	if err := w.client.Create(t.Context(), &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "other"}}); err != nil {
		t.Fatal(err)
	}
	got := w.reconciler().all(t.Context(), nil)
	want := []reconcile.Request{{NamespacedName: types.NamespacedName{Name: "mine"}}, {NamespacedName: types.NamespacedName{Name: "other"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The first release by a policy is seen by increase(): its counter is there before, and a later pass leaves it as it is.
func TestAPolicyIsCountedBeforeItsFirstRelease(t *testing.T) {
	w := newWorld(t, &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine", Generation: 1}, Spec: sound()})
	w.metrics = metrics.New(metrics.Settings{Build: []string{"v", "r", "g"}})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.metrics)
	for began := range 2 {
		w.pass(t, "mine")
		want := fmt.Sprintf("# HELP %[1]s Releases that began.\n# TYPE %[1]s counter\n%[1]s{policy=\"mine\"} %[2]d\n", table.ReleasesStarted, began)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), table.ReleasesStarted); err != nil {
			t.Errorf("after %d releases: %v", began, err)
		}
		w.metrics.Add(table.ReleasesStarted, 1, "mine")
	}
}
