package e2e

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version that knows none of its paths fails nobody by its status. It is not promoted for that, nor blamed: a person decides.
func TestAVersionThatTurnsEverybodyAwayIsHeldForAPerson(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 60s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.gateway()
	s.ship("1.1.0", "--error-rate=1", "--error-code=404")
	x := s.until("it is held for its client errors", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), string(v1alpha1.ReasonClientErrors))
	})
	if r := x.Status.Release; r.Weight != "30%" || r.Failed != 0 {
		t.Errorf("%s: want it held at 30%%, without failures", describe(x))
	}
	s.people(true, "redirects or client errors", "why", "checkout")
	s.people(true, "promoted by command", "promote", "checkout", "--full", "--reason", "all paths are gone on purpose", "--wait", "--timeout", "3m")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
}
