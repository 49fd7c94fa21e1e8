package steer_test

import (
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// TestAnAbortSaysWhyAReleaseIsBeingTakenBackAlready and by whom, and writes nothing.
func TestAnAbortSaysWhyAReleaseIsBeingTakenBackAlready(t *testing.T) {
	for name, c := range map[string]struct {
		reason        v1alpha1.Reason
		message, want string
	}{
		"by a command":      {v1alpha1.ReasonCommanded, "aborted by command (ops@example.com): carts are empty", "aborted by command (ops@example.com): carts are empty"},
		"let go":            {v1alpha1.ReasonLetGo, "the Service is no longer managed", "the Service is no longer managed"},
		"without a message": {v1alpha1.ReasonLetGo, "", "LetGo"},
	} {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.TakeBack, func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Outcome.Reason, s.Status.Release.Outcome.Message = c.reason, c.message
			}))
			code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout")
			want := "release 7 of checkout is being taken back already: " + c.want + "\n"
			if code != cli.ExitOK || out != "" || talk != want || len(s.Patches) > 0 {
				t.Errorf("exit code %d, output %q, talk %q, patches %q; want %d, none, %q and none", code, out, talk, s.Patches, cli.ExitOK, want)
			}
		})
	}
}
