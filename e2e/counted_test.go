package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// sameCounts waits until the release has counted exactly what the clients saw of the version, when no requests are under way.
func (s *story) sameCounts(version string) {
	s.t.Helper()
	s.silence()
	met := int64(bed.Met(s.seconds(s.began))[version])
	s.until(fmt.Sprintf("%d requests of %s are counted", met, version), func(x *v1alpha1.TrafficShift) bool {
		return met > 0 && x.Status.Release.Exposed == met
	})
}

// understatesNothing checks at the end of a story that the records of releases that were taken back hold as many requests as the clients
// saw of the version, where they do not say what they lack.
func (s *story) understatesNothing() {
	x := &v1alpha1.TrafficShift{}
	if s.t.Failed() || s.load == nil || adm.client.Get(context.WithoutCancel(s.t.Context()), client.ObjectKey{Namespace: s.ns, Name: "checkout"}, x) != nil {
		return
	}
	for _, p := range x.Status.History {
		if met, failed := s.metOf(p); p.Outcome == v1alpha1.StateAborted && p.Counted.Final && len(p.Counted.Gaps) == 0 && (p.Exposed < met || p.Failed < failed) {
			s.t.Errorf("release %d: %d requests and %d failed by its record, the clients saw %d and %d", p.Number, p.Exposed, p.Failed, met, failed)
		}
	}
}

// metOf are the requests that the pods of a release answered, and those of them that failed, as the clients saw it.
func (s *story) metOf(p v1alpha1.PastRelease) (met, failed int64) {
	s.t.Helper()
	for _, second := range s.seconds(p.StartedAt.Time) {
		c := second.ByRevision[p.Revision]
		met, failed = met+int64(c.OK+c.Failed), failed+int64(c.Failed)
	}
	return met, failed
}

// recorded waits until the record of a release that was taken back is complete, and checks it against what the clients saw.
func (s *story) recorded(number int64) {
	s.t.Helper()
	x := s.until("the record is complete", func(x *v1alpha1.TrafficShift) bool {
		return len(x.Status.History) > 0 && x.Status.History[0].Number == number && x.Status.History[0].Counted.Final
	})
	p := x.Status.History[0]
	if met, failed := s.metOf(p); p.Exposed != met || p.Failed != failed || len(p.Counted.Gaps) > 0 {
		s.t.Errorf("%d requests and %d failed by the record, the clients saw %d and %d; gaps %v", p.Exposed, p.Failed, met, failed, p.Counted.Gaps)
	}
}

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
	if out, err := exec.Command("localmesh", "fault", verb, name).CombinedOutput(); err != nil {
		t.Errorf("localmesh fault %s %s: %v: %s", verb, name, err, out)
	}
}
