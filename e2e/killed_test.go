package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAnOperatorKilledAtRandomMomentsReleasesAllTheSame(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s.push("1.1.0")
	for range 10 {
		next := time.Now().Add(time.Duration(500+random.IntN(7000)) * time.Millisecond)
		x := s.until("the next moment", func(*v1alpha1.TrafficShift) bool { return time.Now().After(next) })
		step := int32(0)
		if x.Status.Release != nil {
			step = x.Status.Release.Step
		}
		s.op.kill()
		s.op.start()
		s.until("the operator has looked", func(x *v1alpha1.TrafficShift) bool {
			if r := x.Status.Release; r.Running() && r.Step > step+1 {
				t.Fatalf("a step was skipped: %s", describe(x))
			}
			return true
		})
	}
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.losesNothing()
}

func TestAnOperatorKilledInAnAbortGoesOnAborting(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		t.Run(fmt.Sprintf("kill %d", i), func(t *testing.T) {
			t.Parallel()
			s := tell(t).gateway()
			s.push("1.1.0-errors")
			s.step(1, 1)
			waitFor(t, "the first lever is pulled", func() (bool, string) {
				out := kubectl(t, "-n", s.ns, "get", "service", "checkout-canary", "-o", `jsonpath={.metadata.annotations.stagger\.dev/aborted}`)
				return out != "", out
			})
			s.op.kill()
			gone := time.Now().Add(2 * time.Second)
			s.op.start()
			s.ended(1, v1alpha1.StateAborted)
			s.restored()
			s.neverAgain("1.1.0-errors", gone)
			s.recorded(1)
		})
	}
}
