package shift

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

// mute is a source of counts that knows nothing.
type mute struct{}

func (mute) Check(counting.Pair) error { return nil }
func (mute) Counts(context.Context, counting.Interval, []counting.Pair, func(int, [][]counting.Answer)) error {
	return nil
}
func (mute) Complete(context.Context, []counting.Pair) ([]time.Time, error) { return nil, nil }
func (mute) Measure(context.Context, []counting.Pair) error                 { return nil }
func (mute) Timing(counting.Pair) counting.Timing                           { return counting.Timing{} }
func (mute) Probe(context.Context) error                                    { return nil }
func (mute) History(context.Context, counting.Pair, counting.Indicator, counting.Interval, time.Duration) (map[counting.Service][]counting.Counts, error) {
	return nil, nil
}
func (mute) Pods(context.Context, types.NamespacedName, counting.Indicator, counting.Interval) (map[string]counting.Counts, error) {
	return nil, nil
}

// restarted are the caches of an operator that has just begun to work. One Service cannot be read.
type restarted struct {
	*caches
	lost string
}

func (r restarted) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	all, ok := into.(*v1alpha1.TrafficShiftList)
	if !ok || (&client.ListOptions{}).ApplyOptions(opts).FieldSelector != nil {
		return r.caches.List(ctx, into, opts...)
	}
	for _, o := range r.stores["TrafficShift"].List() {
		if s, is := o.(*v1alpha1.TrafficShift); is {
			all.Items = append(all.Items, *s)
		}
	}
	return nil
}

func (r restarted) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if kindName(into) == "Service" && key.Name == r.lost {
		return errors.New("it cannot be read")
	}
	return r.caches.Get(ctx, key, into, opts...)
}

// All releases that run are followed before a pass is made. One that cannot be read keeps no other from it, and makes the evidence old.
func TestReleasesThatRunAreCountedBeforeAnythingIsWritten(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	k, at := testclock.NewFakeClock(now), metav1.NewTime(now.Add(-time.Minute))
	objects := town(4)
	for _, o := range objects {
		if s, is := o.(*v1alpha1.TrafficShift); is {
			s.Status.Release.StepStartedAt, s.Status.Release.Weight, s.Status.Release.Step = &at, "1%", 1
			s.Status.Release.Plan.Objectives = []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}}
			switch s.Name {
			case "web-1":
				s.Status.Release.Counted.Until = &metav1.MicroTime{Time: now.Add(-3 * time.Minute)}
			case "web-2":
				s.Status.Release.State = v1alpha1.StatePromoted
			}
		}
	}
	set := metrics.New(metrics.Settings{Build: []string{"v", "r", "g"}})
	loop, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: "Nothing", Counter: mute{}}}, Clock: k, Metrics: set})
	if err != nil {
		t.Fatal(err)
	}
	r := reconcilerOf(t, k, nil) // no write is expected
	r.Settings = Settings{Loop: loop}
	r.loader = newLoader(restarted{newCaches(t, objects...), "web-1"}, nil, r.written, r.Settings)
	r.guard = newGuard(nil, k, "Always", false)
	if err := r.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"web-0": true, "web-1": false, "web-2": false, "web-3": true} {
		reading, followed := loop.Reading(shopKey(name), 1, pkgevidence.Question{})
		if followed != want || followed && reading.Reason != v1alpha1.ReasonPending {
			t.Errorf("%s: followed %t, want %t; %s %s", name, followed, want, reading.Reason, reading.Message)
		}
	}
	if rest, run := r.judge(shopKey("web-2")), r.judge(shopKey("web-0")); rest != resting || run != running || r.judge(shopKey("gone")) != resting {
		t.Errorf("one that rests is %d, one that runs %d", rest, run)
	}
	if age := gaugeOf(t, set, table.EvidenceAge); age != 180 {
		t.Errorf("the evidence is %v s old, want the 180 s of the release that could not be read", age)
	}
}

// A release whose counts blame it is condemned from then on, before a pass has seen them; one that a person aborts when that is written.
func TestAReleaseIsCondemnedByItsCountsAndByACommand(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	k, at := testclock.NewFakeClock(now), metav1.NewTime(now.Add(-10*time.Minute))
	objects := town(3)
	plan := v1alpha1.ShiftPolicySpec{Objectives: []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}}}
	blamed, err := pkgevidence.New(pkgevidence.ConfigOf(plan, nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; !blamed.Breached() && i < 100; i++ {
		from := at.Add(time.Duration(i) * 5 * time.Second)
		blamed.Add(pkgevidence.Slice{From: from, To: from.Add(5 * time.Second), Settled: true,
			Stable: []pkgevidence.Counts{{Requests: 400}}, Canary: []pkgevidence.Counts{{Requests: 100, Bad: 100}}})
	}
	for _, o := range objects {
		if s, is := o.(*v1alpha1.TrafficShift); is {
			s.Status.Release.StepStartedAt, s.Status.Release.Weight, s.Status.Release.Step, s.Status.Release.Plan = &at, "1%", 1, plan
			switch s.Name {
			case "web-1":
				s.Status.Release.Evidence = pkgevidence.Moves{}.String() + " " + blamed.Checkpoint()
			case "web-2":
				s.Annotations = map[string]string{v1alpha1.CommandAnnotation: "abort 1 t1 why"}
			}
		}
	}
	loop, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: "Nothing", Counter: mute{}}}, Clock: k})
	if err != nil {
		t.Fatal(err)
	}
	r := reconcilerOf(t, k, nil)
	r.Settings, r.guard = Settings{Loop: loop}, newGuard(nil, k, "Always", false)
	r.loader = newLoader(restarted{newCaches(t, objects...), ""}, nil, r.written, r.Settings)
	if err := r.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]standing{"web-0": running, "web-1": condemned, "web-2": condemned} {
		if got := r.judge(shopKey(name)); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// gaugeOf is the value of a gauge with one series.
func gaugeOf(t *testing.T, set *metrics.Set, name string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(set)
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no one series of %s", name)
	return 0
}
