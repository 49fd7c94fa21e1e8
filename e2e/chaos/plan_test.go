package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAPlanFollowsFromItsSeedAndSaysAllOfItself(t *testing.T) {
	want := New(7)
	if diff := cmp.Diff(want, New(7)); diff != "" {
		t.Errorf("another time the plan differs:\n%s", diff)
	}
	seen := map[string]uint64{}
	for seed := range uint64(200) {
		_, text, _ := strings.Cut(New(seed).String(), ": ")
		if other, found := seen[text]; found {
			t.Errorf("seeds %d and %d say the same:\n%s", other, seed, text)
		}
		seen[text] = seed
	}
	for _, word := range []string{"seed 7: ", "a version of which "} {
		if !strings.Contains(want.String(), word) {
			t.Errorf("%q is not in\n%s", word, want)
		}
	}
}

func TestNeighbouringSeedsMeetEveryFault(t *testing.T) {
	const faults = 2*len(components) + 7
	for first := range uint64(20) {
		seen := map[string]bool{}
		for seed := first; seed < first+2*uint64(faults+each-1)/each; seed++ { // so that a whole deck is among them
			for _, e := range New(seed).Events {
				seen[string(e.Kind)+e.Of] = true
			}
		}
		if len(seen) != faults {
			t.Errorf("from seed %d on %d of %d faults are met", first, len(seen), faults)
		}
	}
}

func TestPlansKeepToTheirBounds(t *testing.T) {
	met := map[string]bool{}
	for seed := range uint64(1000) {
		p := New(seed)
		if p.Bad != (seed%2 == 1) || p.Bad != (p.ErrorRate > 0) || !slices.IsSortedFunc(p.Events, func(a, b Event) int { return int(a.Phase - b.Phase) }) {
			t.Errorf("the plan is %s", p)
		}
		for _, e := range p.Events {
			if e.After < 0 || e.After > 5*time.Second || e.For < 0 || e.For > time.Minute || (e.Of != "") != (e.Kind == Pause || e.Kind == Kill) ||
				(e.Status != 0) != (e.Kind == Refuse) || (e.By != 0) != (e.Kind == Slow || e.Kind == Clock) {
				t.Errorf("seed %d has %+v", seed, e)
			}
			if p.Bad && (e.Phase == Half || e.Phase == Full) {
				t.Errorf("seed %d waits for a step that a bad version need not reach: %s", seed, e)
			}
			for _, what := range []string{string(e.Kind) + e.Of + e.For.String(), fmt.Sprint(p.Bad, e.Phase), fmt.Sprint(e.Status), fmt.Sprint(e.Kind, e.By)} {
				met[what] = true
			}
		}
	}
	for _, what := range []string{
		"pauseetcd1m0s", "pauseetcd20s", "pauseetcd5s", "killistiod0s", "killistiod20s", "pauseoperator1m0s", "false the outcome", "false the last step",
		"true the push", "true the outcome", "403", "409", "422", "429", "500", "503", "set Prometheus's clock off-1m0s", "set Prometheus's clock off2s", "slow writes6s",
	} {
		if !met[what] {
			t.Errorf("%s is never met", what)
		}
	}
}

func TestTheEndIsTheOneThatTheVersionDeserves(t *testing.T) {
	promoted := v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted}
	aborted := func(reason v1alpha1.Reason) v1alpha1.Outcome {
		return v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: reason, Message: "said"}
	}
	good, bad := New(2), New(3)
	for name, c := range map[string]struct {
		plan  Plan
		end   v1alpha1.Outcome
		wrong string
	}{
		"good, promoted":           {good, promoted, ""},
		"good, aborted":            {good, aborted(v1alpha1.ReasonCanaryBreachesSLO), "a healthy version is Aborted: CanaryBreachesSLO: said"},
		"bad, promoted":            {bad, promoted, "a bad version is Promoted"},
		"bad, aborted":             {bad, aborted(v1alpha1.ReasonCanaryWorseThanStable), ""},
		"bad, aborted by its SLO":  {bad, aborted(v1alpha1.ReasonCanaryBreachesSLO), ""},
		"bad, aborted for trouble": {bad, aborted(v1alpha1.ReasonCanaryNotReady), "for another reason: CanaryNotReady: said"},
	} {
		if got := c.plan.Wrong(c.end); (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%s: %q, want %q", name, got, c.wrong)
		}
	}
}

func TestWhatAFaultCostsByItself(t *testing.T) {
	for _, c := range []struct {
		event            Event
		requests, counts bool
	}{
		{Event{Kind: Pause, Of: Gateway}, true, false},
		{Event{Kind: Kill, Of: Gateway}, true, true},
		{Event{Kind: Drain}, true, false},
		{Event{Kind: Clock, By: time.Second}, false, true},
		{Event{Kind: Kill, Of: "istiod"}, false, false},
		{Event{Kind: Hang}, false, false},
	} {
		if c.event.CostsRequests() != c.requests || c.event.CostsCounts() != c.counts {
			t.Errorf("%s costs requests: %t, counts: %t", c.event, c.event.CostsRequests(), c.event.CostsCounts())
		}
	}
}
