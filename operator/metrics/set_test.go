package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

var build = []string{"v1", "abc", runtime.Version()}

func registryOf(t *testing.T, set *metrics.Set) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(set); err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are the series of a metric as Prometheus reads them.
func lines(t *testing.T, r *prometheus.Registry, name string) []string {
	t.Helper()
	text, err := testutil.GatherAndFormat(r, expfmt.TypeTextPlain, name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(l string) bool { return l == "" || l[0] == '#' })
}

// increase() sees nothing of a series that appears with its first value.
func TestCountersAreThereBeforeAnythingHappens(t *testing.T) {
	r := registryOf(t, metrics.New(metrics.Settings{Build: build}))
	for _, m := range table.Table() {
		if m.Type != table.Counter || m.Born == nil {
			continue
		}
		got := lines(t, r, m.Name)
		if len(got) != len(m.Born) {
			t.Errorf("%s has %d series, want %d", m.Name, len(got), len(m.Born))
		}
		for _, l := range got {
			if !strings.HasSuffix(l, " 0") {
				t.Errorf("%s", l)
			}
		}
	}
}

// An abort of ten minutes is told as one of ten minutes, not as the largest bucket that is left.
func TestASlowAbortIsToldAsSlow(t *testing.T) {
	set := metrics.New(metrics.Settings{Build: build})
	r := registryOf(t, set)
	set.Add(table.AbortLatency, 599, table.StageTotal)
	got := lines(t, r, table.AbortLatency)
	for _, want := range []string{`stagger_abort_latency_seconds_bucket{stage="total",le="300"} 0`, `stagger_abort_latency_seconds_bucket{stage="total",le="600"} 1`} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %s", want, got)
		}
	}
}

func TestOnlyTheReplicaThatWorksTellsTheState(t *testing.T) {
	elected := make(chan struct{})
	set := metrics.New(metrics.Settings{Build: build, Elected: elected})
	set.Gauges(func(emit table.Emit) { emit(table.HoldMode, 1, table.OnChange) })
	r := registryOf(t, set)
	if got := lines(t, r, table.HoldMode); len(got) != 0 {
		t.Errorf("one that does not work tells %s", got)
	}
	if got := lines(t, r, table.BuildInfo); len(got) != 1 {
		t.Errorf("which version it is: %s", got)
	}
	close(elected)
	if got := lines(t, r, table.HoldMode); len(got) != 1 {
		t.Errorf("the one that works tells %s", got)
	}
}

func TestNobodyNeedsASet(*testing.T) {
	var set *metrics.Set
	set.Add(table.Commands, 1, "abort", table.Accepted)
	set.Namespace("shop")
	set.Policy("standard")
	set.Source("default")
	set.Gauges(nil)
	set.Looked(types.NamespacedName{}, nil)
}

// Numbers of a running release are told as the last pass saw them, not as they were written last; and the cache's objects stay as they are.
func TestNumbersAreToldBeforeTheyAreWritten(t *testing.T) {
	c := fleet(t, 0, 1, 1)
	r, set := watched(t, c, testclock.NewFakePassiveClock(time.Now()))
	key := types.NamespacedName{Namespace: "ns-0", Name: "s-0"}
	var shift v1alpha1.TrafficShift
	if err := c.Get(t.Context(), key, &shift); err != nil {
		t.Fatal(err)
	}
	told := func(number int64, state v1alpha1.ReleaseState, want string) {
		t.Helper()
		seen := shift.Status.Release.DeepCopy()
		seen.Number, seen.State, seen.Exposed, seen.Objectives[0].Canary.Requests = number, state, 42, 42
		set.Looked(key, seen)
		seen.Objectives[0].Canary.Requests = 1 // who looked goes on with it
		for _, name := range []string{table.ReleaseRequests, table.ObjectiveRequests} {
			if got := strings.Join(lines(t, r, name), "\n"); strings.Contains(got, " 42") != (want == "42") {
				t.Errorf("release %d, %s: %s", number, state, got)
			}
		}
	}
	told(1, v1alpha1.StateShifting, "42")
	told(2, v1alpha1.StateShifting, "0")
	told(1, v1alpha1.StatePromoted, "0")
}

// fleet is a cluster with so many Services at rest after a release and in one, by so many objectives, in namespaces of ten each.
func fleet(t *testing.T, atRest, running, objectives int) client.Client {
	t.Helper()
	scheme := apiruntime.NewScheme()
	for _, add := range []func(*apiruntime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	var objects []client.Object
	for i := range atRest + running {
		namespace := fmt.Sprintf("ns-%d", i/10)
		if i%10 == 0 {
			objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"example.com/team": "payments"}}})
		}
		s := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("s-%d", i)}}
		s.Spec.Service.Name, s.Spec.PolicyRef.Name = s.Name, "standard"
		now := metav1.Now()
		s.Status.ReasonSince = &now
		s.Status.Release = &v1alpha1.Release{Number: 1, State: v1alpha1.StatePromoted, Step: 1, Weight: "1%", LiveWeight: "1%", StartedAt: now}
		for o := range objectives {
			s.Status.Release.Objectives = append(s.Status.Release.Objectives,
				v1alpha1.ObjectiveStatus{Name: fmt.Sprintf("objective-%d", o), Against: "1", For: "1", Stable: v1alpha1.ArmCounts{Requests: 1}})
		}
		s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "UpToDate"}}
		if i >= atRest {
			s.Status.Release.State = v1alpha1.StateShifting
			s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: "Holding"}}
		}
		objects = append(objects, s)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

// watched is a registry with a Set that tells of the cluster.
func watched(t *testing.T, c client.Client, k *testclock.FakePassiveClock) (*prometheus.Registry, *metrics.Set) {
	t.Helper()
	set := metrics.New(metrics.Settings{Build: build, Custom: []string{"team"}, Of: metrics.Labels{Cache: c, Keys: []string{"example.com/team"}}.Of})
	f := &metrics.Fleet{Cache: c, Detail: table.AllReleases, Set: set, Clock: k, Log: logr.Discard()}
	set.Gauges(f.State)
	return registryOf(t, set), set
}

// A running release has the series that the reference page says: 12, and 6 for each objective. One at rest has none, also after releases.
func TestFiveThousandServicesFitTheBudget(t *testing.T) {
	const services = 5000
	const ofNamespaces = services / 10 * (2 + 3 + 1) // releases, canary requests, Services in one state
	none := seriesOf(t, fleet(t, 0, 0, 1))
	for _, c := range []struct{ running, objectives, ofEach int }{
		{0, 2, 0},
		{250, 1, 18},
		{250, 2, 24},
		{services, 1, 18},
		{services, 2, 24},
	} {
		want := ofNamespaces + c.ofEach*c.running
		if got := seriesOf(t, fleet(t, services-c.running, c.running, c.objectives)) - none; got != want {
			t.Errorf("%d of %d Services are released by %d objectives: %d series more than without Services, want %d", c.running, services, c.objectives, got, want)
		}
	}
}

// seriesOf is how many series a Prometheus is answered with.
func seriesOf(t *testing.T, c client.Client) int {
	t.Helper()
	r, _ := watched(t, c, testclock.NewFakePassiveClock(time.Now()))
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%d %v: %.500s", answer.Code, err, text)
	}
	n := 0
	for l := range strings.Lines(string(text)) {
		if l[0] != '#' {
			n++
		}
	}
	return n
}

func TestNamespacesCarryTheirTeam(t *testing.T) {
	r, set := watched(t, fleet(t, 1, 0, 1), testclock.NewFakePassiveClock(time.Now()))
	set.Add(table.NamespaceReleases, 1, "elsewhere", "Aborted")
	want := []string{
		`stagger_namespace_releases_total{custom_team="",outcome="Aborted",release_namespace="elsewhere"} 1`,
		`stagger_namespace_releases_total{custom_team="payments",outcome="Aborted",release_namespace="ns-0"} 0`,
		`stagger_namespace_releases_total{custom_team="payments",outcome="Promoted",release_namespace="ns-0"} 0`,
	}
	if got := lines(t, r, table.NamespaceReleases); !slices.Equal(got, want) {
		t.Errorf("got %s", got)
	}
	if got := lines(t, r, table.Services); !slices.Equal(got, []string{`stagger_services{custom_team="payments",policy="standard",release_namespace="ns-0",state="Ready"} 1`}) {
		t.Errorf("got %s", got)
	}
}

// What a namespace counted stays for a while after its last Service, so that its last release is seen, and then goes.
func TestANamespaceWithoutServicesIsForgottenLater(t *testing.T) {
	c, k := fleet(t, 1, 0, 1), testclock.NewFakePassiveClock(time.Now())
	r, set := watched(t, c, k)
	lines(t, r, table.NamespaceReleases)
	set.Add(table.NamespaceReleases, 1, "ns-0", "Aborted")
	if err := c.DeleteAllOf(t.Context(), &v1alpha1.TrafficShift{}, client.InNamespace("ns-0")); err != nil {
		t.Fatal(err)
	}
	k.SetTime(k.Now().Add(time.Hour))
	if got := lines(t, r, table.NamespaceReleases); len(got) != 2 || !strings.HasSuffix(got[0], " 1") {
		t.Errorf("within the hour: %s", got)
	}
	k.SetTime(k.Now().Add(time.Second))
	if got := lines(t, r, table.NamespaceReleases); len(got) != 0 {
		t.Errorf("after it: %s", got)
	}
}

func TestTheMetricsPassTheLinter(t *testing.T) {
	r, _ := watched(t, fleet(t, 0, 1, 1), testclock.NewFakePassiveClock(time.Now()))
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestWritesAreCountedByWhatBecameOfThem(t *testing.T) {
	set := metrics.New(metrics.Settings{Build: build})
	route := &unstructured.Unstructured{}
	route.SetKind("VirtualService")
	set.Write(route, cluster.Patch, nil)
	set.Write(route, cluster.Patch, apierrors.NewForbidden(schema.GroupResource{}, "web", errors.New("no")))
	set.Write(&corev1.Service{}, cluster.Create, context.DeadlineExceeded)
	set.Write(&v1alpha1.TrafficShift{}, cluster.Status, apierrors.NewConflict(schema.GroupResource{}, "web", errors.New("changed")))
	var got []string
	for _, l := range lines(t, registryOf(t, set), table.Writes) {
		if !strings.HasSuffix(l, " 0") {
			got = append(got, l)
		}
	}
	want := []string{
		`stagger_writes_total{kind="Service",result="error",verb="create"} 1`,
		`stagger_writes_total{kind="TrafficShift",result="conflict",verb="patch"} 1`,
		`stagger_writes_total{kind="VirtualService",result="denied",verb="patch"} 1`,
		`stagger_writes_total{kind="VirtualService",result="ok",verb="patch"} 1`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}
