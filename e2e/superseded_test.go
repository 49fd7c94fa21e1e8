package e2e

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestATemplatePushedInTheMiddleIsTheNextRelease(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	s.push("1.2.0")
	x := s.ended(2, v1alpha1.StatePromoted)
	if first := x.Status.History[1]; first.Outcome != v1alpha1.StateAborted || first.Reason != v1alpha1.ReasonSuperseded {
		t.Errorf("the first release ended %+v", first)
	}
	s.restored()
	if got := s.deployment(); got != "shop:1.2.0 paused=" {
		t.Errorf("the Deployment is %s", got)
	}
	s.losesNothing()
}
