package prepare

import (
	"slices"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

func TestOnlyTheKnownPartOfTheTimeCounts(t *testing.T) {
	last := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	minutes := func(n int) []evidence.Counts { return slices.Repeat([]evidence.Counts{{Requests: 3000, Bad: 3}}, n) }
	h := recording{first: last.Add(-6 * time.Hour), last: last, counts: [][]evidence.Counts{minutes(14), minutes(12)}}.known()
	policy := v1alpha1.ShiftPolicySpec{Objectives: []v1alpha1.Objective{{Name: "availability", Target: "99%"}, {Name: "latency", Target: "99%"}}}
	if got := h.baseline(policy); got.RequestsPerSecond != "50" || got.History.Duration() != 12*time.Minute {
		t.Errorf("%s requests a second in %s, want 50 in 12m", got.RequestsPerSecond, got.History)
	}
}
