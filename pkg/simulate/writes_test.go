package simulate

import (
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// TestNumbersCostFewWrites of the status, however traffic and errors come: a healthy release by a shipped policy has as many as leave room for what
// else is written (see TestAReleaseWritesLittle of pkg/release), and no count is older than a heartbeat and a slice.
func TestNumbersCostFewWrites(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"fast": 22, "standard": 50} {
		plan := shipped(t, name)
		for _, rate := range []float64{20, 1000} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s %v %d", name, rate, seed), func(t *testing.T) {
					t.Parallel()
					traffic := Traffic{Rate: rate, Drift: 0.5, Stable: []float64{0.001, 0.001}[:len(plan.Objectives)]}
					var told cluster.Told
					var stored v1alpha1.TrafficShiftStatus
					writes := 0
					out, err := Run(Setup{Plan: plan, Traffic: traffic, Seed: seed, Follow: func(m Moment) {
						if left, changed := told.Due(stored, m.Status, m.At); changed && left == 0 {
							told.Wrote(m.At)
							stored = m.Status
							writes++
						}
						if is := m.Status.ObservedAt; m.Status.Release.Running() && is.Sub(stored.ObservedAt.Time) >= v1alpha1.Heartbeat+slice {
							t.Errorf("at %s it was told last at %s", is, stored.ObservedAt)
						}
					}})
					if err != nil {
						t.Fatal(err)
					}
					if t.Logf("%d writes in %s", writes, out.Took); writes > most || out.Result != v1alpha1.StatePromoted {
						t.Errorf("%s after %s with %d writes of the status, at most %d are allowed", out.Result, out.Took, writes, most)
					}
				})
			}
		}
	}
}

// shipped is a policy of the manifests.
func shipped(t *testing.T, name string) v1alpha1.ShiftPolicySpec {
	t.Helper()
	text, err := os.ReadFile("../../manifests/policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.ShiftPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	return p.Spec
}
