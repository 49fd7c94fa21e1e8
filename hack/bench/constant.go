package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/simulate"
)

const (
	hours    = 2 * time.Hour
	reaction = 20 * time.Second // from the close of the deciding slice until no request meets the canary
	alpha    = 0.01
)

// cell is one healthy or broken canary at one weight.
type cell struct {
	traffic simulate.Traffic
	weight  float64
	canary  simulate.Canary
	what    string
}

// traffic drifts by a half, and has an outage of both arms every twenty minutes where it is said.
func traffic(rate, bad, burst float64, outages bool) simulate.Traffic {
	t := simulate.Traffic{Rate: rate, Drift: 0.5, Stable: []float64{bad}, Burst: burst}
	if outages {
		t.Outages = simulate.Outages{Every: 20 * time.Minute, Length: 30 * time.Second}
	}
	return t
}

// engine is the column of the tests: the two lanes as shipped where proxies are not read, with so many objectives and such a ratio.
func engine(ratio float64, objectives int) rival {
	c := evidence.Config{Ratio: ratio}
	for i := range objectives {
		c.Objectives = append(c.Objectives, evidence.Objective{Name: fmt.Sprint(i), Limit: 0.01})
	}
	return rival{fmt.Sprintf("Stagger, ratio %g, %d obj.", ratio, objectives), func(time.Duration) simulate.Judge {
		j, err := simulate.NewSequential(c)
		if err != nil {
			return nil // the configuration is a constant
		}
		return j
	}}
}

// watch shows all columns n canaries; in the second objective, of those columns that have one, they are as good as the stable.
func watch(c cell, columns []rival, n int) [][]simulate.Sight {
	c.traffic.Stable = []float64{c.traffic.Stable[0], c.traffic.Stable[0]}
	sights := make([][]simulate.Sight, n)
	side(n, func(seed uint64) {
		judges := make([]simulate.Judge, len(columns))
		for i, r := range columns {
			judges[i] = r.make(0)
		}
		sights[seed-1] = simulate.Watch(c.traffic, c.canary, c.weight, hours, reaction, seed, judges...)
	})
	return sights
}

func falseAborts(out io.Writer, runs int) error {
	columns := append([]rival{engine(1.2, 1), engine(1.2, 2), engine(1, 1)}, rivals()...)
	var cells []cell
	for _, x := range []struct {
		rate, weight, bad, burst float64
		outages                  bool
	}{
		{5, 0.01, 0.0005, 1, false}, {5, 0.2, 0.005, 1, false}, {5, 0.5, 0.005, 5, true}, {5, 0.5, 0.02, 1, false},
		{100, 0.001, 0.001, 1, false}, {100, 0.01, 0.005, 5, false}, {100, 0.05, 0.001, 1, true}, {100, 0.5, 0.005, 50, true}, {100, 0.9, 0.005, 5, true},
		{1000, 0.001, 0.005, 1, false}, {1000, 0.01, 0.0005, 1, false}, {1000, 0.05, 0.005, 5, true}, {1000, 0.5, 0.0005, 1, false},
		{1000, 0.5, 0.005, 5, true}, {1000, 0.5, 0.02, 50, true}, {1000, 0.9, 0.005, 50, true},
	} {
		cells = append(cells, cell{traffic: traffic(x.rate, x.bad, x.burst, x.outages), weight: x.weight})
	}
	t := newTable(out, len(cells), "False aborts", fmt.Sprintf(
		"Healthy canaries aborted within two hours at one weight, in %%; %d runs a cell. The objective's limit is 1 %%. F: success rate of a minute below 99 %%, every so many seconds, so many failed checks. A: a query over two minutes, every so many seconds, so many failures allowed, bad above so much.",
		runs), append([]string{"healthy canary"}, names(columns)...)...)
	for _, c := range cells {
		sights := watch(c, columns, runs)
		row := []string{named(c.traffic, c.weight)}
		for i := range columns {
			fired := 0.0
			for _, s := range sights {
				if s[i].At >= 0 {
					fired++
				}
			}
			row = append(row, fmt.Sprintf("%.2f", 100*fired/float64(runs)))
		}
		t.add(row...)
	}
	return nil
}

func delays(out io.Writer, runs int) error {
	columns := append([]rival{engine(1.2, 1), engine(1.2, 2), engine(1, 1)}, rivals()...)
	var cells []cell
	for _, x := range []struct{ rate, weight, bad, factor, burst float64 }{
		{1000, 0.001, 0.001, 0, 1}, {100, 0.01, 0.001, 0, 1}, {5, 0.05, 0.005, 0, 1}, {5, 0.5, 0.005, 0, 1}, {100, 0.5, 0.001, 0, 1}, {100, 0.9, 0.005, 0, 1},
		{1000, 0.01, 0.001, 10, 1}, {100, 0.05, 0.001, 10, 1}, {100, 0.2, 0.005, 10, 5}, {5, 0.5, 0.005, 10, 1}, {100, 0.5, 0.005, 10, 1}, {1000, 0.5, 0.0005, 10, 1},
		{100, 0.05, 0.001, 3, 1}, {1000, 0.05, 0.005, 3, 5}, {1000, 0.2, 0.001, 3, 1}, {1000, 0.2, 0.005, 3, 50},
		{1000, 0.05, 0.005, 2, 1}, {1000, 0.5, 0.005, 2, 1}, {100, 0.2, 0.005, 2, 5},
	} {
		c := cell{traffic: traffic(x.rate, x.bad, x.burst, false), weight: x.weight, canary: simulate.Canary{Factor: x.factor}, what: fmt.Sprintf("%g×", x.factor)}
		if x.factor == 0 {
			c.canary, c.what = simulate.Canary{Bad: 1}, "total failure"
		}
		cells = append(cells, c)
	}
	runs = max(100, runs/4)
	t := newTable(out, len(cells), "Delays", fmt.Sprintf(
		"Broken canaries at one weight: median and 95th percentile of the seconds until the abort, and in brackets the requests that failed because of the canary until %s after it, in the mean; %d runs a cell. A dash: not within two hours. The bound is ln(1/alpha) over the information in the counts, for errors that come one by one.",
		reaction, runs), append([]string{"canary", "bound"}, names(columns)...)...)
	for _, c := range cells {
		sights := watch(c, columns, runs)
		row := []string{c.what + ": " + named(c.traffic, c.weight), fmt.Sprintf("%.3g", bound(c))}
		for i := range columns {
			var at []float64
			excess := 0.0
			for _, s := range sights {
				excess += s[i].Excess / float64(runs)
				seconds := math.Inf(1)
				if s[i].At >= 0 {
					seconds = s[i].At.Seconds()
				}
				at = append(at, seconds)
			}
			slices.Sort(at)
			row = append(row, fmt.Sprintf("%s/%s (%.3g)", short(at[len(at)/2]), short(at[len(at)*95/100]), excess))
		}
		t.add(row...)
	}
	return nil
}

func short(seconds float64) string {
	if math.IsInf(seconds, 1) {
		return "-"
	}
	return fmt.Sprintf("%.0f", seconds)
}

// bound is ln(1/alpha)/I, I being the information per second that tells the two arms' rates apart when both are unknown
// (Kullback-Leibler divergences from their common rate).
func bound(c cell) float64 {
	bad := c.traffic.Stable[0]
	worse := min(1, max(c.canary.Bad, bad*c.canary.Factor))
	common := c.weight*worse + (1-c.weight)*bad
	divergence := func(p, q float64) float64 {
		d := 0.0
		if p > 0 {
			d += p * math.Log(p/q)
		}
		if p < 1 {
			d += (1 - p) * math.Log((1-p)/(1-q))
		}
		return d
	}
	return math.Log(1/alpha) / (c.traffic.Rate * (c.weight*divergence(worse, common) + (1-c.weight)*divergence(bad, common)))
}

func names(columns []rival) []string {
	var all []string
	for _, c := range columns {
		all = append(all, c.name)
	}
	return all
}
