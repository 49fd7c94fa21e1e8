package e2e

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A version of which one pod of four is sick, as on a sick node, is not taken back: the release holds, and says which pod it is.
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
	x = s.until("the pod is named, or the version taken back", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release.Excused.Open() || x.Status.Release.Outcome != nil
	})
	if e := x.Status.Release.Excused; e == nil || "pod/"+e.Pod != pods[2] || x.Status.Release.Outcome != nil {
		t.Errorf("%s is sick, but the release says %+v, %+v", pods[2], e, x.Status.Release.Outcome)
	}
	for _, pod := range pods { // when the others fail too, it is the version
		kubectl(t, "-n", s.ns, "annotate", "--overwrite", pod, "localmesh.stagger.dev/error-rate=0.9")
	}
	s.ended(1, v1alpha1.StateAborted)
	s.restored()
}
