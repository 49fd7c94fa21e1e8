package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The pages of the docs are followed with one Service, from its adoption over releases that people steer until it is let go.
func TestTheTasksOfTheDocs(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.under("gateway", s.ns+".example.com")
	s.op = startOperator(t, s.ns)
	t.Cleanup(func() { _ = exec.Command("kubectl", "delete", "shiftpolicy", "evening").Run() }) // it may not have come so far
	r := s.reads()
	r.follows("how-to/manage-and-let-go.md", "See what managing it touches", "Manage it")
	s.until("the operator has taken charge", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	s.before, s.began = s.snapshot(), time.Now()

	s.push("1.1.0")
	s.live("30%")
	r.follows("how-to/manage-and-let-go.md", "See which Services are managed")
	r.follows("how-to/see-and-steer-in-the-browser.md", "Open the page")
	r.follows("how-to/hold-and-approve-a-step.md", "Hold the running release", "Leave a step by your own decision", "Have every release wait for a person")
	s.live("50%")
	r.follows("how-to/stop-everything.md", "Pause one Service", "Go on")
	r.follows("how-to/stop-everything.md", "Pause all Services of a namespace", "Go on", "Take the running release back")
	s.restored()
	r.follows("how-to/take-a-version-back.md", "See what happened", "Release it once more")
	s.live("30%")
	r.follows("how-to/take-a-version-back.md", "Put the version before it back")
	s.ended(2, v1alpha1.StateAborted)
	s.restored()
	if got := s.deployment(); got != "shop:1.0.0 paused="+pausedAtRest(t) {
		t.Errorf("the Deployment is left as %s", got)
	}

	r.follows("tutorials/a-policy-of-your-own.md", "Check it", "Try it in virtual time", "Raise the target, and look again", "Apply it, and use it")
	r.follows("how-to/choose-a-policy.md", "See what is there", "Compare them on your traffic", "Change it")
	r.follows("how-to/low-traffic-services.md", "See how long it takes", "Say what happens when nothing can be decided")
	r.follows("how-to/custom-objectives.md", "Check it before it is applied")
	r.follows("how-to/grpc-and-tcp.md", "TCP")
	r.follows("how-to/manage-and-let-go.md", "Let it go")
	waitFor(t, "the Service is let go", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "trafficshifts", "-o", "name")
		return out == "", out
	})
	s.losesNothing()
}
