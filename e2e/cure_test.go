package e2e

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAVersionThatCuresABrokenStableIsReleased(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.ship("1.0.0", "--error-rate=0.2") // four times as bad as the objective allows
	kubectl(t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=60s")
	s.gateway()
	s.ship("1.1.0")
	x := s.ended(1, v1alpha1.StatePromoted)
	if o := x.Status.Release.Objectives[0]; o.Stable.Bad == 0 || o.Canary.Bad > 0 {
		t.Errorf("counted %+v", o)
	}
	s.restored()
}
