package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version of which one pod of four is sick, as on a sick node, is taken back all the same; who looks into it is told where.
func TestOneBadPodOfFourIsNamed(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 10s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	kubectl(t, "-n", s.ns, "scale", "deployment", "checkout", "--replicas=8")
	waitFor(t, "eight pods are ready", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.status.availableReplicas}")
		return out == "8", out
	})
	s.gateway()
	s.push("1.1.0")
	x := s.until("half of the traffic is live", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release != nil && x.Status.Release.Weight == "50%" && x.Status.Release.SettledAt != nil
	})
	pods := strings.Fields(kubectl(t, "-n", s.ns, "get", "pods", "-l", "pod-template-hash="+x.Status.Release.Revision, "-o", "name"))
	if len(pods) != 4 {
		t.Fatalf("the canary has the pods %v, want four", pods)
	}
	waitWithin(t, 3*time.Minute, "the version has been well for a while", func() (bool, string) {
		met := bed.Met(s.seconds(s.began))
		return met["1.1.0"] >= 2000, fmt.Sprint(met)
	})
	kubectl(t, "-n", s.ns, "annotate", pods[2], "localmesh.stagger.dev/error-rate=0.9")
	x = s.ended(1, v1alpha1.StateAborted)
	if o := x.Status.Release.Outcome; o.Reason != v1alpha1.ReasonPodOutlier || "pod/"+o.Pod != pods[2] || !strings.Contains(o.Message, o.Pod) {
		t.Errorf("%s was sick, but the outcome is %s", pods[2], fmt.Sprintf("%+v", *o))
	}
	s.restored()
}
