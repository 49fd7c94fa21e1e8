package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A release whose operator dies is said to be looked after by nobody, and is taken back by hand as the page and the screen say. Nobody who
// calls the Service notices, and the operator that works again puts everything back.
func TestAReleaseThatNobodyLooksAfterIsTakenBackByHand(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.others = true // the routes go on to the canary's Service, behind which are the stable's pods
	s.push("1.1.0")
	x := s.live("10%")
	s.op.kill()
	r := s.reads("79c988948c", x.Status.Release.Stable)
	r.follows("how-to/stop-everything.md", "When the operator is the trouble")
	began := time.Now()
	waitFor(t, "the canary meets nobody any more", func() (bool, string) {
		seconds := s.seconds(began)
		if len(seconds) == 0 {
			return false, "nothing is counted yet"
		}
		met := bed.Met(seconds[len(seconds)-1:])
		return met["1.1.0"] == 0 && met["1.0.0"] > 0, fmt.Sprint(met)
	})
	gone := time.Now()
	s.op.start()
	s.ended(1, v1alpha1.StateAborted)
	s.restored()
	s.neverAgain("1.1.0", gone)
	s.losesNothing()
}
