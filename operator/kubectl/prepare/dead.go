package prepare

import (
	"context"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/simulate"
	"github.com/stagger-dev/stagger/pkg/view"
)

const (
	deadRuns  = 5
	deadLimit = 2 * time.Hour
)

// dead runs releases of a version that fails every request from the highest weight of the plan below full traffic on, with and without proxies
// that are read; nil where half of them do not come that far within two hours.
func dead(ctx context.Context, plan v1alpha1.ShiftPolicySpec, traffic simulate.Traffic) (*view.Dead, error) {
	weight := 0.0
	for _, s := range plan.Steps {
		if x := s.Weight.Fraction(); x < 1 || weight == 0 {
			weight = x
		}
	}
	d := view.Dead{Weight: weight}
	setup := simulate.Setup{Plan: plan, Traffic: traffic, Canary: simulate.Canary{Bad: 1, FromWeight: weight}, Limit: deadLimit}
	for _, cost := range []*view.DeadCost{&d.Unread, &d.Read} {
		setup.Direct.Off = cost == &d.Unread
		outcomes, err := runAll(ctx, setup, deadRuns)
		if err != nil {
			return nil, err
		}
		var known bool
		if *cost, known = costOf(outcomes); !known {
			return nil, nil
		}
	}
	return &d, nil
}

// costOf are the medians of the releases in which the version failed; false where half of them did not come so far.
func costOf(outcomes []simulate.Outcome) (view.DeadCost, bool) {
	var failed, seconds []float64
	for _, o := range outcomes {
		until := o.Noticed
		if o.Braked >= 0 {
			until = o.Braked
		}
		if until >= 0 {
			failed, seconds = append(failed, o.Excess), append(seconds, (until+simulate.DefaultPush).Seconds())
		}
	}
	if 2*len(failed) <= len(outcomes) {
		return view.DeadCost{}, false
	}
	slices.Sort(failed)
	slices.Sort(seconds)
	return view.DeadCost{Failed: max(0, failed[len(failed)/2]), Seconds: seconds[len(seconds)/2]}, true
}
