package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version is bad while the operator is away, and well again before it comes back: what it judges by is what it has missed.
func TestWhatAKilledOperatorMissedIsCounted(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	const version, good, bad = "1.1.0", 20 * time.Second, 60 * time.Second
	s.ship(version, fmt.Sprintf("--error-after=%s", good), fmt.Sprintf("--error-for=%s", bad), "--error-rate=0.5")
	s.meets(version, 1, s.began) // the operator may say so before it has written the routes
	s.op.kill()
	failed := func() (int, string) {
		n, by := s.lost()
		return n, fmt.Sprint(by)
	}
	waitWithin(t, 2*time.Minute, "requests fail", func() (bool, string) {
		n, by := failed()
		return n > 0, by
	})
	last, since := 0, time.Now()
	waitWithin(t, 3*time.Minute, "no more requests fail", func() (bool, string) {
		n, by := failed()
		if n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 5*time.Second, by
	})
	s.op.start()
	x := s.ended(1, v1alpha1.StateAborted)
	if r := x.Status.Release; r.Failed == 0 || r.Failed > int64(last) || r.Outcome.Refuse != v1alpha1.RefuseTemplate {
		t.Errorf("%d failed requests were counted, clients saw %d: %s", r.Failed, last, describe(x))
	}
	s.restored()
}
