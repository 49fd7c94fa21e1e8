package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

func TestAVersionWithErrorsIsTakenBackAndRefused(t *testing.T) {
	t.Parallel()
	s := tell(t)
	apply(t, s.ns, "{apiVersion: v1, kind: Service, metadata: {name: nobodys}, spec: {selector: {app: nobodys}, ports: [{port: 80}]}}")
	s.gateway()
	s.toldAtRest()
	bad := s.pushes(1, "1.1.0-errors")
	s.step(1, 1)
	bad.ran = s.imageIDs()
	s.until("the abort has begun", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release != nil && x.Status.Release.Outcome != nil
	})
	gone := time.Now().Add(2 * time.Second) // the proxies have been told, and the second is over
	x := s.ended(1, v1alpha1.StateAborted)
	if reason := x.Status.Release.Outcome.Reason; reason != v1alpha1.ReasonCanaryBreachesSLO && reason != v1alpha1.ReasonCanaryWorseThanStable {
		t.Errorf("the reason is %s", reason)
	}
	if x.Status.Refused != x.Status.Release.Revision || ready(x) != "False" {
		t.Errorf("the template is not refused: %s", describe(x))
	}
	s.recorded(1)
	bad.policy, bad.steps = 1, []view.ReportStep{{Weight: "10%", Hold: "5s"}, {Weight: "50%", Hold: "5s"}, {Weight: "100%", Hold: "5s"}}
	bad.weights = []view.ReportWeight{{Weight: "10%", Step: 1, Hold: "5s", Reason: "Planned"}}
	r, text := s.reports(bad, x)
	h := s.until("the record is complete", func(x *v1alpha1.TrafficShift) bool { return x.Status.History[0].Counted.Final }).Status.History[0]
	if o := r.Objectives[0]; o.Verdict != "breach" || r.Requests != h.Exposed || r.Failed != h.Failed || r.Failed == 0 || len(r.Commands)+len(r.Overridden) > 0 {
		t.Errorf("%d requests, %d failed by the record, the report says\n%s", h.Exposed, h.Failed, text)
	}
	s.toldWhileItRan()
	s.asks(`stagger_namespace_releases_total{release_namespace="$NS", outcome="Aborted"} == 1`)
	s.asks(`stagger_releases_total{pod="$OP", outcome="Aborted", cause="version"} == 1`)
	s.asks(`stagger_abort_latency_seconds_sum{pod="$OP", stage="total"} > ignoring (stage) stagger_abort_latency_seconds_sum{pod="$OP", stage="evidence"} > 0`)
	s.asks(`ALERTS{alertname="StaggerReleaseAborted", alertstate="firing", severity="info", release_namespace="$NS"}`)
	s.boards()
	s.restored()
	s.neverAgain("1.1.0-errors", gone)
	if got := s.deployment(); got != "shop:1.1.0-errors paused=true" {
		t.Errorf("the Deployment is %s", got)
	}
	n, by := s.lost()
	if by["1.0.0"] > 0 || n != by["1.1.0-errors"] {
		t.Errorf("%d requests failed: %v", n, by)
	}
	s.push("1.0.0") // the way back is not a release
	s.until("the Service is up to date", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	waitFor(t, "the Deployment is as at rest", func() (bool, string) { got := s.deployment(); return got == "shop:1.0.0 paused="+pausedAtRest(t), got })
}

// Who deletes the TrafficShift of a bad release does not have the bad version released again.
func TestARefusalOutlivesItsTrafficShift(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0-errors")
	s.ended(1, v1alpha1.StateAborted)
	gone := time.Now().Add(2 * time.Second)
	kubectl(t, "-n", s.ns, "delete", "trafficshift", "checkout")
	s.until("another TrafficShift says that the template was taken back", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), "this template was taken back")
	})
	s.meets("1.0.0", 5*perSecond, time.Now())
	s.neverAgain("1.1.0-errors", gone)
	if got := s.deployment(); got != "shop:1.1.0-errors paused=true" {
		t.Errorf("the Deployment is %s", got)
	}
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy-")
	waitFor(t, "the Deployment that is let go says why it stays paused", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", `jsonpath={.metadata.annotations.stagger\.dev/waiting}`)
		return strings.HasPrefix(out, "the template was taken back"), out
	})
}
