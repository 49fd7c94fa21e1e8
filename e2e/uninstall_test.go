package e2e

import (
	"fmt"
	"testing"
	"time"
)

// The operator is gone for good in the middle of a release, and an administrator takes everything back by kubectl alone, as the page says it. Its
// commands are the whole cluster's.
func TestAnAdministratorDoesWithoutTheOperator(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := tell(t).gateway()
	s.push("1.1.0")
	s.live("10%")
	s.op.stop()
	r := s.reads()
	r.follows("how-to/without-the-operator.md", "Take away what holds", "Give the stable all traffic")
	apply(t, s.ns, fmt.Sprintf(route, s.ns)) // as the team wrote it
	r.follows("how-to/without-the-operator.md", "Put routes and Service back", "Let a Deployment roll out by itself")
	waitFor(t, "the version rolls out by itself", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o",
			"jsonpath={.spec.paused} {.metadata.labels.stagger\\.dev/held} {.status.updatedReplicas} {.status.availableReplicas} {.status.replicas}")
		return out == "  4 4 4", out
	})
	s.meets("1.1.0", perSecond, time.Now())
	r.follows("how-to/without-the-operator.md", "Remove what is left")
	if left := kubectl(t, "-n", s.ns, "get", "trafficshifts", "-o", "name"); left != "" {
		t.Errorf("left: %s", left)
	}
	edit(t, s.before, "Service/checkout", func(o map[string]any) { o["annotations"] = withoutPolicy(o["annotations"]) })
	s.restored()
	s.losesNothing()
}

// The CRDs are deleted first, in the middle of a release: what it has touched is restored before they go.
func TestTheCRDsAreDeletedInTheMiddleOfARelease(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	kubectl(t, "delete", "crd", "trafficshifts.stagger.dev", "--wait=false")
	waitFor(t, "the CRD is gone", func() (bool, string) {
		out := kubectl(t, "get", "crd", "trafficshifts.stagger.dev", "--ignore-not-found", "-o", "name")
		return out == "", out
	})
	s.restored()
	if got := s.deployment(); got != "shop:1.1.0 paused=true" {
		t.Errorf("the Deployment is %s: what was not judged must not roll out", got)
	}
	s.losesNothing()
}
