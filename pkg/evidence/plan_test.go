package evidence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAPlanBecomesTheConfigOfItsTests(t *testing.T) {
	plan := v1alpha1.ShiftPolicySpec{
		Objectives: []v1alpha1.Objective{
			{Name: "availability", Target: "99.5%"}, {Name: "latency", Target: "99%", Weight: 3}, {Name: "orders", Target: "90%"},
		},
		Confidence: v1alpha1.Confidence{FalseAbort: "2%", FalsePromote: "10%"}, Tolerance: "1.5", Warmup: "30s",
	}
	baseline := &v1alpha1.Baseline{Objectives: []v1alpha1.BaselineObjective{{Name: "latency", Phi: "7.5"}, {Name: "orders", Phi: "0.2"}}}
	want := Config{
		Objectives: []Objective{{Name: "availability", Limit: 0.005}, {Name: "latency", Limit: 0.01, Weight: 3}, {Name: "orders", Limit: 0.1}},
		Ratio:      1.5, FalseAbort: 0.02, FalsePromote: 0.1, Warmup: 30 * time.Second, Phi: []float64{DefaultPhi, 7.5, 1},
	}
	if diff := cmp.Diff(want, ConfigOf(plan, baseline)); diff != "" {
		t.Error(diff)
	}
	for tick, ticks := range map[v1alpha1.Duration][2]time.Duration{"5s": {5 * time.Second, 5 * time.Second}, "30s": {DefaultFast, 30 * time.Second}, "1m": {DefaultFast, DefaultSlow}} {
		baseline.Tick = tick
		if c := ConfigOf(plan, baseline); c.Fast != ticks[0] || c.Slow != ticks[1] {
			t.Errorf("by a tick of %s they are %s and %s long", tick, c.Fast, c.Slow)
		}
	}
	if _, err := New(ConfigOf(plan, nil)); err != nil {
		t.Error(err)
	}
}
