package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// outage is how long Prometheus is gone.
const outage = 2 * time.Minute

// The story is not told beside others: it takes the Prometheus of all of them away.
func TestAReleaseHoldsWhilePrometheusIsGoneAndThenGoesOn(t *testing.T) {
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	fault(t, "pause")
	back := time.Now().Add(outage)
	t.Cleanup(func() { fault(t, "resume") })
	held := s.until("the release says that it has no counts", func(x *v1alpha1.TrafficShift) bool {
		for _, c := range x.Status.Conditions {
			if c.Type == v1alpha1.ConditionEvidenceCurrent && c.Status == "False" {
				return true
			}
		}
		return false
	}).Status.Release.Step
	s.until("the outage is over", func(x *v1alpha1.TrafficShift) bool {
		if r := x.Status.Release; r.Step != held || r.Outcome != nil {
			t.Fatalf("the release moved without counts: %s", describe(x))
		}
		return time.Now().After(back)
	})
	fault(t, "resume")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.losesNothing()
}

func fault(t *testing.T, what string) {
	t.Helper()
	if out, err := exec.Command("localmesh", "fault", what, "prometheus").CombinedOutput(); err != nil {
		t.Errorf("localmesh fault %s prometheus: %v: %s", what, err, out)
	}
}
