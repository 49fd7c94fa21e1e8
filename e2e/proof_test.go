package e2e

import (
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var (
	soak  = flag.Bool("soak", false, "tell the stories that take an hour too")
	times = flag.Int("times", 10, "how often the soaking stories are told at each rate")
)

// byProof is a policy as it ships, but for the time between its steps.
const byProof = `{pace: {type: Proof}, warmup: 5s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "1%", hold: 10s}, {weight: "5%", hold: 10s}, {weight: "25%", hold: 10s}, {weight: "50%", hold: 10s}, {weight: "100%", hold: 10s}],
  objectives: [{name: availability, indicator: Requests, target: "99%"}]}`

// broken releases a version that fails every request, and returns how many of them clients saw fail. What a machine that is too busy
// leaves without any answer at so high a rate met no version.
func broken(t *testing.T, perSecond int, settings ...string) int {
	t.Helper()
	s := tell(t).judgedBy(byProof)
	s.rate("gateway", s.ns+".example.com", perSecond)
	s.manage(settings...)
	s.ship("1.1.0", "--error-rate=1")
	x := s.within(promotion, "the version is taken back", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release != nil && x.Status.Release.State == v1alpha1.StateAborted
	})
	s.restored()
	n, by := s.lost()
	if by["1.0.0"] > 0 || by["1.1.0"] != bed.Met(s.seconds(s.began))["1.1.0"] {
		t.Errorf("requests failed: %v", by)
	}
	t.Logf("%d requests/s: %d failed, %d without an answer, peak %s", perSecond, by["1.1.0"], n-by["1.1.0"], x.Status.Release.PeakWeight)
	s.silence()
	s.op.stop()
	return by["1.1.0"]
}

func TestAVersionThatFailsEveryRequestCostsFewOfThem(t *testing.T) {
	t.Parallel()
	if n := broken(t, perSecond); n == 0 || n >= 20 {
		t.Errorf("%d requests failed, want fewer than 20", n)
	}
}

// soaking is the clock of a real installation.
func soaking() []string {
	return []string{"evidence.slice=5s", "evidence.fastTick=15s", "evidence.slowTick=60s"}
}

// told tells a story again and again at each rate, some side by side, and hands on what they gave, in order.
func told(t *testing.T, story func(t *testing.T, perSecond int) float64, then func(perSecond int, all []float64)) {
	t.Helper()
	if !*soak {
		t.Skip("it takes an hour: -soak tells it")
	}
	for _, rate := range []int{50, 500} {
		all := make([]float64, *times)
		var ran atomic.Bool
		t.Run(fmt.Sprintf("%d requests a second", rate), func(t *testing.T) {
			for i := range all {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					ran.Store(true)
					all[i] = story(t, rate)
				})
			}
		})
		if !ran.Load() {
			continue // another rate was chosen
		}
		slices.Sort(all)
		t.Logf("%d requests/s: %v", rate, all)
		then(rate, all)
	}
}

func TestSoakABrokenVersionCostsTheSameAtAnyTraffic(t *testing.T) {
	told(t, func(t *testing.T, perSecond int) float64 {
		return float64(broken(t, perSecond, soaking()...))
	}, func(perSecond int, failed []float64) {
		if failed[len(failed)-1] >= 20 || failed[len(failed)/2] > 14 {
			t.Errorf("%d requests/s: %v failed, want fewer than 20 each time and about 9 in the middle", perSecond, failed)
		}
	})
}

func TestSoakAHealthyVersionIsPromotedByProof(t *testing.T) {
	told(t, func(t *testing.T, perSecond int) float64 {
		s := tell(t).judgedBy(byProof)
		s.rate("gateway", s.ns+".example.com", perSecond)
		s.manage(soaking()...)
		s.push("1.1.0")
		x := s.within(promotion, "the release is promoted", func(x *v1alpha1.TrafficShift) bool {
			r := x.Status.Release
			if r != nil && r.State == v1alpha1.StateAborted {
				t.Fatalf("aborted: %s", describe(x))
			}
			return r != nil && r.State == v1alpha1.StatePromoted
		})
		r := x.Status.Release
		if n, by := s.lost(); n > 0 {
			t.Logf("%d requests/s: %d requests without an answer", perSecond, n)
			if len(by) > 0 {
				t.Errorf("requests failed: %v", by)
			}
		}
		s.silence()
		s.op.stop()
		return r.FinishedAt.Sub(r.StartedAt.Time).Minutes()
	}, func(perSecond int, minutes []float64) {
		if minutes[0] == 0 {
			t.Errorf("%d requests/s: not all were promoted: %v", perSecond, minutes)
		}
	})
}

// A hundred releases under load, every other one taken back half way, lose no request by the order of our own writes.
func TestSoakAHundredReleasesLoseNoRequest(t *testing.T) {
	if !*soak {
		t.Skip("it takes an hour: -soak tells it")
	}
	const teams, each = 4, 25
	for team := range teams {
		t.Run(fmt.Sprint(team), func(t *testing.T) {
			t.Parallel()
			s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 1s}, {weight: "100%", hold: 1s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
			for i := range each {
				number := int64(i + 1)
				s.push(fmt.Sprintf("1.1.%d", number))
				if i%2 == 0 {
					s.ended(number, v1alpha1.StatePromoted)
					continue
				}
				s.step(number, 1)
				kubectl(t, "-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", fmt.Sprintf("stagger.dev/command=abort %d t%d enough", number, number))
				s.ended(number, v1alpha1.StateAborted)
				s.restored()
			}
			if n, by := s.lost(); n != 0 {
				t.Errorf("%d requests of %d failed: %v", n, bed.Sent(s.seconds(s.began)), by)
			}
			t.Logf("%d releases, %d requests", each, bed.Sent(s.seconds(s.began)))
		})
	}
}
