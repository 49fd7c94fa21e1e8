package e2e

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestATemplateThatGoesBackEndsTheRelease(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	s.push("1.0.0")
	x := s.ended(1, v1alpha1.StateAborted)
	gone := time.Now()
	if x.Status.Release.Outcome.Reason != v1alpha1.ReasonReverted || x.Status.Refused != "" {
		t.Errorf("the release ended %s, refused %q", describe(x), x.Status.Refused)
	}
	s.restored()
	waitFor(t, "the Deployment is not paused", func() (bool, string) { got := s.deployment(); return got == "shop:1.0.0 paused=", got })
	s.neverAgain("1.1.0", gone)
	s.losesNothing()
}
