package main

import (
	"fmt"
	"io"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

// policy is the shipped one, with objectives that allow 1 % of bad requests, as the rivals' limits do.
func policy(pace v1alpha1.PaceType, objectives int) v1alpha1.ShiftPolicySpec {
	p := v1alpha1.ShiftPolicySpec{
		Pace:       v1alpha1.Pace{Type: pace},
		Confidence: v1alpha1.Confidence{FalseAbort: "1%", FalsePromote: "5%"}, Tolerance: "1.2", Warmup: "30s",
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold},
		SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload:     v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
	for _, weight := range []v1alpha1.Percentage{"1%", "5%", "25%", "50%", "100%"} {
		p.Steps = append(p.Steps, v1alpha1.Step{Weight: weight, Hold: "2m"})
	}
	for i := range objectives {
		o := v1alpha1.Objective{Name: fmt.Sprint(i), Indicator: v1alpha1.IndicatorRequests, Target: "99%"}
		if i > 0 {
			o.Indicator, o.Threshold = v1alpha1.IndicatorDuration, "500ms" // proxies tell of requests alone
		}
		p.Objectives = append(p.Objectives, o)
	}
	return p
}

// way is one way to release.
type way struct {
	name string
	run  func(simulate.Setup) (simulate.Outcome, error)
}

func ways() []way {
	by := func(name string, pace v1alpha1.PaceType, objectives int, unread bool) way {
		return way{name, func(s simulate.Setup) (simulate.Outcome, error) {
			s.Plan, s.Direct.Off = policy(pace, objectives), unread
			for len(s.Traffic.Stable) < objectives {
				s.Traffic.Stable = append(s.Traffic.Stable, s.Traffic.Stable[0])
			}
			return simulate.Run(s)
		}}
	}
	all := []way{
		by("Stagger", v1alpha1.PaceProof, 1, false), by("Stagger, proxies not read", v1alpha1.PaceProof, 1, true), by("Stagger, 2 obj.", v1alpha1.PaceProof, 2, false),
		by("Stagger, fixed pace", v1alpha1.PaceFixed, 1, false),
	}
	for _, r := range rivals() {
		all = append(all, way{r.name, func(s simulate.Setup) (simulate.Outcome, error) {
			s.Plan = policy(v1alpha1.PaceFixed, 1)
			return simulate.Timed(s, r.make(0)), nil
		}})
	}
	return all
}

// story is a version and its traffic.
type story struct {
	what    string
	traffic simulate.Traffic
	canary  simulate.Canary
}

func stories() []story {
	var all []story
	add := func(what string, t simulate.Traffic, c simulate.Canary) {
		all = append(all, story{fmt.Sprintf("%s, %g requests/s", what, t.Rate), t, c})
	}
	for _, rate := range []float64{5, 50, 1000, 10000} {
		add("healthy", traffic(rate, 0.001, 1, false), simulate.Canary{})
	}
	add("healthy, bursts of 5", traffic(50, 0.002, 5, false), simulate.Canary{})
	add("healthy, bursts of 5, outages", traffic(1000, 0.002, 5, true), simulate.Canary{})
	add("healthy, 20 % errors in its first 30 s", traffic(1000, 0.001, 1, false), simulate.Canary{Warming: 0.2})
	for _, rate := range []float64{5, 50, 1000, 10000} {
		add("total failure", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 1})
		add("30 % errors", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 0.3})
		add("3 % errors", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 0.03})
	}
	for _, rate := range []float64{50, 1000} {
		add("total failure from 2 min on", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 1, From: 2 * time.Minute})
		add("total failure on reaching 25 %", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 1, FromWeight: 0.25})
		add("at the limit (1 %)", traffic(rate, 0.001, 1, false), simulate.Canary{Bad: 0.01})
		add("10×, half the limit", traffic(rate, 0.0005, 1, false), simulate.Canary{Bad: 0.005})
	}
	return all
}

func releases(out io.Writer, runs int) error {
	all, columns := stories(), ways()
	runs = max(20, runs/10)
	head := []string{"version"}
	for _, w := range columns {
		head = append(head, w.name)
	}
	t := newTable(out, len(all), "Whole releases", fmt.Sprintf(
		"1 → 5 → 25 → 50 → 100 %%, each held for two minutes at least; %d runs a cell, scrapes every 15 s, at most four hours. Promoted/aborted in %%, median time of the commoner end, and the requests that failed because of the version: median/95th percentile.", runs), head...)
	for _, s := range all {
		row := []string{s.what}
		for _, w := range columns {
			outcomes := make([]simulate.Outcome, runs)
			errs := make([]error, runs)
			side(runs, func(seed uint64) {
				outcomes[seed-1], errs[seed-1] = w.run(simulate.Setup{Traffic: s.traffic, Canary: s.canary, Seed: seed})
			})
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			row = append(row, summary(outcomes))
		}
		t.add(row...)
	}
	return nil
}

func summary(outcomes []simulate.Outcome) string {
	s := simulate.Summarize(outcomes)
	took := "-"
	if s.Took > 0 {
		took = s.Took.Round(time.Second).String()
	}
	return fmt.Sprintf("%.3g/%.3g · %s · %.2g/%.2g", 100*s.Promoted, 100*s.Aborted, took, s.Excess[0], s.Excess[1])
}
