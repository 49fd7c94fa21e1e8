package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// strict holds its first step for long enough to lose pods, and forgives few bad requests.
const strict = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 25s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}`

// lenient holds its first step, and forgives a slip.
const lenient = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "60%"}]}`

// ejecting is the team's rule that takes a pod from its callers for a minute after one bad answer.
const ejecting = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: checkout}
spec:
  host: checkout
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}
`

// canaryPods are the pods of the running release, as kubectl names them.
func (s *story) canaryPods(x *v1alpha1.TrafficShift) []string {
	s.t.Helper()
	return strings.Fields(kubectl(s.t, "-n", s.ns, "get", "pods", "-l", "pod-template-hash="+x.Status.Release.Revision, "-o", "name"))
}

// All pods of a canary are evicted, and those in their place take their time: the stable answers meanwhile, and the version goes on unblamed.
func TestAllPodsOfTheCanaryAreEvicted(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(strict).gateway()
	s.ship("1.1.0", "--ready-after=15s")
	x := s.live("30%")
	s.meets("1.1.0", 200, s.began)
	kubectl(t, append([]string{"-n", s.ns, "delete", "--wait=false"}, s.canaryPods(x)...)...)
	x = s.until("the stable has all traffic", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release.Away != nil && x.Status.Release.Weight == "0%"
	})
	if r := x.Status.Release; r.Outcome != nil || r.State != v1alpha1.StatePreparing {
		t.Errorf("while its pods are away the release is %s", describe(x))
	}
	x = s.ended(1, v1alpha1.StatePromoted)
	if a := x.Status.Release.Away; a == nil || a.Times != 1 || a.Until == nil {
		t.Errorf("its pods were away %+v", a)
	}
	s.restored()
	if n, by := s.lost(); n > perSecond {
		t.Errorf("%d requests failed: %v", n, by)
	}
}

// Callers that take a pod away for a minute after one bad answer take both pods of a canary for a slip of each. They are asked all the same,
// so that only their answers judge the version.
func TestPodsThatCallersTookAwayForASlipAreAskedAllTheSame(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(lenient)
	apply(t, s.ns, ejecting)
	s.gateway()
	s.push("1.1.0")
	x := s.live("30%")
	if c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionReachable); c == nil || !strings.Contains(c.Message, "outlierDetection of DestinationRule checkout") {
		t.Errorf("of the rule the status says %+v", c)
	}
	s.meets("1.1.0", 300, s.began)
	pods := s.canaryPods(x)
	slipped := time.Now()
	for _, pod := range pods {
		kubectl(t, "-n", s.ns, "annotate", pod, "localmesh.stagger.dev/error-rate=0.5")
	}
	waitFor(t, "each pod has slipped", func() (bool, string) {
		n, by := s.lost()
		return n >= 4, fmt.Sprint(by)
	})
	for _, pod := range pods {
		kubectl(t, "-n", s.ns, "annotate", "--overwrite", pod, "localmesh.stagger.dev/error-rate=0")
	}
	well := time.Now()
	s.meets("1.1.0", 200, well)
	if n, by := bed.Failed(s.ours(well.Add(time.Second))); n > 0 {
		t.Errorf("%d requests failed after a slip that took %s: %v", n, well.Sub(slipped), by)
	}
	kubectl(t, "-n", s.ns, "annotate", "trafficshift", "checkout", "stagger.dev/command=abort 1 t enough")
	x = s.ended(1, v1alpha1.StateAborted)
	if o := x.Status.Release.Outcome; o.Reason != v1alpha1.ReasonCommanded {
		t.Errorf("the outcome is %+v", *o)
	}
	s.restored()
}

// A Deployment whose versions must not run side by side is left as it is, and its owner is told what to do.
func TestAWorkloadThatMustRunAloneIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := tell(t)
	kubectl(t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p", `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`)
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy="+s.ns)
	before := s.snapshot()
	s.op = startOperatorBy(t, s.api, s.ns)
	x := s.until("the owner is told what to do", func(x *v1alpha1.TrafficShift) bool {
		return meta.IsStatusConditionTrue(x.Status.Conditions, v1alpha1.ConditionStalled)
	})
	c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionStalled)
	for _, words := range []string{"spec.strategy.type is Recreate", "set it to RollingUpdate", v1alpha1.PolicyAnnotation} {
		if !strings.Contains(c.Message, words) {
			t.Errorf("it says %q, and not %q", c.Message, words)
		}
	}
	if diff := before.Diff(s.snapshot()); diff != "" {
		t.Errorf("something was touched (-before +after):\n%s", diff)
	}
}
