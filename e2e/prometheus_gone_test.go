package e2e

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// outage is how long Prometheus is gone.
const outage = 2 * time.Minute

func TestAReleaseHoldsWhilePrometheusIsGoneAndThenGoesOn(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.gateway(s.faultyPrometheus()).scraped()
	s.push("1.1.0")
	s.step(1, 1)
	s.spoil("--delay=1h")
	back := time.Now().Add(outage)
	held := s.blind("does not answer").Status.Release.Step
	s.reads().follows("how-to/when-prometheus-is-down.md", "What it looks like")
	s.within(2*outage, "the outage is over", func(x *v1alpha1.TrafficShift) bool {
		if r := x.Status.Release; r.Step != held || r.Outcome != nil {
			t.Fatalf("the release moved without counts: %s", describe(x))
		}
		return time.Now().After(back)
	})
	s.asks(`stagger_evidence_source_up{pod="$OP"} == 0`)
	s.asks(`ALERTS{alertname="StaggerSourceDown"}`)
	s.spoil("--clear")
	s.ended(1, v1alpha1.StatePromoted)
	s.boards()
	s.restored()
	s.losesNothing()
}
