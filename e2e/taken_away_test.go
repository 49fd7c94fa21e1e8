package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// middling holds its first step until something happens.
const middling = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`

// inTheMiddle tells of a release at its first step, and the pods of the stable.
func inTheMiddle(t *testing.T) (s *story, stable map[string]bool) {
	t.Helper()
	s = tell(t).judgedBy(middling).gateway()
	stable = s.pods()
	s.push("1.1.0")
	s.live("30%")
	return s, stable
}

// alone waits until these are the only pods that are there.
func (s *story) alone(stable map[string]bool) {
	s.t.Helper()
	waitFor(s.t, "the stable's pods are there, and no others", func() (bool, string) {
		now := s.pods()
		return maps.Equal(now, stable), fmt.Sprint(slices.Sorted(maps.Keys(now)), " instead of ", slices.Sorted(maps.Keys(stable)))
	})
}

// gone waits until an object of the namespace is not there any more.
func (s *story) gone(kind, name string) {
	s.t.Helper()
	waitWithin(s.t, 3*time.Minute, kind+" "+name+" is gone", func() (bool, string) {
		out, err := try(s.t.Context(), "", "-n", s.ns, "get", kind, name, "--ignore-not-found", "-o", "yaml")
		return err == nil && out == "", fmt.Sprint(out, err)
	})
}

// The Service is deleted in the middle of a release, in each way there is: the routes are as before, the stable's pods stay, and no template
// is released by it.
func TestTheServiceIsDeletedInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, cascade := range []string{"foreground", "orphan", "background"} {
		t.Run(cascade, func(t *testing.T) {
			t.Parallel()
			s, stable := inTheMiddle(t)
			kubectl(t, "-n", s.ns, "delete", "service", "checkout", "--cascade="+cascade, "--wait=false")
			s.gone("service", "checkout")
			s.gone("trafficshift", "checkout")
			s.gone("service", "checkout-canary")
			delete(s.before, "Service/checkout")
			s.restored()
			s.alone(stable)
			if got := s.deployment(); got != "shop:1.1.0 paused=true" {
				t.Errorf("the Deployment is %s: what is deleted must not release a template", got)
			}
		})
	}
}

// The Deployment is deleted in the middle of a release, and its pods are left: the release is taken back, and they serve on.
func TestTheDeploymentIsDeletedWithoutItsPods(t *testing.T) {
	t.Parallel()
	s, stable := inTheMiddle(t)
	kubectl(t, "-n", s.ns, "delete", "deployment", "checkout", "--cascade=orphan")
	x := s.ended(1, v1alpha1.StateAborted)
	gone := time.Now().Add(2 * time.Second)
	if o := x.Status.Release.Outcome; o.Reason != v1alpha1.ReasonWorkloadGone {
		t.Errorf("the outcome is %+v", *o)
	}
	s.restored()
	s.alone(stable)
	s.meets("1.0.0", 3*perSecond, gone)
	s.neverAgain("1.1.0", gone)
	s.losesNothing()
}

// The TrafficShift is deleted in the middle of a release, in each way there is: its traffic is taken back before anything of it goes.
func TestTheTrafficShiftIsDeletedInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, cascade := range []string{"foreground", "orphan"} {
		t.Run(cascade, func(t *testing.T) {
			t.Parallel()
			s, stable := inTheMiddle(t)
			s.forgets = true // another TrafficShift has no record of this release
			shares := s.shares()
			before := s.until("the TrafficShift is there", func(*v1alpha1.TrafficShift) bool { return true })
			kubectl(t, "-n", s.ns, "delete", "trafficshift", "checkout", "--cascade="+cascade, "--wait=false")
			s.until("there is another one", func(x *v1alpha1.TrafficShift) bool { return x.UID != "" && x.UID != before.UID })
			if all := shares(); !slices.Contains(all[1:], 0) {
				t.Errorf("the canary had the shares %v while the TrafficShift was deleted", all)
			}
			s.meets("1.0.0", 3*perSecond, time.Now())
			for name, now := range stable {
				if now != s.pods()[name] {
					t.Errorf("the stable pod %s is gone", name)
				}
			}
			s.losesNothing()
		})
	}
}

// The namespace is deleted in the middle of a release: nothing of ours is in its way.
func TestTheNamespaceIsDeletedInTheMiddle(t *testing.T) {
	t.Parallel()
	s, _ := inTheMiddle(t)
	s.silence()
	kubectl(t, "delete", "namespace", s.ns, "--wait=false")
	waitWithin(t, 3*time.Minute, "the namespace is gone", func() (bool, string) {
		n := &corev1.Namespace{}
		err := adm.client.Get(t.Context(), client.ObjectKey{Name: s.ns}, n)
		return apierrors.IsNotFound(err), fmt.Sprint(n.Status, err)
	})
}

// The CRD is deleted in the middle of a release, and all TrafficShifts with it: what they had written is taken back first. When it is there
// again the Service is managed again.
func TestTheKindIsDeletedInTheMiddle(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, stable := inTheMiddle(t)
	kubectl(t, "delete", "crd", "trafficshifts.stagger.dev", "--wait=false")
	s.gone("crd", "trafficshifts.stagger.dev")
	gone := time.Now().Add(2 * time.Second)
	s.restored()
	s.alone(stable)
	if got := s.deployment(); got != "shop:1.1.0 paused=true" {
		t.Errorf("the Deployment is %s: what is deleted must not release a template", got)
	}
	s.meets("1.0.0", 3*perSecond, gone)
	s.neverAgain("1.1.0", gone)
	s.losesNothing()
	kubectl(t, "create", "-f", "../manifests/crd/stagger.dev_trafficshifts.yaml")
	s.until("the Service is managed again", func(x *v1alpha1.TrafficShift) bool { return ready(x) != "" })
}

// budget forbids that any pod of the team's is evicted.
const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: checkout}
spec: {minAvailable: 100%, selector: {matchLabels: {app: checkout}}}
`

// No pod of either version may be evicted: it is promoted, and the next one taken back, all the same.
func TestADisruptionBudgetIsInNobodysWay(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	apply(t, s.ns, budget)
	s.gateway()
	stable := s.pods()
	s.push("1.1.0")
	s.live("30%")
	for name := range stable {
		p := &corev1.Pod{}
		p.Namespace, p.Name = s.ns, name
		if err := evict(t.Context(), p); !apierrors.IsTooManyRequests(err) {
			t.Errorf("the eviction of %s: %v", name, err)
		}
	}
	s.people(true, "release 1 told to leave 30%", "promote", "checkout", "--reason", "no pod was evicted")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.push("1.2.0-errors")
	s.ended(2, v1alpha1.StateAborted)
	s.restored()
	if n := bed.Lost(s.ours(s.began), "1.2.0-errors"); n > 0 {
		t.Errorf("%d requests failed that no bad version answered", n)
		s.tellsLosses()
	}
}

// A node with half of each version's pods is drained: the version is not blamed, and promoted when its pods are back.
func TestANodeIsDrainedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 2m, drain: 2s},
  steps: [{weight: "50%", hold: 20s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.needsFaults("KUBECONFIG_FAULTY") // another cluster's nodes are not the stories' to drain
	s.spreads()
	s.gateway()
	s.push("1.1.0")
	before := s.canaryPods(s.live("50%"))
	s.meets("1.1.0", 300, s.began)
	uncordon := s.drains(firstNode)
	t.Cleanup(func() { s.uncordons(uncordon) })
	left := s.pods()
	if n := slices.IndexFunc(before, func(pod string) bool { return !left[strings.TrimPrefix(pod, "pod/")] }); n < 0 {
		t.Errorf("of the canary's pods %v none was evicted", before)
	}
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	if n, by := s.lost(); n > perSecond {
		t.Errorf("%d requests failed: %v", n, by)
	}
}

func (s *story) uncordons(uncordon func(context.Context) error) {
	s.t.Helper()
	if err := uncordon(context.WithoutCancel(s.t.Context())); err != nil {
		s.t.Error(err)
	}
}
