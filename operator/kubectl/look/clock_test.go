package look_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

// The operator looked 4 s ago by the cluster's clock. That of whoever looks may be wrong by any time, and makes nobody absent.
func TestAWrongClockHereMakesNobodyAbsent(t *testing.T) {
	for _, wrong := range []time.Duration{0, time.Second, -time.Hour, time.Hour, 90 * 24 * time.Hour} {
		s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
		// The plugin's clock is clitest.Now, so all that is in the cluster is moved instead.
		s.Clock = func() time.Time { return clitest.Now.Add(wrong) }
		shift := s.Shifts[clitest.Key]
		shift.Status.ObservedAt.Time = shift.Status.ObservedAt.Add(wrong)
		for _, words := range [][]string{{"status", "checkout"}, {"status"}, {"why", "checkout"}} {
			_, out, _ := clitest.Run(t, s.Kubeconfig(), words...)
			if strings.Contains(out, "Unattended") || !strings.Contains(out, "4s ago") && !strings.Contains(out, "3s ago") {
				t.Errorf("with a clock that is %s behind, %q says\n%s", wrong, words, out)
			}
		}
	}
}
