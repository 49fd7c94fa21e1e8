package counts

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

var set = types.NamespacedName{Namespace: "shop", Name: "checkout-7d9c"}

func TestThePastIsCountedStepByStep(t *testing.T) {
	c, p := newCounter(t)
	p.observe(stable, noon.Add(3*time.Minute), "500", 7)
	over := counting.Interval{Start: noon, End: noon.Add(3 * time.Minute)}
	got, err := c.History(t.Context(), pair(), counting.Indicator{}, over, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := map[counting.Service][]counting.Counts{
		stable: {{Requests: 97, Bad: 2, Plain: 95}, {}, {Requests: 7, Bad: 7}},
		canary: {{Requests: 8, Bad: 1, Plain: 7}, {}, {}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]time.Duration{3 * time.Minute}, p.ranges); diff != "" {
		t.Errorf("asked for other times (-want +got):\n%s", diff)
	}
}

func TestTheMinutesOfAllPodsAreAddedUp(t *testing.T) {
	c, p := newCounter(t)
	p.ofPods = model.Matrix{reportedBy("b", "200", 10, 20), reportedBy("b", "500", 7), reportedBy("a", "200", 30, 1)}
	got, err := c.Pods(t.Context(), set, counting.Indicator{}, counting.Interval{Start: noon.Add(-90 * time.Second), End: noon})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]counting.Counts{"a": {Requests: 31, Plain: 31}, "b": {Requests: 37, Bad: 7, Plain: 30}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.Pods(t.Context(), set, counting.Indicator{}, counting.Interval{Start: noon.Add(-time.Hour), End: noon}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]time.Duration{2 * time.Minute, time.Hour}, p.ranges); diff != "" {
		t.Errorf("asked for other times (-want +got):\n%s", diff)
	}
}

func TestAPastThatCannotBeReadIsToldFromNoAnswer(t *testing.T) {
	cases := map[string]struct {
		err      error
		answer   model.Matrix
		unusable bool
	}{
		"no answer":           {err: errDown},
		"a warning":           {err: partial{[]string{"store a did not answer"}}, unusable: true},
		"what cannot be true": {answer: model.Matrix{reportedBy("a", "200", -1)}, unusable: true},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			c, p := newCounter(t)
			p.failRange, p.ofPods = x.err, x.answer
			p.rogue = model.Vector{{Metric: labels(stable, "surprise", "x")}}
			over := counting.Interval{Start: noon.Add(-time.Hour), End: noon}
			_, ofPods := c.Pods(t.Context(), set, counting.Indicator{}, over)
			_, ofHistory := c.History(t.Context(), pair(), counting.Indicator{}, over, time.Minute)
			for _, err := range []error{ofPods, ofHistory} {
				u, unusable := errors.AsType[counting.Unusable](err)
				d, down := errors.AsType[counting.Unanswered](err)
				if unusable != x.unusable || down == x.unusable || unusable && u.Reason != v1alpha1.ReasonStale || down && d.Reason != v1alpha1.ReasonPrometheusUnreachable {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestWhatCannotBeAskedAboutThePastIsNoAnswer(t *testing.T) {
	c, p := newCounter(t)
	over := counting.Interval{Start: noon.Add(-time.Hour), End: noon}
	if _, err := c.Pods(t.Context(), set, orders, over); err == nil {
		t.Error("pods are counted by a Custom indicator")
	}
	if _, err := c.History(t.Context(), pair(), counting.Indicator{}, over, time.Nanosecond); err == nil {
		t.Error("history in nanoseconds")
	}
	if len(p.ranges) > 0 {
		t.Errorf("asked for %v", p.ranges)
	}
}
