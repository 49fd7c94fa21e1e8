package e2e

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The version answers as quickly as the stable in the middle; only one request in twenty is slow, and none fails.
func TestAVersionThatIsSlowNowAndThenIsTakenBack(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 5s}, {weight: "100%", hold: 5s}],
  objectives: [{name: availability, indicator: Requests, target: "95%"}, {name: latency, indicator: Duration, threshold: 500ms, target: "98%"}]}`).gateway()
	s.ship("1.1.0", "--slow-rate=0.05", "--slow-latency=800ms")
	x := s.ended(1, v1alpha1.StateAborted)
	if o := x.Status.Release.Outcome; !strings.HasPrefix(o.Message, "latency: ") {
		t.Errorf("the release was aborted for another reason: %s: %s", o.Reason, o.Message)
	}
	if c := x.Status.Release.Objectives[0].Canary; c.Bad > 0 {
		t.Errorf("%d requests failed", c.Bad)
	}
	s.restored()
}
