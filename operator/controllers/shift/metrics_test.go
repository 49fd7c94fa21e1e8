package shift

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	table "github.com/stagger-dev/stagger/pkg/metrics"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
)

// counted are the values above 0 of a counter, and the number of observations of a histogram, by the values of their labels.
func counted(t *testing.T, set *metrics.Set, name string) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(set); err != nil {
		t.Fatal(err)
	}
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			labels := ""
			for _, l := range m.GetLabel() {
				labels += l.GetValue() + " "
			}
			if n := m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount()); f.GetName() == name && n > 0 {
				got[labels] = n
			}
		}
	}
	return got
}

// A release that is over is counted when that is written, and once, however often it was tried.
func TestAReleaseIsCountedOnceItIsWritten(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateRestoring, StartedAt: metav1.NewTime(began)}
	conflicts := 2
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if conflicts--; conflicts >= 0 {
				return apierrors.NewConflict(schema.GroupResource{Resource: "trafficshifts"}, o.GetName(), errors.New("it has changed"))
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build()
	r := reconcilerOf(t, testclock.NewFakePassiveClock(began), c)
	r.Metrics = metrics.New(metrics.Settings{Build: []string{"", "", ""}})
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
		t.Fatal(err)
	}
	over := shift.Status.Release.DeepCopy()
	over.State, over.FinishedAt = v1alpha1.StateAborted, &metav1.Time{Time: began.Add(time.Minute)}
	over.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryBreachesSLO}
	want := map[string]float64{}
	for attempt := range 4 {
		v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began)
		err := r.patchStatus(t.Context(), v, cluster.StatusOf(v, release.Decision{Reason: v1alpha1.ReasonAborted}, over))
		if (attempt < 2) != apierrors.IsConflict(err) {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		if attempt >= 2 {
			want["version Aborted CanaryBreachesSLO "], shift = 1, v.Shift
		}
		if diff := cmp.Diff(want, counted(t, r.Metrics, table.Releases)); diff != "" {
			t.Errorf("releases after attempt %d (-want +got):\n%s", attempt, diff)
		}
	}
	if diff := cmp.Diff(map[string]float64{"TrafficShift conflict patch ": 2, "TrafficShift ok patch ": 2}, counted(t, r.Metrics, table.Writes)); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// What met the canary of a TrafficShift that goes is counted: once, and as far as it is known.
func TestWhatIsLetGoIsCountedOnce(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	until, end := metav1.NewMicroTime(began), metav1.NewMicroTime(began.Add(time.Minute))
	for final, want := range map[bool]map[string]float64{false: {"shop failed ": 36, "shop exposed ": 119}, true: {}} {
		r := reconcilerOf(t, testclock.NewFakePassiveClock(began.Add(2*time.Minute)), nil)
		r.Metrics = metrics.New(metrics.Settings{Build: []string{"", "", ""}})
		shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		shift.Status.Release = &v1alpha1.Release{
			Number: 7, State: v1alpha1.StateAborted, Exposed: 119, Failed: 36, Counted: v1alpha1.Counted{Until: &until, End: &end, Final: final},
		}
		r.countLast(shift)
		if diff := cmp.Diff(want, counted(t, r.Metrics, table.NamespaceCanaryRequests)); diff != "" {
			t.Errorf("counted before: %v (-want +got):\n%s", final, diff)
		}
	}
}

// An abort is timed when its last lever is written, however many passes that takes.
func TestASlowAbortIsTimed(t *testing.T) {
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "5%", StartedAt: metav1.NewTime(began)}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).Build()
	k := testclock.NewFakePassiveClock(began)
	r := reconcilerOf(t, k, c)
	r.Metrics = metrics.New(metrics.Settings{Build: []string{"", "", ""}})
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
		t.Fatal(err)
	}
	write := func(after time.Duration, change func(*v1alpha1.Release)) {
		t.Helper()
		k.SetTime(began.Add(after))
		v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, k.Now())
		v.Counted = k.Now().Add(-3 * time.Second)
		rec := shift.Status.Release.DeepCopy()
		change(rec)
		d := release.Decision{Release: rec, Reason: v1alpha1.ReasonCanaryBreachesSLO, Message: after.String()}
		if err := r.patchStatus(t.Context(), v, cluster.StatusOf(v, d, rec)); err != nil {
			t.Fatal(err)
		}
		shift = v.Shift
	}
	write(10*time.Second, func(r *v1alpha1.Release) {
		r.State, r.Outcome = v1alpha1.StateAborting, &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryBreachesSLO}
	})
	write(200*time.Second, func(*v1alpha1.Release) {}) // a lever is still refused
	if got := counted(t, r.Metrics, table.AbortLatency); len(got) > 0 {
		t.Errorf("an abort that goes on was timed: %v", got)
	}
	write(310*time.Second, func(r *v1alpha1.Release) { r.State = v1alpha1.StateDraining })
	write(320*time.Second, func(*v1alpha1.Release) {})
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Metrics)
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() != table.AbortLatency {
				continue
			}
			want := map[string]float64{table.StageEvidence: 3, table.StageWrite: 300, table.StageTotal: 303}[m.GetLabel()[0].GetValue()]
			if h := m.GetHistogram(); h.GetSampleCount() != 1 || h.GetSampleSum() != want {
				t.Errorf("%s: %d aborts of %g s, want one of %g s", m.GetLabel()[0].GetValue(), h.GetSampleCount(), h.GetSampleSum(), want)
			}
		}
	}
}

// A Deployment that somebody lets loose while a release runs is paused again, and that is counted; the pause of a release's start is not.
func TestARolloutThatWasLetLooseIsCounted(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	r := reconcilerOf(t, testclock.NewFakePassiveClock(time.Now()), fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).Build())
	r.Metrics = metrics.New(metrics.Settings{Build: []string{"", "", ""}})
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, time.Now())
	for _, lever := range []bool{false, true} {
		w := cluster.Write{Action: release.Action{Verb: release.Pause}, Kind: cluster.Patch, Object: d, Lever: lever, Patch: patch.Patch{patch.Add("/spec/paused", true)}}
		if failure := r.write(t.Context(), v, &w); failure != nil {
			t.Fatal(failure)
		}
	}
	if diff := cmp.Diff(map[string]float64{"rollout ": 1}, counted(t, r.Metrics, table.ForeignEdits)); diff != "" {
		t.Errorf("foreign edits (-want +got):\n%s", diff)
	}
}

func TestTheWayDeploymentsAreHeldIsTold(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	proven := func(modes ...release.HoldMode) map[types.NamespacedName]proof {
		all := map[types.NamespacedName]proof{}
		for _, m := range modes {
			all[types.NamespacedName{Name: string(m)}] = proof{mode: m, at: now}
		}
		return all
	}
	there := version{"1", "2"}
	cases := map[string]struct {
		guard *guard
		want  string
	}{
		"there is nothing to prove": {&guard{}, table.Always},
		"nobody has looked":         {&guard{proves: true}, ""},
		"no policy is installed":    {&guard{proves: true, looked: true}, table.Always},
		"nothing is proven":         {&guard{proves: true, looked: true, seen: there}, ""},
		"the policy holds":          {&guard{proves: true, looked: true, seen: there, proofs: proven(release.HoldOnChange)}, table.OnChange},
		"it does not hold all":      {&guard{proves: true, looked: true, seen: there, proofs: proven(release.HoldOnChange, release.HoldAlways)}, table.Fallback},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.guard.clock = testclock.NewFakePassiveClock(now)
			got := ""
			c.guard.tell(func(name string, value float64, labels ...string) {
				if value == 1 && name == table.HoldMode {
					got += labels[0]
				}
			})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
