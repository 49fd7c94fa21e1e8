package release

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// misplaced says what is wrong with the order of a decision's writes; empty when nothing is. Levers alone take traffic away, nothing
// that takes traffic away is anything but a lever, and no decision that has levers gives traffic.
func misplaced(o Observation, d Decision) string {
	isLever := func(a Action) bool {
		switch a.Verb {
		case AbortService, AbortRoutes, Lower, RemoveSet, ScaleRogue:
			return true
		case Narrow: // away from the canary's pods; before there are any it takes nothing from anybody
			there := o.Workload.Canary.There() || o.Service.Narrowed == o.canary()
			return there && d.Release != nil && a.Hash == d.Release.Stable
		case Widen:
			return d.Release.Aborting() && o.Service.Narrowed != "" && d.Release.Stable != "" && !o.Workload.Stable.There()
		default:
			return false
		}
	}
	besides := func(a Action) bool { return a.Verb == Pause || a.Verb == ScaleStable } // what keeps a rogue rollout from going on
	for _, a := range d.Levers {
		if !isLever(a) && !(besides(a) && d.Release.Aborting()) {
			return fmt.Sprintf("%s is no lever: %s", a, d)
		}
	}
	if i := slices.IndexFunc(d.Actions, isLever); i >= 0 {
		return fmt.Sprintf("%s has to be a lever: %s", d.Actions[i], d)
	}
	if len(d.Levers) > 0 && slices.ContainsFunc(d.Writes(), Action.Raises) {
		return fmt.Sprintf("takes traffic away and gives it: %s", d)
	}
	return ""
}

// TestEveryLeverIsPulled refuses each write of each way out in turn, for good: all the levers of the others are pulled, and the traffic
// is gone from the routes, or, where these are refused, from the canary's Service.
func TestEveryLeverIsPulled(t *testing.T) {
	t.Parallel()
	shifting := []string{"wait 5s", "push v2", "wait 2m"}
	handover := []string{"wait 5s", "push v2", "wait 4m5s"}
	causes := map[string]string{
		"breach": "counts bad", "crash": "pods of v2 crash", "command": "command abort 1 t", "undo": "command undo 1 t", "superseded": "push v3",
		"reverted": "push v1", "let go": "let go", "rogue": "unpause deployment",
	}
	for phase, before := range map[string][]string{"shifting": shifting, "handover": handover} {
		for name, cause := range causes {
			for _, refused := range []Verb{Save, AbortService, AbortRoutes, Narrow, Pause, ScaleRogue, ScaleStable, RemoveSet} {
				t.Run(fmt.Sprintf("%s in %s, %s refused", name, phase, refused), func(t *testing.T) {
					t.Parallel()
					w := newWorld()
					w.playAll(t, before)
					if r := w.status.release; r == nil || r.Step == 0 || phase == "handover" && w.service.narrowed != r.Revision {
						t.Fatalf("not in %s: %s", phase, w.facts())
					}
					w.faults[refused] = 1 << 30
					w.playAll(t, []string{cause, "wait 30s"})
					if r := w.status.release; !r.Aborting() && (r == nil || r.State != v1alpha1.StateAborted) {
						t.Fatalf("not taken back: %s\n%s", w.facts(), w.out.tail())
					}
					safe := w.canary.aborted && w.canary.selects == "v1"
					if refused != AbortRoutes && w.watch.share(w) > 0 || refused != AbortService && !safe {
						t.Errorf("a lever was not pulled: %s\n%s", w.facts(), w.out.tail())
					}
					if refused != Narrow && w.service.narrowed != "v1" {
						t.Errorf("the Service selects %q\n%s", w.service.narrowed, w.out.tail())
					}
				})
			}
		}
	}
}

// TestStepsBackByEachLever refuses one of the two writes of a step back from the handover: the other is made all the same, and nothing is
// recorded before both are.
func TestStepsBackByEachLever(t *testing.T) {
	t.Parallel()
	for _, refused := range []Verb{Lower, Narrow} {
		t.Run(string(refused), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.playAll(t, []string{"wait 5s", "push v2", "wait 4m5s"})
			w.counts = "alone"
			if w.service.narrowed != "v2" {
				t.Fatalf("not in the handover: %s", w.facts())
			}
			w.faults[refused] = 1
			if w.pass(t); refused == Narrow && w.watch.share(w) != 10_000 || refused == Lower && w.service.narrowed != "v1" {
				t.Errorf("a lever was not pulled: %s\n%s", w.facts(), w.out.tail())
			}
			if r := w.status.release; r.StepsBack != 0 {
				t.Errorf("recorded before it is done: %s", w.facts())
			}
			if w.pass(t); w.watch.share(w) != 10_000 || w.service.narrowed != "v1" || w.status.release.StepsBack != 1 {
				t.Errorf("did not step back: %s\n%s", w.facts(), w.out.tail())
			}
		})
	}
}
