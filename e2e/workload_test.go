package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// scale changes the wanted number of pods, as an autoscaler does.
func (s *story) scale(n int) {
	s.t.Helper()
	kubectl(s.t, "-n", s.ns, "scale", "deployment", "checkout", "--replicas="+strconv.Itoa(n))
}

// serve waits until so many pods serve.
func (s *story) serve(n int) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("%d pods serve", n), func() (bool, string) {
		out := kubectl(s.t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.status.replicas} {.status.availableReplicas}")
		return out == fmt.Sprintf("%d %d", n, n), out
	})
}

// odd is a Deployment of the kind that nobody thinks of: it replaces all pods at once, keeps no history, has an init container and a
// second one.
const odd = `{"spec":{"revisionHistoryLimit":0,"strategy":{"rollingUpdate":{"maxSurge":"100%","maxUnavailable":"100%"}},"template":{"spec":{
  "initContainers":[{"name":"prepare","image":"shop:1.0.0","args":["--crash-after=100ms","--exit-code=0","--port=8081"]}],
  "containers":[{"name":"beside","image":"shop:1.0.0","args":["--port=8082"]}]}}}}`

// An autoscaler changes the number of pods at every step, of a Deployment that would replace all of them at once.
func TestTheNumberOfPodsMayChangeAtEveryStep(t *testing.T) {
	t.Parallel()
	s := tell(t)
	kubectl(t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p", odd)
	s.serve(4)
	s.gateway()
	s.push("1.1.0")
	for step, n := range []int{6, 3, 5} {
		s.step(1, int32(step+1))
		s.scale(n)
	}
	s.ended(1, v1alpha1.StatePromoted)
	s.serve(5)
	s.losesNothing()
}

// Scaled to nothing in the middle, a release ends, and no pod of it is left; scaled up again, the stable serves and the release begins anew.
func TestScaledToNothingInTheMiddle(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(slow).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	s.scale(0)
	x := s.ended(1, v1alpha1.StateAborted)
	if o := x.Status.Release.Outcome; o.Reason != v1alpha1.ReasonWorkloadGone || o.Refuse != v1alpha1.RefuseNothing {
		t.Errorf("the release ended %+v", *o)
	}
	waitFor(t, "no pod is left", func() (bool, string) {
		pods := s.pods()
		return len(pods) == 0, fmt.Sprint(pods)
	})
	up := time.Now()
	s.scale(4)
	s.step(2, 1) // the version before serves first, and the one that was not proven is released beside it
	if sets := s.native(); len(sets) != 1 {
		t.Errorf("the Deployment has pods in the ReplicaSets %v", sets)
	}
	s.meets("1.0.0", perSecond, up)
	met := bed.Met(s.seconds(up))
	if met["1.1.0"] > met["1.0.0"] {
		t.Errorf("after it was scaled up clients met %v", met)
	}
}

// The version before is released like any other, and may be taken back like any other.
func TestTheVersionBeforeIsReleasedLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0")
	s.ended(1, v1alpha1.StatePromoted)
	s.push("1.0.0")
	s.step(2, 1)
	kubectl(t, "-n", s.ns, "annotate", "trafficshift", "checkout", "stagger.dev/command=abort 2 once more")
	s.ended(2, v1alpha1.StateAborted)
	s.restored()
	kubectl(t, "-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", "stagger.dev/command=retry 2 again")
	s.ended(3, v1alpha1.StatePromoted)
	s.restored()
	if got := s.deployment(); got != "shop:1.0.0 paused=" {
		t.Errorf("the Deployment is %s", got)
	}
	s.losesNothing()
}

// Of templates that come one after the other the newest is released, and the others leave nothing behind.
func TestOfManyTemplatesTheNewestIsReleased(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	next, n := time.Now(), 0
	waitFor(t, "templates have come for a while", func() (bool, string) {
		if time.Now().After(next) {
			n++
			s.push(fmt.Sprintf("1.1.%d", n))
			next = next.Add(time.Second)
		}
		return n == 15, strconv.Itoa(n)
	})
	s.until("the newest is promoted", func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release
		return r != nil && r.State == v1alpha1.StatePromoted && len(r.Images) == 1 && r.Images[0] == "shop:1.1.15"
	})
	s.restored()
	if got := s.deployment(); got != "shop:1.1.15 paused=" {
		t.Errorf("the Deployment is %s", got)
	}
	if sets := kubectl(t, "-n", s.ns, "get", "replicasets", "-o", "name"); len(sets) == 0 || len(s.native()) != 1 {
		t.Errorf("ReplicaSets are left: %s", sets)
	}
	s.losesNothing()
}
