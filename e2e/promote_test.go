package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

func TestAGoodVersionIsPromotedStepByStep(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway().scraped()
	first := s.pushes(1, "1.1.0")
	x := s.step(1, 3)
	if x.Status.Release.Stable == x.Status.Release.Revision {
		t.Errorf("stable and canary are the same revision, %s", x.Status.Release.Revision)
	}
	waitFor(t, "all pods of the last step are there", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "trafficshift", "checkout", "-o", `jsonpath={.status.conditions[?(@.type=="WorkloadReady")].status}`)
		return out == "True", out
	})
	judged := s.pods()
	first.ran = s.imageIDs()
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
	first.policy, first.steps = 1, []view.ReportStep{{Weight: "10%", Hold: "5s"}, {Weight: "50%", Hold: "5s"}, {Weight: "100%", Hold: "5s"}}
	first.weights = []view.ReportWeight{{Weight: "10%", Step: 1, Hold: "5s", Reason: "Planned"}, {Weight: "50%", Step: 2, Hold: "5s", Reason: "Proven"},
		{Weight: "100%", Step: 3, Hold: "5s", Reason: "Proven"}}
	was, text := s.reports(first, x)
	if len(was.Commands)+len(was.Pauses)+len(was.Overridden) > 0 {
		t.Errorf("nobody commanded anything\n%s", text)
	}
	s.steered() // promoted pods are an ordinary stable: the next release goes the same way
	if _, now := s.report(1); now != text {
		t.Errorf("the report of release 1 was\n%s\nand is, after another one,\n%s", text, now)
	}
	s.restored()
	s.boards()
	if n, by := s.lost(); n != 0 {
		t.Errorf("%d requests failed in the second release: %v", n, by)
	}
}

// steered releases another version by a policy that waits at the first weight until people have left it, and compares the report with what they did.
func (s *story) steered() {
	s.t.Helper()
	s.judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 6s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	second := s.pushes(2, "1.2.0")
	s.live("30%")
	s.people(true, "checkout: paused", asOnCall("pause", "checkout", "--wait", "--reason", "lunch")...)
	s.people(true, "checkout: resumed", "resume", "checkout", "--wait")
	kubectl(s.t, "-n", s.ns, "annotate", "trafficshift", "checkout", "stagger.dev/command=promote 1/1 late another release")
	s.until("the late command is answered", func(x *v1alpha1.TrafficShift) bool { return strings.HasPrefix(x.Status.LastHandledCommand, "late") })
	s.people(true, "release 2 told to leave 30%", "promote", "checkout", "--reason", "checked by hand")
	s.live("100%")
	second.ran = s.imageIDs()
	x := s.ended(2, v1alpha1.StatePromoted)
	second.policy, second.steps = 2, []view.ReportStep{{Weight: "30%", Hold: "1h"}, {Weight: "100%", Hold: "6s"}}
	second.weights = []view.ReportWeight{{Weight: "30%", Step: 1, Hold: "60m", Reason: "Planned"}, {Weight: "100%", Step: 2, Hold: "6s", Reason: "Commanded", By: me(s.t)}}
	r, text := s.reports(second, x)
	var said []string
	for _, c := range r.Commands {
		said = append(said, fmt.Sprintf("%s by %s (%s): %s", c.Verb, c.By, c.Reason, c.Result))
	}
	for _, p := range r.Pauses {
		said = append(said, fmt.Sprintf("pause by %s (%s) is over: %t", p.By, p.Reason, p.Until != nil))
	}
	want := fmt.Sprintf("promote by %[1]s (another release): Refused\npromote by %[1]s (checked by hand): Accepted\npause by %[2]s (lunch) is over: true", me(s.t), onCall)
	if got := strings.Join(said, "\n"); got != want || len(r.Overridden) != 2 {
		s.t.Errorf("the report says\n%s\nwant\n%s\n%s", got, want, text)
	}
}
