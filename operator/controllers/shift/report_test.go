package shift

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Numbers are written now and then, news after a while and what somebody has to look after at once; and what was kept back is written when
// nothing else happens.
func TestNothingThatIsKeptBackIsLost(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	c := testclock.NewFakePassiveClock(began)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "5%", StartedAt: metav1.NewTime(began)}
	r := reconcilerOf(t, c, fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).Build())
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
		t.Fatal(err)
	}
	v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, began)
	v.Facts.Workload.Deployment, v.Facts.Workload.Canary.Replicas = "web", 1
	steps := []struct {
		after, need time.Duration // since the beginning; what the decision asks for
		reason      v1alpha1.Reason
		message     string
		obstacle    string
		written     bool
		again       time.Duration
	}{
		{0, 0, v1alpha1.ReasonHolding, "holding 5%, 0s of 5m done", "", true, 120 * time.Second},
		{5 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 5s of 5m done", "", false, 115 * time.Second},
		{6 * time.Second, 3 * time.Second, v1alpha1.ReasonHolding, "holding 5%, 6s of 5m done", "", false, 3 * time.Second},
		{6 * time.Second, 5 * time.Minute, v1alpha1.ReasonHolding, "holding 5%, 6s of 5m done", "", false, 114 * time.Second},
		{120 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 120s of 5m done", "", true, 120 * time.Second},
		{130 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 130s of 5m done", "exceeded quota", false, 15 * time.Second},
		{140 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 140s of 5m done", "exceeded quota", false, 5 * time.Second},
		{145 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 145s of 5m done", "exceeded quota", true, 120 * time.Second},
		{146 * time.Second, 0, v1alpha1.ReasonWaiting, "the canary needs 4 pods", "exceeded quota", false, 15 * time.Second},
		{150 * time.Second, 0, v1alpha1.ReasonHolding, "holding 5%, 150s of 5m done", "exceeded quota", false, 115 * time.Second},
		{170 * time.Second, 0, v1alpha1.ReasonSuspicious, "the evidence against the canary is 12 of 100", "exceeded quota", true, 120 * time.Second},
	}
	for i, s := range steps {
		c.SetTime(began.Add(s.after))
		v.Facts.Workload.Obstacle = s.obstacle
		version := v.Shift.ResourceVersion
		result, err := r.report(t.Context(), v, release.Decision{Reason: s.reason, Message: s.message, After: s.need}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if written := v.Shift.ResourceVersion != version; written != s.written || result.RequeueAfter != s.again {
			t.Errorf("step %d: written %t, again after %s; want %t, %s", i, written, result.RequeueAfter, s.written, s.again)
		}
	}
}

// A status that says when it was looked at tells of a release that nobody looks after: while one runs it is written though nothing else is
// new, at rest it is not.
func TestThatSomebodyLooksIsToldWhileAReleaseRuns(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for _, state := range []v1alpha1.ReleaseState{v1alpha1.StateShifting, v1alpha1.StateDraining, v1alpha1.StatePromoted} {
		c := testclock.NewFakePassiveClock(began)
		shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		shift.Status.Release = &v1alpha1.Release{Number: 7, State: state, Step: 1, Weight: "5%", StartedAt: metav1.NewTime(began)}
		r := reconcilerOf(t, c, fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).Build())
		if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
			t.Fatal(err)
		}
		runs := shift.Status.Release.Running()
		for after := time.Duration(0); after <= 2*v1alpha1.Heartbeat; after += v1alpha1.Heartbeat {
			c.SetTime(began.Add(after))
			v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, c.Now())
			result, err := r.report(t.Context(), v, release.Decision{Reason: v1alpha1.ReasonHolding, Message: "waits"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			shift = v.Shift
			if told := shift.Status.ObservedAt.Equal(ptr.To(metav1.NewTime(c.Now()))); told != runs || (result.RequeueAfter == v1alpha1.Heartbeat) != runs {
				t.Errorf("%s after %s: looked at %s, again after %s", state, after, shift.Status.ObservedAt, result.RequeueAfter)
			}
		}
	}
}

// What is not counted in an hour is given up then, although nothing happens at rest.
func TestAPassIsDueWhenTheCountIsGivenUp(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	c := testclock.NewFakePassiveClock(began)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.Release = &v1alpha1.Release{
		Number: 7, State: v1alpha1.StateAborted, Weights: []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: metav1.NewTime(began)}},
		Counted: v1alpha1.Counted{Until: ptr.To(metav1.NewMicroTime(began.Add(-time.Second)))},
	}
	r := reconcilerOf(t, c, fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).Build())
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
		t.Fatal(err)
	}
	for passes := 0; !shift.Status.Release.Settled(); passes++ {
		v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, c.Now())
		result, err := r.report(t.Context(), v, release.Decision{Reason: v1alpha1.ReasonAborted}, nil)
		if err != nil {
			t.Fatal(err)
		}
		shift = v.Shift
		if wait := result.RequeueAfter; !shift.Status.Release.Settled() && (wait <= 0 || wait > time.Hour+time.Minute || passes > 1) {
			t.Fatalf("after pass %d at %s the next is in %s: %+v", passes, c.Now(), wait, shift.Status.Release.Counted)
		}
		c.SetTime(c.Now().Add(result.RequeueAfter))
	}
	if gaps := shift.Status.Release.Counted.Gaps; len(gaps) != 1 || !gaps[0].To.Time.Equal(began) {
		t.Errorf("given up: %+v", gaps)
	}
}

// A long message is cut to what an event may hold, between two letters.
func TestAnEventIsCutBetweenLetters(t *testing.T) {
	m := inTheMiddle(t, func(string) error { return nil })
	recorder := events.NewFakeRecorder(4)
	m.recorder = recorder
	m.event(m.view, corev1.EventTypeNormal, eventCommand, "x"+strings.Repeat("ü", 600))
	said := <-recorder.Events
	if note := strings.TrimPrefix(said, "Normal CommandHandled "); note != "x"+strings.Repeat("ü", 511) {
		t.Errorf("the note has %d bytes and ends with %q", len(note), note[max(0, len(note)-6):])
	}
}

// A status that the API server refuses is told once where people see it, and tried ever less often, whatever wakes the passes; the first that it
// takes ends that.
func TestARefusedStatusIsToldAndBacksOff(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	refusal := apierrors.NewInvalid(schema.GroupKind{Group: "stagger.dev", Kind: "TrafficShift"}, "web", field.ErrorList{
		field.TooLong(field.NewPath("status", "deployment", "images").Index(0), "", 1024)})
	asked, refuses := 0, true
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	c := testclock.NewFakePassiveClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	r := reconcilerOf(t, c, fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if asked++; refuses {
				return refusal
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build())
	recorder := events.NewFakeRecorder(100)
	r.recorder = recorder
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(shift), shift); err != nil {
		t.Fatal(err)
	}
	pass := func() time.Duration {
		result, err := r.report(t.Context(), cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, c.Now()), release.Decision{Reason: v1alpha1.ReasonUpToDate}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	for range 3000 { // five minutes of ten passes a second
		if again := pass(); again <= 0 || again > refusedLast {
			t.Fatalf("again in %s", again)
		}
		c.SetTime(c.Now().Add(100 * time.Millisecond))
	}
	if asked < 10 || asked > 20 {
		t.Errorf("%d statuses were sent in five minutes", asked)
	}
	if len(recorder.Events) != 1 {
		t.Fatalf("told %d times", len(recorder.Events))
	}
	if said := <-recorder.Events; !strings.HasPrefix(said, "Warning WriteDenied ") || !strings.Contains(said, "status.deployment.images[0]") {
		t.Errorf("told: %s", said)
	}
	refuses = false
	c.SetTime(c.Now().Add(refusedLast))
	if pass(); r.refusals.statusLeft(client.ObjectKeyFromObject(shift), c.Now()) != 0 {
		t.Error("a status that was taken is followed by a wait")
	}
	var stored v1alpha1.TrafficShift
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(shift), &stored); err != nil || conditionOf(&stored, v1alpha1.ConditionReady) == nil {
		t.Errorf("the status is not written when it may be: %v", err)
	}
}
