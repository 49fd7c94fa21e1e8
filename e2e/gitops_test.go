package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// desired is what the team keeps in its repository: Deployment and Service with a version, and the route.
func (s *story) desired(version string) (objects, routes string) {
	objects = strings.ReplaceAll(shop, "shop:1.0.0", "shop:"+version)
	annotated := "kind: Service\nmetadata: {name: checkout, annotations: {stagger.dev/policy: " + s.ns + "},"
	return strings.ReplaceAll(objects, "kind: Service\nmetadata: {name: checkout,", annotated), fmt.Sprintf(route, s.ns)
}

// flux applies objects as Flux does: on the server, as the owner of their fields, whoever has them now.
func (s *story) flux(yaml string, args ...string) (string, error) {
	s.t.Helper()
	return try(s.t.Context(), yaml, append(args, "--server-side", "--force-conflicts", "--field-manager=flux", "-n", s.ns, "-f", "-")...)
}

func (s *story) fluxApplies(yaml string) {
	s.t.Helper()
	if _, err := s.flux(yaml, "apply"); err != nil {
		s.t.Fatalf("applying as flux: %v", err)
	}
}

// slow holds its first step for long enough to be disturbed.
const slow = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 20s}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`

// contestedBy waits until the weights are left to whoever keeps writing them, who is named.
func contestedBy(manager string) func(*v1alpha1.TrafficShift) bool {
	return func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionTrafficShifted)
		r := x.Status.Release
		return r != nil && r.Contested.Routes >= 5 && c != nil && c.Reason == string(v1alpha1.ReasonForeignEdit) && strings.Contains(c.Message, manager) && strings.Contains(c.Message, "obeyed")
	}
}

// A tool that keeps writing the whole of what is in the repository, by force, finds Deployment and Service as it wants them and starts
// nothing. The weights that it takes away are put back a few times, then left to it, with its name; when it stops, the release goes on.
func TestAToolThatForcesItsFieldsStartsNothingAndIsNotFought(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(slow)
	objects, routes := s.desired("1.0.0")
	s.fluxApplies(objects)
	s.fluxApplies(routes)
	s.gateway()
	objects, _ = s.desired("1.1.0")
	s.fluxApplies(objects)
	s.step(1, 1)
	s.fluxApplies(objects)
	if drift, err := s.flux(objects, "diff"); err != nil {
		t.Errorf("flux sees a drift: %v\n%s", err, drift)
	}
	if paused := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.spec.paused}"); paused != "true" {
		t.Errorf("the Deployment is paused: %q", paused)
	}
	s.until("flux has its weights", func(x *v1alpha1.TrafficShift) bool {
		if contestedBy("flux")(x) {
			return true
		}
		s.fluxApplies(routes)
		return false
	})
	if w := kubectl(t, "-n", s.ns, "get", "virtualservice", "checkout", "-o", "jsonpath={.spec.http[0].route[*].destination.host}"); w != "checkout" {
		t.Errorf("flux is still fought: %s", w)
	}
	s.within(6*time.Minute, "the release goes on and is promoted", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release.State == v1alpha1.StatePromoted
	})
	if sets := s.native(); len(sets) > 1 {
		t.Errorf("the Deployment has pods in the ReplicaSets %v", sets)
	}
	s.losesNothing()
}

// native are the Deployment's own ReplicaSets that have pods.
func (s *story) native() []string {
	s.t.Helper()
	out := kubectl(s.t, "-n", s.ns, "get", "replicasets", "-o",
		`jsonpath={range .items[?(@.spec.replicas>0)]}{.metadata.name}{" "}{.metadata.ownerReferences[0].kind}{"\n"}{end}`)
	var names []string
	for line := range strings.Lines(out) {
		if name, kind, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "Deployment" {
			names = append(names, name)
		}
	}
	return names
}

// Applying, replacing and resuming what is held starts no rollout of its own in the middle of a release.
func TestApplyReplaceAndResumeStartNoRollout(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(slow).gateway()
	objects, _ := s.desired("1.1.0")
	apply(t, s.ns, objects)
	s.step(1, 1)
	apply(t, s.ns, objects)
	if _, err := try(t.Context(), objects, "replace", "-n", s.ns, "-f", "-"); err != nil {
		t.Fatalf("replacing: %v", err)
	}
	if _, err := try(t.Context(), "", "rollout", "resume", "deployment/checkout", "-n", s.ns); err != nil {
		t.Logf("resuming: %v", err)
	}
	if sets := s.native(); len(sets) != 1 {
		t.Errorf("the Deployment has pods in the ReplicaSets %v", sets)
	}
	x := s.ended(1, v1alpha1.StatePromoted)
	if len(x.Status.History) != 1 {
		t.Errorf("there were other releases: %+v", x.Status.History)
	}
	s.losesNothing()
}
