package release_test

import (
	"os"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// What a release by a shipped policy costs the API server at most, from the push until nothing more is counted: writes of objects and of the status,
// and an event for its beginning, for each weight and for its end, which has two where it is taken back. At rest nothing is written.
func TestAReleaseWritesLittle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy, counts string
		end            v1alpha1.ReleaseState
		most           int
	}{
		"a healthy release by fast":       {"fast", "good", v1alpha1.StatePromoted, 40},
		"a healthy release by standard":   {"standard", "good", v1alpha1.StatePromoted, 80},
		"one by fast that is aborted":     {"fast", "bad", v1alpha1.StateAborted, 20},
		"one by standard that is aborted": {"standard", "bad", v1alpha1.StateAborted, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.ship(t, c.policy)
			if err := w.wait(t, "10m"); err != nil {
				t.Fatal(err)
			}
			rest := w.written
			if err := w.wait(t, "1h"); err != nil {
				t.Fatal(err)
			}
			if n := w.written.since(rest); n.objects+n.statuses > 0 {
				t.Errorf("at rest: %+v", n)
			}
			w.counts = "good"
			w.push("v2")
			began := w.written
			for range int(2 * time.Hour / tick) {
				if err := w.wait(t, tick.String()); err != nil {
					t.Fatal(err)
				}
				if r := w.record(); c.counts != w.counts && r != nil && r.Step > 1 && r.SettledAt != nil {
					w.counts, began = c.counts, w.written
				}
			}
			r, n := w.record(), w.written.since(began)
			events := 2
			if c.counts == "good" {
				events += len(r.Weights)
			}
			t.Logf("%d writes of objects, %d of the status, %d events", n.objects, n.statuses, events)
			if all := n.objects + n.statuses + events; r.State != c.end || all > c.most || all < 8 {
				t.Errorf("%s: %d writes, at most %d are allowed\n%s", r.State, all, c.most, w.out.tail())
			}
		})
	}
}

// ship puts one of the shipped policies in the place of the world's own.
func (w *world) ship(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile("../../manifests/policies/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.ShiftPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	p.Name = policy
	w.store.Put(&p)
}

// writes counts those that the API server has stored: of objects, and of the status.
type writes struct{ objects, statuses int }

func (n writes) since(before writes) writes {
	return writes{n.objects - before.objects, n.statuses - before.statuses}
}
