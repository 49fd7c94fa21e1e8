package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version of which one pod of four is sick, as on a sick node, is taken back all the same; who looks into it is told where.
func TestOneBadPodOfFourIsNamed(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 10s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.scale(8)
	s.serve(8)
	s.gateway()
	s.push("1.1.0")
	x := s.live("50%")
	pods := strings.Fields(kubectl(t, "-n", s.ns, "get", "pods", "-l", "pod-template-hash="+x.Status.Release.Revision, "-o", "name"))
	if len(pods) != 4 {
		t.Fatalf("the canary has the pods %v, want four", pods)
	}
	s.meets("1.1.0", 2000, s.began) // it has been well for a while
	kubectl(t, "-n", s.ns, "annotate", pods[2], "localmesh.stagger.dev/error-rate=0.9")
	x = s.ended(1, v1alpha1.StateAborted)
	if o := x.Status.Release.Outcome; o.Reason != v1alpha1.ReasonPodOutlier || "pod/"+o.Pod != pods[2] || !strings.Contains(o.Message, o.Pod) {
		t.Errorf("%s was sick, but the outcome is %s", pods[2], fmt.Sprintf("%+v", *o))
	}
	s.restored()
}
