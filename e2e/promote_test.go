package e2e

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAGoodVersionIsPromotedStepByStep(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway().scraped()
	s.push("1.1.0")
	x := s.step(1, 3)
	if x.Status.Release.Stable == x.Status.Release.Revision {
		t.Errorf("stable and canary are the same revision, %s", x.Status.Release.Revision)
	}
	waitFor(t, "all pods of the last step are there", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "trafficshift", "checkout", "-o", `jsonpath={.status.conditions[?(@.type=="WorkloadReady")].status}`)
		return out == "True", out
	})
	judged := s.pods()
	x = s.ended(1, v1alpha1.StatePromoted)
	for pod := range s.pods() {
		if !judged[pod] {
			t.Errorf("pod %s was started by the promotion", pod)
		}
	}
	s.restored()
	if got := s.deployment(); got != "shop:1.1.0 paused="+pausedAtRest(t) {
		t.Errorf("the Deployment is %s", got)
	}
	kubectl(t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=30s")
	s.losesNothing()
	if p := x.Status.History[0]; p.PeakWeight != "100%" || p.Reason != v1alpha1.ReasonPromoted || p.Exposed == 0 {
		t.Errorf("the history says %+v", p)
	}
	s.push("1.2.0") // promoted pods are an ordinary stable: the next release goes the same way
	s.ended(2, v1alpha1.StatePromoted)
	s.restored()
	s.boards()
	if n, by := s.lost(); n != 0 {
		t.Errorf("%d requests failed in the second release: %v", n, by)
	}
}
