package e2e

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version that fails 0.3 % more of its requests, some ten times as many as the stable, is taken back in about the time that was said
// before its first request, or has not gone on until then.
func TestSmallHarmIsNoticedInTheTimeThatWasSaid(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 20s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "99.9%"}]}`)
	s.ship("1.0.0", "--error-rate=0.0003")
	began := time.Now()
	s.rate("gateway", s.ns+".example.com", 200)
	s.meets("1.0.0", 20_000, began) // the stable has a past
	s.manage()
	s.ship("1.1.0", "--error-rate=0.0033")
	x := s.live("50%")
	r := x.Status.Release
	if len(r.Detects) == 0 || r.Detects[0].Weight != "50%" || r.Detects[0].Tenfold == "" {
		t.Fatalf("nothing was said about a version that fails ten times as often: %+v", r.Detects)
	}
	said := r.Detects[0].Tenfold.Duration()
	t.Logf("past %+v, said %s", *r.Baseline, said)
	late := r.SettledAt.Add(said)
	x = s.within(said+time.Minute, "the version is taken back or the time is over", func(x *v1alpha1.TrafficShift) bool {
		if r := x.Status.Release; r.Step > 1 || r.State == v1alpha1.StatePromoted {
			t.Fatalf("the version went on: %s", describe(x))
		}
		return x.Status.Release.Outcome != nil || time.Now().After(late)
	})
	t.Logf("after %s: %s", time.Since(r.SettledAt.Time).Round(time.Second), describe(x))
}
