package shift

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/operator/lease"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

var errRefused = errors.New("refused by the API server")

// reconcilerOf is one whose client is given.
func reconcilerOf(t *testing.T, k clock.PassiveClock, c client.Client) *reconciler {
	t.Helper()
	return &reconciler{
		client: c, levering: c, reader: c, lanes: newLanes(func(types.NamespacedName) standing { return resting }), written: newWritten(k),
		recorder: events.NewFakeRecorder(100), clock: k, told: newTold(),
		refusals: newRefusals(), failures: workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](retryFirst, refusedLast),
	}
}

// middle is a release that runs at 1%, and a client whose patches are answered as refuse says.
type middle struct {
	*reconciler
	clock *testclock.FakePassiveClock
	view  *cluster.View
	mu    sync.Mutex
	done  []string // kinds that were patched, sorted
	asked int      // patches that were sent
}

func inTheMiddle(t *testing.T, refuse func(kind string) error) *middle {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	at := metav1.NewTime(began)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: v1alpha1.TrafficShiftSpec{Service: v1alpha1.ServiceReference{Name: "web"}}}
	shift.Status.Release = &v1alpha1.Release{Number: 7, Revision: "v2", Stable: "v1", State: v1alpha1.StateShifting, Step: 1, Weight: "1%", StartedAt: at}
	canary := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-canary",
		Annotations: map[string]string{v1alpha1.ReleaseAnnotation: "shop/web 7"}}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", workload.HashLabel: "v2"}}}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": map[string]any{"namespace": "shop", "name": "web",
			"annotations": map[string]any{v1alpha1.ReleaseAnnotation: "shop/web 7"}},
		"spec": map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{"route": []any{
			map[string]any{"destination": map[string]any{"host": "web"}, "weight": int64(99)},
			map[string]any{"destination": map[string]any{"host": "web-canary"}, "weight": int64(1)}}}}},
	}}
	m := &middle{clock: testclock.NewFakePassiveClock(began)}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift, canary, vs).WithStatusSubresource(shift).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			kind := o.GetObjectKind().GroupVersionKind().Kind
			if _, service := o.(*corev1.Service); service {
				kind = "Service"
			}
			m.note(func() { m.asked++ })
			if err := refuse(kind); err != nil {
				return err
			}
			m.note(func() { m.done = append(m.done, kind); slices.Sort(m.done) })
			return c.Patch(ctx, o, p, opts...)
		},
	}).Build()
	for _, o := range []client.Object{shift, canary, vs} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
	}
	m.reconciler = reconcilerOf(t, m.clock, c)
	m.view = cluster.Observe(cluster.Objects{Shift: shift, CanaryService: canary, Routes: []*unstructured.Unstructured{vs}}, cluster.Settings{}, began)
	return m
}

func (m *middle) note(what func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what()
}

// refusing refuses patches of some kinds.
func refusing(err error, kinds ...string) func(string) error {
	return func(kind string) error {
		if slices.Contains(kinds, kind) {
			return err
		}
		return nil
	}
}

// abort are the levers of an abort.
func abort() release.Decision {
	return release.Decision{
		Levers:  []release.Action{{Verb: release.AbortService, Hash: "v1"}, {Verb: release.AbortRoutes}},
		Release: &v1alpha1.Release{Number: 7, Revision: "v2", Stable: "v1", State: v1alpha1.StateAborting, Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted}},
	}
}

func TestEachLeverIsPulledWhateverBecameOfTheOthers(t *testing.T) {
	cases := map[string]struct {
		refused []string
		want    []string // kinds that were patched
		failed  release.Verb
	}{
		"all is well":            {nil, []string{"Service", "VirtualService"}, ""},
		"the Service is refused": {[]string{"Service"}, []string{"VirtualService"}, release.AbortService},
		"the routes are refused": {[]string{"VirtualService"}, []string{"Service"}, release.AbortRoutes},
		"both are refused":       {[]string{"Service", "VirtualService"}, nil, release.AbortService},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := inTheMiddle(t, refusing(errRefused, c.refused...))
			failure := m.send(t.Context(), m.view, abort())
			if diff := cmp.Diff(c.want, m.done); diff != "" {
				t.Errorf("patched (-want +got):\n%s", diff)
			}
			if c.failed == "" && failure != nil || c.failed != "" && (failure == nil || failure.Write.Action.Verb != c.failed || !errors.Is(failure, errRefused)) {
				t.Errorf("failure = %v, want one of %q", failure, c.failed)
			}
		})
	}
}

// A lever that hangs is answered only when the other was pulled.
func TestALeverThatHangsKeepsNoOtherWaiting(t *testing.T) {
	for hanging, other := range map[string]string{"Service": "VirtualService", "VirtualService": "Service"} {
		pulled := make(chan struct{})
		m := inTheMiddle(t, func(kind string) error {
			if kind == other {
				close(pulled)
				return nil
			}
			select {
			case <-pulled:
				return nil
			case <-most(t).Done():
				return errRefused
			}
		})
		if failure := m.send(t.Context(), m.view, abort()); failure != nil {
			t.Errorf("while the lever on the %s hangs: %v", hanging, failure)
		}
	}
}

// lock is one of leader election that was taken, and whose holder then slept.
type lock struct{ resourcelock.Interface }

func (lock) Identity() string { return "me" }

func (lock) Update(context.Context, resourcelock.LeaderElectionRecord) error { return nil }

// An operator that was stopped between deciding and pulling may wake when another has worked for long.
func TestALeverIsPulledOnlyWhileTheLeaseIsHeld(t *testing.T) {
	for slept, want := range map[time.Duration]int{0: 2, 14 * time.Second: 2, 15 * time.Second: 0, time.Hour: 0} {
		m := inTheMiddle(t, refusing(nil))
		m.Lease = lease.New(15*time.Second, m.clock)
		if err := m.Lease.Watched(lock{}).Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
			t.Fatal(err)
		}
		m.clock.SetTime(m.clock.Now().Add(slept))
		failure := m.send(t.Context(), m.view, abort())
		if m.asked != want || (want == 0) != errors.Is(asError(failure), lease.ErrNotHeld) {
			t.Errorf("after a sleep of %s %d levers are pulled, want %d: %v", slept, m.asked, want, failure)
		}
		if failure != nil && (failure.Unanswered() || failure.Stale() || failure.Denied()) {
			t.Errorf("a lever that was not sent: unanswered %t, stale %t, denied %t", failure.Unanswered(), failure.Stale(), failure.Denied())
		}
	}
}

// The caches may lag behind for long: what a lever was refused for is looked at past them.
func TestALeverThatMetAnotherObjectThanWasReadIsPulledOnWhatIsThere(t *testing.T) {
	m := inTheMiddle(t, refusing(apierrors.NewConflict(schema.GroupResource{Resource: "virtualservices"}, "web", errRefused), "VirtualService"))
	if failure := m.send(t.Context(), m.view, abort()); failure == nil || !failure.Stale() {
		t.Fatalf("failure = %v, want that of an object that has changed", failure)
	}
	vs := ofKind(virtualServiceKind)
	vs.SetNamespace("shop")
	vs.SetName("web")
	if a, found := m.written.to(vs); !found || !a.unknown {
		t.Errorf("what is known of the VirtualService is %+v, want that it is to be read past the caches", a)
	}
}

func TestARaiseThatIsNotRecordedIsNotWritten(t *testing.T) {
	m := inTheMiddle(t, refusing(nil))
	m.view.Shift = m.view.Shift.DeepCopy()
	m.view.Shift.ResourceVersion = "1" // another has written the status since it was read
	d := release.Decision{Actions: []release.Action{{Verb: release.Save}, {Verb: release.Raise, Who: routing.Population{Share: 250_000}}}, Release: m.view.Facts.Release}
	if failure := m.send(t.Context(), m.view, d); failure == nil || failure.Write.Action.Verb != release.Save || !failure.Stale() {
		t.Errorf("failure = %v, want that of the record", failure)
	}
	if len(m.done) > 0 {
		t.Errorf("%v were patched, want nothing", m.done)
	}
}

// policyDenial is how the API server tells that a validating admission policy has denied a write: 422 Invalid, as for a failing test.
func policyDenial() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid,
		Message: `virtualservices.networking.istio.io "web" is forbidden: ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: no changes on Fridays`,
		Details: &metav1.StatusDetails{Group: "networking.istio.io", Kind: "virtualservices", Name: "web"}}}
}

// A denial is told as one, by whom and for what, and is not sent again with every pass; a lever is.
func TestADenialIsToldAndBacksOff(t *testing.T) {
	m := inTheMiddle(t, refusing(policyDenial(), "VirtualService"))
	d := release.Decision{Actions: []release.Action{{Verb: release.Raise, Who: routing.Population{Share: 250_000}}}, Release: m.view.Facts.Release.DeepCopy(), Reason: v1alpha1.ReasonReleasing, Message: "25%"}
	for range 600 { // a minute of ten passes a second
		failure := m.send(t.Context(), m.view, d)
		if failure == nil || !failure.Denied() || failure.Stale() || failure.Reason() != v1alpha1.ReasonRouteWriteDenied {
			t.Fatalf("failure = %v (%s)", failure, failure.Reason())
		}
		if told := failure.Message(); !strings.Contains(told, "ValidatingAdmissionPolicy 'frozen'") || !strings.Contains(told, "VirtualService shop/web") {
			t.Fatalf("told: %s", told)
		}
		result, err := m.report(t.Context(), m.view, d, failure)
		if err != nil || result.RequeueAfter <= 0 {
			t.Fatalf("again after %s, %v", result.RequeueAfter, err)
		}
		m.clock.SetTime(m.clock.Now().Add(100 * time.Millisecond))
	}
	if m.asked > 7 {
		t.Errorf("%d requests in a minute, want few", m.asked)
	}
	if c := conditionOf(m.view.Shift, v1alpha1.ConditionReady); c == nil || !strings.Contains(c.Message, "no changes on Fridays") {
		t.Errorf("people are told %+v", c)
	}
	before := m.asked
	if failure := m.send(t.Context(), m.view, abort()); failure == nil || m.asked != before+2 {
		t.Errorf("%d levers were tried, want 2", m.asked-before)
	}
}

// A denial ends with the release that met it: the next one has its own time.
func TestADenialEndsWhenNothingAsksForTheWriteAnyMore(t *testing.T) {
	m := inTheMiddle(t, refusing(policyDenial(), "VirtualService"))
	key := client.ObjectKeyFromObject(m.view.Shift)
	raise := release.Decision{Actions: []release.Action{{Verb: release.Raise, Who: routing.Population{Share: 250_000}}}, Release: m.view.Facts.Release}
	if m.send(t.Context(), m.view, raise) == nil || m.refusals.denial(key) == nil {
		t.Fatal("the denial is not remembered")
	}
	if failure := m.send(t.Context(), m.view, raise); failure == nil || m.refusals.denial(key) == nil || m.refusals.denial(key).Since != m.clock.Now() {
		t.Error("it is forgotten while the write is still asked for")
	}
	if failure := m.send(t.Context(), m.view, release.Decision{}); failure != nil || m.refusals.denial(key) != nil {
		t.Errorf("failure %v, and the denial is still remembered: %v", failure, m.refusals.denial(key))
	}
}

func conditionOf(s *v1alpha1.TrafficShift, kind string) *metav1.Condition {
	for i := range s.Status.Conditions {
		if s.Status.Conditions[i].Type == kind {
			return &s.Status.Conditions[i]
		}
	}
	return nil
}

// Only what shows that the object has changed since it was read is a stale read.
func TestWhatAFailureMeans(t *testing.T) {
	resource := schema.GroupResource{Group: "networking.istio.io", Resource: "virtualservices"}
	test := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "testing value /spec/http/0 failed: test failed", 0, false)
	cases := map[string]struct {
		err                       error
		stale, denied, unanswered bool
		reason                    v1alpha1.Reason
	}{
		"a test that fails":            {test, true, false, false, v1alpha1.ReasonWaiting},
		"another version":              {apierrors.NewConflict(resource, "web", errRefused), true, false, false, v1alpha1.ReasonWaiting},
		"gone":                         {apierrors.NewNotFound(resource, "web"), true, false, false, v1alpha1.ReasonWaiting},
		"a policy's denial":            {policyDenial(), false, true, false, v1alpha1.ReasonRouteWriteDenied},
		"a webhook's denial with 409":  {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: `admission webhook "x" denied the request: no`}}, false, true, false, v1alpha1.ReasonRouteWriteDenied},
		"a webhook's denial with 400":  {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 400, Message: `admission webhook "x" denied the request: no`}}, false, true, false, v1alpha1.ReasonRouteWriteDenied},
		"missing rights":               {apierrors.NewForbidden(resource, "web", errRefused), false, true, false, v1alpha1.ReasonRouteWriteDenied},
		"the rules of the kind":        {apierrors.NewInvalid(schema.GroupKind{Kind: "VirtualService"}, "web", nil), false, true, false, v1alpha1.ReasonRouteWriteDenied},
		"a busy server":                {apierrors.NewTooManyRequests("busy", 1), false, false, false, v1alpha1.ReasonWriteFailed},
		"a broken server":              {apierrors.NewInternalError(errRefused), false, false, false, v1alpha1.ReasonWriteFailed},
		"no answer in time":            {context.DeadlineExceeded, false, false, true, v1alpha1.ReasonWriteFailed},
		"no answer in the server time": {apierrors.NewTimeoutError("slow", 1), false, false, true, v1alpha1.ReasonWriteFailed},
	}
	for name, c := range cases {
		f := &cluster.Failure{Write: cluster.Write{Action: release.Action{Verb: release.Raise}, Kind: cluster.Patch}, Err: c.err}
		if f.Stale() != c.stale || f.Denied() != c.denied || f.Unanswered() != c.unanswered || f.Reason() != c.reason {
			t.Errorf("%s: stale %t, denied %t, unanswered %t, %s", name, f.Stale(), f.Denied(), f.Unanswered(), f.Reason())
		}
	}
}

// What people are told follows what was written: a pass that failed answers nothing, refuses nothing and counts nothing.
func TestAPassThatFailedTellsNothingOfWhatItDidNotDo(t *testing.T) {
	m := inTheMiddle(t, refusing(nil))
	failed := &cluster.Failure{Write: cluster.Write{Action: release.Action{Verb: release.Save}, Kind: cluster.Status}, Err: apierrors.NewInternalError(errRefused)}
	ended := m.view.Facts.Release.DeepCopy()
	ended.State, ended.Outcome = v1alpha1.StateAborted, &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "x"}
	d := release.Decision{Actions: []release.Action{{Verb: release.Save}}, Release: ended, Refused: "v2", Reason: v1alpha1.ReasonAborted, Message: "over",
		Answer: &release.Answer{Token: "t", Accepted: true, Message: "done"}}
	if _, err := m.report(t.Context(), m.view, d, failed); err == nil {
		t.Error("no error is returned, so that nothing is tried again")
	}
	s := m.view.Shift.Status
	if s.Refused != "" || s.LastAnswer != nil || s.Release.State != v1alpha1.StateShifting || len(s.History) != 0 {
		t.Errorf("the status says %+v", s)
	}
	if failure := m.send(t.Context(), m.view, d); failure != nil {
		t.Fatal(failure)
	}
	if s := m.view.Shift.Status; s.Refused != "v2" || s.LastAnswer == nil || len(s.History) != 1 {
		t.Errorf("after the write the status says %+v", s)
	}
}

func TestOnlyWhatLetsGoForgets(t *testing.T) {
	letGo := release.Decision{Actions: []release.Action{{Verb: release.Unhold}, {Verb: release.Forget}}}
	if !forgets(letGo) || forgets(abort()) || forgets(release.Decision{}) {
		t.Error("a TrafficShift is forgotten when its finalizer is taken off, and by no other write")
	}
}
