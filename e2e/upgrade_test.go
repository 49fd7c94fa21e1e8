package e2e

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// upgradedFrom is the environment variable that names the commit whose operator and chart are upgraded; without it, it is the one before.
const upgradedFrom = "UPGRADED_FROM"

// earlier is Stagger as it was at a commit.
type earlier struct{ chart, operator string }

// earlierCommit is the commit to upgrade from. The test is skipped where there is none, as in a copy of the sources without their history.
func earlierCommit(t *testing.T) string {
	t.Helper()
	commit := cmp.Or(os.Getenv(upgradedFrom), "HEAD^")
	if out, err := exec.Command("git", "-C", "..", "rev-parse", "--verify", commit+"^{tree}").CombinedOutput(); err != nil {
		t.Skipf("git knows no commit %s here: %v\n%s", commit, err, out)
	}
	return commit
}

// earlierVersion builds the operator of a commit, beside its chart.
func earlierVersion(t *testing.T, commit string) earlier {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "sources.tar")
	was := earlier{chart: filepath.Join(dir, "manifests", "chart"), operator: filepath.Join(dir, "operator-before")}
	build := exec.Command("go", "build", "-o", was.operator, "./operator")
	build.Dir = dir
	for _, cmd := range []*exec.Cmd{
		exec.Command("git", "-C", "..", "archive", "--output", archive, commit), exec.Command("tar", "-x", "-f", archive, "-C", dir), build,
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	return was
}

// In the middle of releases the CRDs, roles and admission policies are upgraded in place, the operator becomes another version, and the one before
// again. Each release ends as its version deserves, with every request counted.
func TestReleasesGoOnThroughAnUpgradeAndBack(t *testing.T) {
	t.Parallel()
	commit := earlierCommit(t) // before a mesh is raised for it
	if !onItsOwnMesh(t) {
		return
	}
	was, is := earlierVersion(t, commit), filepath.Join(adm.programs, "stagger")
	if err := installFrom(t.Context(), was.chart); err != nil {
		t.Fatal(err)
	}
	s := tell(t).gateway()
	becomes := func(program string) {
		s.op.kill()
		s.op.process.Becomes(program)
		s.op.start()
	}
	becomes(was.operator)

	s.push("1.1.0")
	s.live("10%")
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(is)
	s.ended(1, v1alpha1.StatePromoted)

	s.ship("1.2.0", "--error-rate=0.3", "--error-after=20s")
	s.step(2, 1)
	becomes(was.operator)
	x := s.ended(2, v1alpha1.StateAborted)
	if r := x.Status.Release.Outcome.Reason; r != v1alpha1.ReasonCanaryBreachesSLO && r != v1alpha1.ReasonCanaryWorseThanStable {
		t.Errorf("the bad version was aborted for %s: %s", r, x.Status.Release.Outcome.Message)
	}

	s.ship("1.3.0")
	s.step(3, 2)
	becomes(is)
	s.ended(3, v1alpha1.StatePromoted)
	s.restored()
	s.silence()
}
