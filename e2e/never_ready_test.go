package e2e

import (
	"fmt"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAVersionThatIsNeverReadyNeverGetsTraffic(t *testing.T) {
	t.Parallel()
	s := tell(t)
	apply(t, s.ns, fmt.Sprintf(policy, s.ns, "10s"))
	s.gateway()
	s.push("1.1.0-never-ready")
	x := s.ended(1, v1alpha1.StateAborted)
	if x.Status.Release.Outcome.Reason != v1alpha1.ReasonCanaryNotReady || x.Status.Release.PeakWeight != "" {
		t.Errorf("the release is %s, peak %q", describe(x), x.Status.Release.PeakWeight)
	}
	s.restored()
	s.neverAgain("1.1.0-never-ready", s.began)
	s.losesNothing()
}
