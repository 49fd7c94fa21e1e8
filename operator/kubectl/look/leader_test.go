package look_test

import (
	"strings"
	"testing"
	"time"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// lease is the operator's, renewed so long ago.
func lease(ago time.Duration) *coordination.Lease {
	return &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "stagger-system", Name: "stagger"},
		Spec: coordination.LeaseSpec{HolderIdentity: ptr.To("stagger-5d9c-x2x4q_1"), RenewTime: &metav1.MicroTime{Time: clitest.Now.Add(-ago)}}}
}

// TestAtRestTheLeaseTellsWhetherAnOperatorWorks and so the exit code; who may not read it is told nothing of an operator.
func TestAtRestTheLeaseTellsWhetherAnOperatorWorks(t *testing.T) {
	cases := map[string]struct {
		lease     *coordination.Lease
		code      int
		says, not string
	}{
		"an operator works":    {lease(3 * time.Second), cli.ExitOK, "stagger-5d9c-x2x4q leads; it renewed its Lease 3s ago", "NOBODY"},
		"it died":              {lease(65 * time.Second), cli.ExitUnattended, "stagger-5d9c-x2x4q led, and does not renew its Lease any more", "OPERATOR"},
		"the Lease is guarded": {nil, cli.ExitOK, "Promoted", "NOBODY"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted))
			s.Lease = c.lease
			config := s.Kubeconfig()
			code, out, talk := clitest.Run(t, config, "status", "checkout", "--exit-code")
			if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, c.not) {
				t.Errorf("exit code %d, want %d, %q\n%s", code, c.code, talk, out)
			}
			code, out, talk = clitest.Run(t, config, "why", "checkout")
			if code != cli.ExitOK || !strings.Contains(out, c.says) || strings.Contains(out, c.not) {
				t.Errorf("why: exit code %d, %q\n%s", code, talk, out)
			}
		})
	}
}

// TestTheLeaseTellsSoonerThatNobodyLooksAfterARelease than its status does.
func TestTheLeaseTellsSoonerThatNobodyLooksAfterARelease(t *testing.T) {
	for ago, code := range map[time.Duration]int{3 * time.Second: cli.ExitOK, 65 * time.Second: cli.ExitUnattended} {
		s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = clitest.Ago(100 * time.Second) }))
		s.Lease = lease(ago)
		got, out, talk := clitest.Run(t, s.Kubeconfig(), "status", "checkout", "--exit-code")
		if got != code || strings.Contains(out, "Unattended for 65s: no operator has looked since ") != (code == cli.ExitUnattended) {
			t.Errorf("renewed %s ago: exit code %d, want %d, %q\n%s", ago, got, code, talk, out)
		}
	}
}

// TestARunningReleaseThatNobodyLooksAfterHasAnExitCode of its own.
func TestARunningReleaseThatNobodyLooksAfterHasAnExitCode(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Unattended))
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "status", "checkout", "--exit-code")
	if code != cli.ExitUnattended || !strings.Contains(out, "NOBODY") {
		t.Errorf("exit code %d, want %d, %q\n%s", code, cli.ExitUnattended, talk, out)
	}
}
