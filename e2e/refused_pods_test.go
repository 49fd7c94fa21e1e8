package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// quota has room for so many pods.
const quota = `
apiVersion: v1
kind: ResourceQuota
metadata: {name: room}
spec: {hard: {pods: "%d"}}
`

// room makes room for so many pods, and waits until that is what counts.
func (s *story) room(pods int) {
	s.t.Helper()
	apply(s.t, s.ns, fmt.Sprintf(quota, pods))
	waitFor(s.t, fmt.Sprintf("there is room for %d pods", pods), func() (bool, string) {
		out := kubectl(s.t, "-n", s.ns, "get", "resourcequota", "room", "-o", "jsonpath={.status.hard.pods} {.status.used.pods}")
		return strings.HasPrefix(out, fmt.Sprint(pods, " ")), out
	})
}

// blocked waits until the release says, in the words of the API server, why its pods are refused.
func (s *story) blocked(words string) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until("the release says: "+words, func(x *v1alpha1.TrafficShift) bool {
		for _, c := range x.Status.Conditions {
			if c.Type == v1alpha1.ConditionWorkloadReady {
				return c.Reason == string(v1alpha1.ReasonCanaryNotReady) && strings.Contains(c.Message, words)
			}
		}
		return false
	})
}

// A quota has no room for the canary, then room for its first steps, then for all of it: the release waits, says why, and goes on.
func TestAReleaseWaitsForRoomInTheQuota(t *testing.T) {
	t.Parallel()
	s := tell(t)
	apply(t, s.ns, fmt.Sprintf(policy, s.ns, "180s")) // who makes pods tries again ever later
	s.gateway()
	stable := s.pods()
	s.room(4)
	s.push("1.1.0")
	x := s.blocked("exceeded quota: room, requested: pods=1, used: pods=4, limited: pods=4")
	if r := x.Status.Release; r.Step != 0 || r.PeakWeight != "" || !strings.Contains(r.Next, "exceeded quota") {
		t.Errorf("before its first pod the release is %s, next: %s", describe(x), r.Next)
	}
	s.room(6)
	s.live("50%")
	x = s.blocked("exceeded quota: room, requested: pods=1, used: pods=6, limited: pods=6")
	if r := x.Status.Release; r.Step != 2 || r.Outcome != nil {
		t.Errorf("without pods for the next step the release is %s", describe(x))
	}
	for name := range stable {
		if !s.pods()[name] {
			t.Errorf("the stable pod %s is gone", name)
		}
	}
	s.room(8)
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.losesNothing()
}

// Pods that the API server refuses for good never get traffic; the release ends with the API server's own words, and what it refuses is not
// tried again and again.
func TestAReleaseWhosePodsAreRefusedEndsWithTheReason(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		refuse func(s *story)
		says   string
	}{
		"by a quota": {func(s *story) { s.room(4) }, "exceeded quota: room"},
		"by a limit range": {func(s *story) {
			apply(s.t, s.ns, "{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: Pod, max: {memory: 64Mi}}]}}")
		}, "maximum memory usage per Pod is 64Mi"},
		"by pod security": {func(s *story) {
			kubectl(s.t, "label", "namespace", s.ns, "pod-security.kubernetes.io/enforce=restricted")
		}, `violates PodSecurity "restricted:latest"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t)
			apply(t, s.ns, fmt.Sprintf(policy, s.ns, "10s"))
			s.gateway()
			stable := s.pods()
			c.refuse(s)
			s.push("1.1.0")
			x := s.ended(1, v1alpha1.StateAborted)
			r := x.Status.Release
			if r.Outcome.Reason != v1alpha1.ReasonCanaryNotReady || r.PeakWeight != "" || !strings.Contains(r.Outcome.Message, c.says) {
				t.Errorf("the release ended %s", describe(x))
			}
			if x.Status.Refused != r.Revision {
				t.Errorf("the template is tried again: %s", describe(x))
			}
			waitFor(t, "an event says why", func() (bool, string) {
				out := kubectl(t, "-n", s.ns, "get", "events", "--field-selector=reason=ReleaseAborted", "-o", "jsonpath={.items[*].message}")
				return strings.Contains(out, c.says), out
			})
			s.restored()
			s.neverAgain("1.1.0", s.began)
			if now := s.pods(); !maps.Equal(stable, now) {
				t.Errorf("the pods are %v, and were %v", now, stable)
			}
			s.losesNothing()
		})
	}
}
