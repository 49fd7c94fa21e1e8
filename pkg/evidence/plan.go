package evidence

import (
	"strconv"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ConfigOf is what the tests of a release by a plan tolerate. Baseline is what the stable's past says; nil when it is not
// known. The ticks' lengths are left to the defaults, or to what was chosen by the past.
func ConfigOf(plan v1alpha1.ShiftPolicySpec, baseline *v1alpha1.Baseline) Config {
	c := Config{
		FalseAbort: plan.Confidence.FalseAbort.Fraction(), FalsePromote: plan.Confidence.FalsePromote.Fraction(),
		Warmup: plan.Warmup.Duration(),
	}
	if ratio, err := strconv.ParseFloat(plan.Tolerance, 64); err == nil {
		c.Ratio = ratio
	}
	known := map[string]float64{}
	if baseline != nil {
		c = c.WithTick(baseline.Tick.Duration())
		for _, o := range baseline.Objectives {
			known[o.Name] = o.Dispersion()
		}
	}
	for _, o := range plan.Objectives {
		c.Objectives = append(c.Objectives, Objective{
			Name: o.Name, Limit: float64(v1alpha1.Whole-o.Target.Millionths()) / v1alpha1.Whole, Weight: float64(o.Weight),
		})
		c.Phi = append(c.Phi, max(1, or(known[o.Name], DefaultPhi)))
	}
	return c
}

// Of is the dispersion for the record, for an objective of that name.
func (d Dispersion) Of(name string) v1alpha1.BaselineObjective {
	o := v1alpha1.BaselineObjective{
		Name: name, Phi: strconv.FormatFloat(d.Phi, 'g', 4, 64),
		Counts: v1alpha1.ArmCounts{Requests: int64(d.Counts.Requests), Bad: int64(d.Counts.Bad)},
	}
	if d.Outages > 0 {
		o.Outages = v1alpha1.DurationOf(d.Outages)
	}
	return o
}

// ClientErrors says how the arms' shares of client errors are compared: the canary's may be as many times the stable's as the plan tolerates,
// and a hundredth of its requests whatever the stable does. The objective has no limit of its own but half of the requests, twice the
// stable's share where that is more.
func ClientErrors(plan v1alpha1.ShiftPolicySpec) Config {
	c := ConfigOf(plan, nil)
	c.Objectives, c.Phi = []Objective{{Name: "client-errors", Limit: 0.5, Floor: 0.01}}, nil
	return c
}

// TrafficOf is the traffic of a Service with such a past, by the plan's objectives. Half a bad request is added, so that what has not
// failed yet is not taken for what never does.
func TrafficOf(plan v1alpha1.ShiftPolicySpec, past *v1alpha1.Baseline) Traffic {
	at := Traffic{Rate: past.Rate()}
	bad := map[string]float64{}
	for _, o := range past.Objectives {
		if o.Counts.Requests > 0 {
			bad[o.Name] = (float64(o.Counts.Bad) + 0.5) / float64(o.Counts.Requests)
		}
	}
	for _, o := range ConfigOf(plan, nil).Objectives {
		share, known := bad[o.Name]
		if !known {
			share = unknownBad * o.Limit
		}
		at.Bad = append(at.Bad, min(1, share))
	}
	return at
}
