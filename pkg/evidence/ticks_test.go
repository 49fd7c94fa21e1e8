package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// steady is a day of a stable at so many requests a second, in steps of five seconds.
type steady struct {
	rate, bad float64
	// burst is how many bad requests come together in the mean, within a time.
	burst  float64
	within time.Duration
}

const stepOfDay = 5 * time.Second

func (x steady) day(r *rand.Rand) []Counts {
	seconds := stepOfDay.Seconds()
	history := make([]Counts, int(TickHistory/stepOfDay))
	for i := range history {
		history[i].Requests = float64(poisson(r, x.rate*seconds))
	}
	for i := range history {
		for range poisson(r, x.rate*seconds*x.bad/x.burst) {
			begin := (float64(i) + r.Float64()) * seconds
			for size := 1; ; size++ {
				at := int((begin + r.Float64()*x.within.Seconds()) / seconds)
				if at < len(history) {
					history[at].Bad = min(history[at].Bad+1, history[at].Requests)
				}
				if r.Float64() < 1/x.burst {
					break
				}
			}
		}
	}
	return history
}

func TestTheTickOutlastsTheBursts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		steady
		want time.Duration // a minute: none shorter
	}{
		"one by one, 100/s":         {steady{100, 0.001, 1, 0}, 5 * time.Second},
		"one by one, 1000/s":        {steady{1000, 0.005, 1, 0}, 5 * time.Second},
		"bursts at once, 100/s":     {steady{100, 0.005, 5, 0}, 5 * time.Second},
		"bursts within 5 s, 1000/s": {steady{1000, 0.002, 20, 2 * time.Second}, 5 * time.Second},
		"bursts over 15 s, 1000/s":  {steady{1000, 0.002, 20, 15 * time.Second}, 30 * time.Second},
		"bursts over 15 s, 200/s":   {steady{200, 0.005, 20, 15 * time.Second}, 30 * time.Second},
		"bursts over 60 s, 1000/s":  {steady{1000, 0.002, 20, 60 * time.Second}, time.Minute},
		"bursts over 120 s, 1000/s": {steady{1000, 0.002, 20, 120 * time.Second}, time.Minute},
		"too few bad requests, 5/s": {steady{5, 0.0005, 1, 0}, time.Minute},
		"too few bursts, 100/s":     {steady{100, 0.001, 50, 0}, time.Minute},
		"no bad request":            {steady{100, 0, 1, 0}, time.Minute},
		"bursts over 30 s, 1000/s":  {steady{1000, 0.002, 20, 30 * time.Second}, time.Minute},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 5))
			chosen := map[time.Duration]int{}
			for range 20 {
				d, ok := TickOf(x.day(r), stepOfDay, 0.01)
				if !ok {
					d = time.Minute
				}
				chosen[d]++
				if d < x.want {
					t.Errorf("%s is chosen, shorter than the bursts", d)
				}
			}
			if chosen[x.want] < 16 {
				t.Errorf("chosen %v, want %s", chosen, x.want)
			}
		})
	}
}

func TestATickIsChosenFromAWholeDayOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	day := steady{100, 0.005, 1, 0}.day(r)
	outage := slices.Clone(day)
	for i := range 12 {
		outage[5000+i].Bad = outage[5000+i].Requests
	}
	broken := slices.Clone(day)
	broken[7].Bad = math.NaN()
	cases := map[string]struct {
		history []Counts
		step    time.Duration
		want    time.Duration
	}{
		"a day":                        {day, stepOfDay, 5 * time.Second},
		"longer steps":                 {added(day, 3), 15 * time.Second, 15 * time.Second},
		"steps as long as the longest": {added(day, 12), time.Minute, time.Minute},
		"steps that divide no tick":    {added(day, 8), 40 * time.Second, 0},
		"a rare outage":                {outage, stepOfDay, 5 * time.Second},
		"a step that is no count":      {broken, stepOfDay, 5 * time.Second},
		"a step less":                  {day[1:], stepOfDay, 0},
		"an hour":                      {day[:720], stepOfDay, 0},
		"nothing":                      {nil, stepOfDay, 0},
		"no step":                      {day, 0, 0},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			if got, ok := TickOf(x.history, x.step, 0.01); got != x.want || ok != (x.want > 0) {
				t.Errorf("got %s, %t; want %s", got, ok, x.want)
			}
		})
	}
}

func TestNoTickIsFinerThanTheReports(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		time.Second: 5 * time.Second, 5 * time.Second: 5 * time.Second, 10 * time.Second: 15 * time.Second, 15 * time.Second: 15 * time.Second,
		30 * time.Second: 30 * time.Second, time.Minute: 0, 5 * time.Minute: 0,
	} {
		got, ok := TickStep(interval, time.Minute)
		if !ok {
			got = 0
		}
		if got != want {
			t.Errorf("%s between reports: %s, want %s", interval, got, want)
		}
	}
	if _, ok := TickStep(time.Second, 5*time.Second); ok {
		t.Error("a tick of five seconds needs no choice")
	}
}

// A healthy version of a stable with bursts is aborted no more often with the tick that is chosen from the day before.
func TestTheChosenTickAbortsNoHealthyVersion(t *testing.T) {
	t.Parallel()
	for _, x := range []steady{{100, 0.002, 1, 0}, {1000, 0.002, 20, 2 * time.Second}, {1000, 0.002, 20, 15 * time.Second}} {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 5))
			d, ok := TickOf(x.day(r), stepOfDay, 0.01)
			if !ok {
				t.Fatal("no tick is chosen")
			}
			const hours, share = 24 * 4, 0.2
			aborted := 0
			stable, canary := x, x
			stable.rate, canary.rate = x.rate*(1-share), x.rate*share
			for range hours / 24 {
				n, c := stable.day(r), canary.day(r)
				for from := 0; from < len(n); from += 1440 { // releases of two hours
					tests, f := begin(t, oneObjective().WithTick(d)), newFlow()
					for i := from; i < from+1440; i++ {
						tests.Add(f.next(1, n[i], c[i]))
					}
					if tests.Verdict(Question{NextWeight: 1}).State == Breach {
						aborted++
					}
				}
			}
			if aborted > 1 {
				t.Errorf("tick %s: %d of %d healthy releases are aborted", d, aborted, hours/2)
			}
		})
	}
}
