package e2e

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAVersionThatCrashesIsTakenBackWithoutCounts(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0-crash")
	x := s.ended(1, v1alpha1.StateAborted)
	switch x.Status.Release.Outcome.Reason {
	case v1alpha1.ReasonCanaryCrashing, v1alpha1.ReasonCanaryBreachesSLO, v1alpha1.ReasonCanaryWorseThanStable:
	default:
		t.Errorf("the outcome is %+v", x.Status.Release.Outcome)
	}
	s.restored()
	if n, by := s.lost(); by["1.0.0"] > 0 {
		t.Errorf("%d requests failed: %v", n, by)
	}
}
