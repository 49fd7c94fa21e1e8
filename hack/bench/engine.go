package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

// trouble is what a healthy version meets.
type trouble struct {
	what    string
	traffic simulate.Traffic
	canary  simulate.Canary
	weight  v1alpha1.Percentage
}

// troubles come and go, and none is the version's fault. Where pods die, it has four.
func troubles() []trouble {
	var all []trouble
	add := func(what string, weight v1alpha1.Percentage, t simulate.Traffic, c simulate.Canary) {
		all = append(all, trouble{fmt.Sprintf("%s; %g requests/s, weight %s", what, t.Rate, weight), t, c, weight})
	}
	lasting := func(rate float64, over time.Duration) simulate.Traffic {
		t := traffic(rate, 0.005, 20, false)
		t.Over = over
		return t
	}
	add("nothing", "50%", traffic(50, 0.001, 1, false), simulate.Canary{})
	add("nothing", "50%", traffic(1000, 0.001, 1, false), simulate.Canary{})
	add("bursts of 5", "25%", traffic(50, 0.002, 5, false), simulate.Canary{})
	add("bursts of 50, outages", "50%", traffic(1000, 0.005, 50, true), simulate.Canary{})
	add("bursts of 20 over 5 s", "50%", lasting(1000, 5*time.Second), simulate.Canary{})
	add("bursts of 20 over 30 s", "50%", lasting(1000, 30*time.Second), simulate.Canary{})
	short := traffic(1000, 0.001, 1, false)
	short.Outages = simulate.Outages{Every: 10 * time.Minute, Length: 3 * time.Second, Share: 1}
	add("both versions dead for 3 s, every 10 min", "25%", short, simulate.Canary{})
	die := func(what string, pods, perNode int, every, length time.Duration) {
		c := simulate.Canary{Pods: 4, PerNode: perNode, Deaths: simulate.Deaths{Every: every, Length: length, Pods: pods}}
		add(fmt.Sprintf("%s dead for %s, every %.0f min", what, length, every.Minutes()), "50%", traffic(1000, 0.001, 1, false), c)
	}
	for _, length := range []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		die("one pod of four", 1, 1, 24*time.Minute, length)
	}
	die("one pod of four", 1, 1, 40*time.Minute, time.Minute)
	die("a node with two pods of four", 2, 2, 40*time.Minute, 10*time.Second)
	for length := time.Second; length <= 4*time.Second; length += time.Second {
		die("all pods", 4, 1, 40*time.Minute, length)
	}
	return all
}

// directWays are those that are compared in seconds: with and without reading proxies, and the rivals.
func directWays() []way {
	all := []way{
		{"Stagger", simulate.Run},
		{"Stagger, proxies not read", func(s simulate.Setup) (simulate.Outcome, error) {
			s.Direct.Off = true
			return simulate.Run(s)
		}},
	}
	for _, r := range rivals() {
		all = append(all, way{r.name, func(s simulate.Setup) (simulate.Outcome, error) {
			s.Limit = 0
			return simulate.Timed(s, r.make(time.Duration(s.Seed%2)*slice)), nil
		}})
	}
	return all
}

// phase is a number from 0 to 1 of a release; those of many are spread evenly.
func phase(seed uint64) float64 {
	_, x := math.Modf(float64(seed) * (math.Sqrt(5) - 1) / 2)
	return x
}

// runAll runs a release n times, at all phases of the seconds in which proxies are read.
func runAll(w way, s simulate.Setup, n int) ([]simulate.Outcome, error) {
	outcomes := make([]simulate.Outcome, n)
	errs := make([]error, n)
	side(n, func(seed uint64) {
		one := s
		one.Seed, one.Mesh.Lag = seed, 2*time.Second+time.Duration(phase(seed)*float64(time.Second))
		if one.Canary.After > 0 {
			one.Canary.After += time.Duration(phase(seed) * float64(15*time.Second)).Truncate(time.Second)
		}
		outcomes[seed-1], errs[seed-1] = w.run(one)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// aborted is the share of the releases that were, in %, and how often one was braked in the mean.
func aborted(all []simulate.Outcome) (share, brakes float64) {
	for _, o := range all {
		if o.Result == v1alpha1.StateAborted {
			share += 100 / float64(len(all))
		}
		brakes += float64(o.Brakes) / float64(len(all))
	}
	return share, brakes
}

// engineFalseAborts is of whole releases that stay at one weight for two hours.
func engineFalseAborts(out io.Writer, runs int) error {
	all, columns := troubles(), directWays()[:1]
	judges := rivals()
	runs = max(20, runs/10)
	t := newTable(out, len(all), "False aborts of the whole engine", fmt.Sprintf(
		"Healthy versions aborted in %%, with the brakes of a release in brackets, in the mean; whole releases that stay at one weight for two hours, %d runs a cell. A pod that is dead fails all that it is asked, and says that it is ready. The brake and the urgent lane leave one node's pods out; for the evidence of scrapes one pod, or those of one node, are excused where they alone are to blame, five times in a release: a sixth death aborts it. What scrapes bring late of the time before a brake is no evidence. The rivals' rules are asked as in the first table.", runs),
		append(append([]string{"what a healthy version meets"}, waysNames(columns)...), names(judges)...)...)
	for _, c := range all {
		plan := policy(v1alpha1.PaceProof, 1)
		plan.Steps = []v1alpha1.Step{{Weight: c.weight, Hold: "2h"}}
		row := []string{c.what}
		for _, w := range columns {
			outcomes, err := runAll(w, simulate.Setup{Plan: plan, Traffic: c.traffic, Canary: c.canary, Limit: 2*time.Hour + 15*time.Minute}, runs)
			if err != nil {
				return err
			}
			share, brakes := aborted(outcomes)
			text := fmt.Sprintf("%.1f", share)
			if brakes > 0 {
				text += fmt.Sprintf(" (%.2g)", brakes)
			}
			row = append(row, text)
		}
		sights := watch(cell{traffic: c.traffic, weight: c.weight.Fraction(), canary: c.canary}, judges, runs)
		for i := range judges {
			fired := 0.0
			for _, s := range sights {
				if s[i].At >= 0 {
					fired += 100 / float64(runs)
				}
			}
			row = append(row, fmt.Sprintf("%.1f", fired))
		}
		t.add(row...)
	}
	return nil
}

// late is a version that fails when it has much of the traffic already.
type late struct {
	what    string
	canary  simulate.Canary
	traffic simulate.Traffic
}

func lates() []late {
	var all []late
	for _, bad := range []float64{1, 0.3} {
		fails := map[bool]string{true: "total failure", false: "30 % errors"}[bad == 1]
		for _, x := range []struct {
			when  string
			share float64
			after time.Duration
		}{{"late at 5 %", 0.05, time.Minute}, {"on reaching 25 %", 0.25, 0}, {"on reaching 50 %", 0.5, 0}} {
			for _, rate := range []float64{50, 1000, 10000} {
				all = append(all, late{fmt.Sprintf("%s %s, %g requests/s", fails, x.when, rate),
					simulate.Canary{Bad: bad, FromWeight: x.share, After: x.after}, traffic(rate, 0.001, 1, false)})
			}
		}
	}
	return all
}

// seconds is of whole releases of versions that fail late.
func seconds(out io.Writer, runs int) error {
	all, columns := lates(), directWays()
	runs = max(20, runs/10)
	t := newTable(out, len(all), "Failures at much traffic, in seconds", fmt.Sprintf(
		"Whole releases, 1 → 5 → 25 → 50 → 100 %% with two minutes at each at least; %d runs a cell. The requests that failed because of the version, median/95th percentile · seconds from the first of them until no more meet it, median (in brackets until the brake) · false aborts in %% of the same way, of a healthy version in the same traffic in the same release. What was aborted before the version failed is not counted in the first two. The last columns are the medians of others over that of Stagger.",
		runs), append([]string{"version"}, append(waysNames(columns), "F 10/1 : Stagger", "A 10/0 1% : Stagger")...)...)
	healthy := map[string]float64{}
	for _, c := range all {
		row, medians := []string{c.what}, map[string]float64{}
		for _, w := range columns {
			s := simulate.Setup{Plan: policy(v1alpha1.PaceProof, 1), Traffic: c.traffic}
			key := fmt.Sprint(w.name, c.traffic.Rate)
			if _, known := healthy[key]; !known {
				outcomes, err := runAll(w, s, runs)
				if err != nil {
					return err
				}
				healthy[key], _ = aborted(outcomes)
			}
			s.Canary = c.canary
			outcomes, err := runAll(w, s, runs)
			if err != nil {
				return err
			}
			text, median := cost(outcomes)
			medians[w.name] = median
			row = append(row, fmt.Sprintf("%s · %.3g %%", text, healthy[key]))
		}
		for _, other := range []string{"F 10/1", "A 10/0 1%"} {
			row = append(row, fmt.Sprintf("%.1f", medians[other]/medians["Stagger"]))
		}
		t.add(row...)
	}
	return nil
}

// cost is what failing versions cost: requests, and seconds.
func cost(all []simulate.Outcome) (text string, median float64) {
	var failed []float64
	var gone, braked []time.Duration
	for _, o := range all {
		switch {
		case o.Noticed >= 0:
			gone = append(gone, o.Noticed+simulate.DefaultPush)
		case o.Result == v1alpha1.StateAborted:
			continue // before it failed
		default:
			gone = append(gone, never)
		}
		failed = append(failed, o.Excess)
		if o.Braked >= 0 {
			braked = append(braked, o.Braked+simulate.DefaultPush)
		}
	}
	if len(failed) == 0 {
		return "none failed", math.NaN()
	}
	median = at(failed, 0.5)
	if at(gone, 0.5) == never {
		return fmt.Sprintf("%.0f/%.0f · promoted", median, at(failed, 0.95)), median
	}
	text = fmt.Sprintf("%.0f/%.0f · %.3g", median, at(failed, 0.95), at(gone, 0.5).Seconds())
	if 2*len(braked) > len(gone) {
		text += fmt.Sprintf(" (%.2g)", at(braked, 0.5).Seconds())
	}
	return text + " s", median
}

const never = time.Duration(math.MaxInt64)

func at[T cmp.Ordered](all []T, q float64) T {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func waysNames(all []way) []string {
	var names []string
	for _, w := range all {
		names = append(names, w.name)
	}
	return names
}
