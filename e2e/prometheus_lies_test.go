package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Answers that are partial or about another time are not counted, and the release says so. A bad version is taken back by slow answers too.
func TestAReleaseIsJudgedByWholeAnswersAboutTheRightTime(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.gateway(s.faultyPrometheus())
	s.push("1.1.0")
	s.step(1, 1)
	for spoiled, told := range map[string]string{
		"--partial": "gave an answer that is not counted: partial response",
		"--ago=30s": "gave an answer that is not counted: the answer is about a time 30s away",
	} {
		s.spoil(spoiled)
		counted := s.blind(told).Status.Release.Exposed
		s.meets("1.1.0", 60, time.Now())
		if x := s.blind(told); x.Status.Release.Exposed != counted {
			t.Errorf("%s: %d requests were counted, now %d", spoiled, counted, x.Status.Release.Exposed)
		}
		s.spoil("--clear")
		s.until("requests are counted again", func(x *v1alpha1.TrafficShift) bool { return x.Status.Release.Exposed > counted })
	}
	s.spoil("--delay=600ms")
	s.push("1.2.0-errors")
	s.ended(2, v1alpha1.StateAborted)
	s.restored()
}

// Of the last ten seconds Prometheus knows nothing, as where samples come by remote write, and it does not say so. Each request is counted
// once all the same, as late as it must be.
func TestRequestsThatAreSeenLateAreCountedOnce(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	late := s.faultyPrometheus()
	s.spoil("--behind=10s")
	s.gateway(late)
	s.push("1.1.0")
	s.step(1, 1)
	s.meets("1.1.0", 300, s.began)
	s.until("it is said how late reports arrive", func(x *v1alpha1.TrafficShift) bool { return strings.Contains(describe(x), "reports arrive") })
	s.sameCounts("1.1.0")
	s.under("gateway", s.ns+".example.com")
	s.push("1.2.0-errors")
	s.ended(2, v1alpha1.StateAborted)
	s.restored()
}
