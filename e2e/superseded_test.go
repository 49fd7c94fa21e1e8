package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Two pipelines ship one after the other, by the script of the docs: the version of the second takes the place of the first one's, in the middle of
// its release, and each is told what became of its own.
func TestATemplatePushedInTheMiddleIsTheNextRelease(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	r := s.reads()
	r.follows("how-to/wait-in-ci.md") // no commands; only its script is written
	first := exec.CommandContext(t.Context(), "sh", "release.sh", "shop:1.1.0")
	var said screen
	first.Dir, first.Env, first.Stdout, first.Stderr = r.dir, r.env, &said, &said
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	s.step(1, 1)
	r.follows("how-to/wait-in-ci.md", "Ship, and wait for the version")
	x := s.ended(2, v1alpha1.StatePromoted)
	if past := x.Status.History[1]; past.Outcome != v1alpha1.StateAborted || past.Reason != v1alpha1.ReasonSuperseded {
		t.Errorf("the first release ended %+v", past)
	}
	err := first.Wait()
	if first.ProcessState.ExitCode() != 6 || !strings.Contains(said.String(), "another version took the place of shop:1.1.0") {
		t.Errorf("the first script ends with %v, and says\n%s", err, said.String())
	}
	s.restored()
	if got := s.deployment(); got != "shop:1.2.0 paused=" {
		t.Errorf("the Deployment is %s", got)
	}
	s.losesNothing()

	r.follows("how-to/wait-in-ci.md", "See a version fail", "What kubectl rollout status does")
	s.restored()
}
