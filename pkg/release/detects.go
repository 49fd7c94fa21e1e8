package release

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Detects is what the counts will show at each weight of a plan, for a Service with such a past: at the first weight and at every
// step. It is empty for a plan that cannot be followed, and where no request was seen before: nobody knows then how many will come.
func Detects(plan v1alpha1.ShiftPolicySpec, past *v1alpha1.Baseline) []v1alpha1.Detection {
	if len(plan.Steps) == 0 || past == nil || past.Rate() <= 0 {
		return nil
	}
	config, at := evidence.ConfigOf(plan, past), evidence.TrafficOf(plan, past)
	r := &v1alpha1.Release{Plan: plan}
	var all []v1alpha1.Detection
	for r.Step = 1; int(r.Step) <= len(plan.Steps); r.Step++ {
		step := plan.Steps[r.Step-1].Weight
		weights := []v1alpha1.Percentage{step}
		if share := first(r, at.Rate); r.Step == 1 && share < step.Millionths() {
			weights = []v1alpha1.Percentage{v1alpha1.PercentageOf(share), step}
		}
		for _, r.Weight = range weights {
			f, err := config.Forecast(at, r.Weight.Fraction(), Ask(r))
			if err != nil {
				return nil
			}
			all = append(all, detection(r.Weight, at.Rate, f))
		}
	}
	return all
}

func detection(weight v1alpha1.Percentage, rate float64, f evidence.Forecast) v1alpha1.Detection {
	within := func(d time.Duration) v1alpha1.Duration {
		if d == evidence.Never {
			return ""
		}
		return v1alpha1.DurationOf(d)
	}
	return v1alpha1.Detection{
		Weight: weight, RequestsPerMinute: digits(60 * rate * weight.Fraction()),
		Clear: within(f.Clear), Total: within(f.Total), Tenfold: within(f.Tenfold), Threefold: within(f.Threefold), Twofold: within(f.Twofold),
	}
}

// digits writes a number for people, with at least three digits.
func digits(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// TooLittle says in one sentence at which weight a good version waits longer than the plan allows, why, and what to do about it; empty
// when at none.
func TooLittle(plan v1alpha1.ShiftPolicySpec, past *v1alpha1.Baseline, detects []v1alpha1.Detection) string {
	most := plan.Undetermined.After.Duration()
	for _, d := range detects {
		needs := d.Clear.Duration()
		if most <= 0 || d.Clear != "" && needs <= most {
			continue
		}
		takes := "is not cleared within a day"
		if d.Clear != "" {
			takes = "takes about " + needs.String() + " to be cleared"
		}
		then := "it is held until somebody decides"
		if plan.Undetermined.Action == v1alpha1.ActionAbort {
			then = "it is taken back"
		}
		return fmt.Sprintf("at %s a good version %s (%s requests a minute), longer than undetermined.after, which is %s; then %s: let after be longer, or an objective looser%s",
			d.Weight, takes, d.RequestsPerMinute, most, then, slower(past))
	}
	return ""
}

// bursty is the dispersion from which a release is told to be slower for it: well above that of bad requests that come one by one, and
// of a past that is not known.
const bursty = 5

// slower says why a release takes more requests than others do, to be put behind what it waits for; empty when it does not.
func slower(past *v1alpha1.Baseline) string {
	if past == nil {
		return ""
	}
	var all []string
	for _, o := range past.Objectives {
		if o.Dispersion() >= bursty {
			all = append(all, fmt.Sprintf("%s has a dispersion of %s", o.Name, o.Phi))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("; slower, because bad requests of the stable came in bursts, or in too many outages, in the past %s: %s; 1 would be one by one",
		past.History.Duration(), strings.Join(all, ", "))
}
