package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// shipsToNobody ships a version at rest while no operator works. It is said that it waits, since when, and what to do, and it meets nobody.
func (s *story) shipsToNobody(version string) {
	s.t.Helper()
	before := time.Now()
	s.push(version)
	after := time.Now()
	waits := "shop:" + version + " was written into Deployment checkout, which is paused: it serves nobody; no operator has looked "
	s.shows(0, "status checkout", waits)
	waitFor(s.t, "it is said that nobody looks after it", func() (bool, string) {
		out, status := s.looks("status checkout --exit-code")
		return status == 5, out
	})
	check := "kubectl stagger check -n " + s.ns
	waits += "since; find out why with: " + check
	for look, status := range map[string]int{"status checkout --exit-code": 5, "why checkout": 0} {
		least := time.Since(after)
		out := s.shows(status, look, waits, "NEXT       nothing, until an operator works again")
		told := regexp.MustCompile(`NOBODY     Unattended for (\S+): `).FindStringSubmatch(out)
		if len(told) == 0 {
			s.t.Fatalf("%s does not say for how long", look)
		}
		// The API server keeps the time of a write in whole seconds, and the screen shows whole ones.
		if ago, err := time.ParseDuration(told[1]); err != nil || ago < least-time.Second || ago > time.Since(before)+2*time.Second {
			s.t.Errorf("it was shipped %s ago, and %s says %s, %v", least, look, told[1], err)
		}
	}
	s.shows(0, "why checkout", "TRY        to see why nobody looks: "+check)
	s.shows(0, "status", "SEEN", "Unattended: shop:"+version)
	s.shows(5, "watch checkout --image shop:"+version+" --timeout 1s", "has not begun", "nobody looks after it, find out why with: "+check)
	s.neverAgain(version, before)
}

// A version that is shipped while no operator works waits, and is released by the one that works again.
// A release whose operator dies is said to be looked after by nobody, and is taken back by hand as the page and the screen say. Nobody who
// calls the Service notices, and the operator that works again puts everything back.
func TestAReleaseThatNobodyLooksAfterIsTakenBackByHand(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.others = true // the routes go on to the canary's Service, behind which are the stable's pods
	s.op.kill()
	s.shipsToNobody("1.1.0")
	s.op.start()
	x := s.live("10%")
	for _, look := range []string{"status checkout", "why checkout"} {
		if out := s.shows(0, look); strings.Contains(out, "NOBODY") || strings.Contains(out, "PUSHED") {
			t.Errorf("an operator works again, and %s says\n%s", look, out)
		}
	}
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
