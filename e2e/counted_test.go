package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The story is not told beside others: the scrapes of all of them fail for a while.
func TestEveryRequestIsCountedOnceThroughGapsAndRestarts(t *testing.T) {
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	s.push("1.1.0")
	x := s.step(1, 1)
	requests := func(n int) {
		waitFor(t, fmt.Sprintf("%d requests have met the version", n), func() (bool, string) {
			met := bed.Met(s.seconds(s.began))
			return met["1.1.0"] >= n, fmt.Sprint(met)
		})
	}
	requests(50)
	component(t, "prometheus", "pause")
	gap := time.Now().Add(8 * time.Second)
	waitFor(t, "the scrapes have failed for a while", func() (bool, string) { return time.Now().After(gap), "" })
	component(t, "prometheus", "resume")
	kept := s.canaryPods(x)[0] // without any the stable would get all traffic
	for pod := range s.pods() {
		if "pod/"+pod != kept {
			kubectl(t, "-n", s.ns, "delete", "pod", pod, "--wait=false")
		}
	}
	requests(200)
	s.op.kill()
	requests(400)
	s.op.start()
	requests(500)
	s.sameCounts("1.1.0")
}

// At so small a weight each of the version's first requests is the birth of a series.
func TestTheFirstRequestsOfAVersionAreCounted(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Proof, failedRequests: 40}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 5s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	s.push("1.1.0")
	s.until("the weight is the one that the traffic asks for", func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release // where Prometheus itself is young it is the least there is at first
		return r != nil && r.Weight.Millionths() > 1000 && r.OnTheWay()
	})
	kubectl(t, "-n", s.ns, "patch", "trafficshift", "checkout", "--type=merge", "-p", `{"spec":{"control":"Paused"}}`)
	s.meets("1.1.0", 8, s.began)
	s.sameCounts("1.1.0")
}

// component pauses or resumes a part of the local mesh.
func component(t *testing.T, name, verb string) {
	t.Helper()
	if err := bed.Disturb(t.Context(), verb, name); err != nil {
		t.Error(err)
	}
}
