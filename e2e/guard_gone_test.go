package e2e

import (
	"context"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// putBack applies the admission policies as they ship.
func putBack(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"delete", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "stagger-hold", "--ignore-not-found"}, // with what was added to them
		{"apply", "-k", "../manifests/admission"},
	} {
		if _, err := try(context.WithoutCancel(t.Context()), "", args...); err != nil {
			t.Errorf("putting the admission policies back: %v", err)
		}
	}
}

// The admission policy is taken away in the middle of a release, and made to match nothing in the middle of the next: from then on the
// Deployment is paused at rest too, so that no template rolls out by itself, until the policy is back. The policies are the whole cluster's,
// so the story is told before those that run side by side.
func TestAReleaseOutlivesItsAdmissionPolicy(t *testing.T) {
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 5s}, {weight: "100%", hold: 1s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	guarded(t, s.ns)
	t.Cleanup(func() { putBack(t) })
	is := func(want string) {
		t.Helper()
		waitFor(t, "the Deployment is "+want, func() (bool, string) { got := s.deployment(); return got == want, got })
	}
	is("shop:1.0.0 paused=")
	s.push("1.1.0")
	s.step(1, 1)
	kubectl(t, "delete", "mutatingadmissionpolicy", "stagger-hold")
	s.ended(1, v1alpha1.StatePromoted)
	is("shop:1.1.0 paused=true")
	s.push("1.2.0")
	s.step(2, 1)
	if sets := s.native(); len(sets) != 1 {
		t.Errorf("the Deployment has pods in the ReplicaSets %v", sets)
	}
	putBack(t)
	guarded(t, s.ns)
	kubectl(t, "patch", "mutatingadmissionpolicybinding", "stagger-hold", "--type=merge", "-p",
		`{"spec":{"matchResources":{"namespaceSelector":{"matchLabels":{"no":"such"}}}}}`)
	s.ended(2, v1alpha1.StatePromoted)
	is("shop:1.2.0 paused=true")
	putBack(t)
	is("shop:1.2.0 paused=")
	guarded(t, s.ns)
	s.restored()
	s.losesNothing()
}
