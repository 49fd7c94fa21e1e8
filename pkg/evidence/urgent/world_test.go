package urgent

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// world makes the seconds of a Service that has a healthy canary but for what is done to it.
type world struct {
	rate, weight float64 // requests per second of both arms, and the canary's share
	bad          float64 // the share of bad requests of both
	burst        float64 // bad requests come so many at a time, in the mean, within a second
	groups       int
	faults       []fault
}

// fault is what happens for some seconds, so many times in a run, at times that nobody chooses.
type fault struct {
	what    int
	seconds int
	times   int
}

const (
	ofBoth   = iota // all requests of both arms fail
	ofGroup         // one group fails, and meets more requests than its share, as one that answers at once does
	ofCanary        // the whole canary fails
)

// run gives the seconds of a run to each, until that has enough.
func (w world) run(r *rand.Rand, seconds int, each func(int, Second) (enough bool)) {
	failing := make([]*fault, seconds+1)
	for i := range w.faults {
		f := &w.faults[i]
		part := seconds / f.times
		for j := range f.times {
			from := j*part + r.IntN(part-f.seconds)
			for at := from; at < from+f.seconds; at++ {
				failing[at] = f
			}
		}
	}
	victim := 0
	for at := range seconds {
		if at > 0 && failing[at] != nil && failing[at-1] == nil {
			victim = r.IntN(w.groups)
		}
		if each(at, w.second(r, failing[at], victim)) {
			return
		}
	}
}

func (w world) second(r *rand.Rand, f *fault, victim int) Second {
	s := Second{Stable: w.counts(r, 1-w.weight)}
	for g := range w.groups {
		share := w.weight / float64(w.groups)
		if f != nil && f.what == ofGroup {
			more := 2 - 1/float64(w.groups)
			if g != victim {
				more = (float64(w.groups) - more) / float64(w.groups-1)
			}
			share *= more
		}
		n := w.counts(r, share)
		if f != nil && (f.what != ofGroup || g == victim) {
			n.Bad = n.Requests
		}
		s.Canary = append(s.Canary, Group{strconv.Itoa(g), n})
	}
	if f != nil && f.what == ofBoth {
		s.Stable.Bad = s.Stable.Requests
	}
	return s
}

// counts are those of a part of the requests in a second.
func (w world) counts(r *rand.Rand, share float64) Counts {
	c := Counts{Requests: poisson(r, w.rate*share)}
	burst := max(w.burst, 1)
	for range int(poisson(r, w.rate*share*w.bad/burst)) {
		c.Bad += 1 + math.Floor(r.ExpFloat64()*(burst-1))
	}
	c.Bad = min(c.Bad, c.Requests)
	return c
}

func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	n, least := 0.0, math.Exp(-mean)
	for p := r.Float64(); p > least; p *= r.Float64() {
		n++
	}
	return n
}

// TestAHealthyCanaryIsNotAborted has the faults of two hours in twenty minutes. Of a thousand releases, a fifth of falseAbort allows two;
// in longer simulations there were none in any of these cells.
func TestAHealthyCanaryIsNotAborted(t *testing.T) {
	const runs, seconds = 20, 20 * 60
	cells := map[string]world{
		"little traffic":                {rate: 5, weight: 0.2, bad: 0.005, groups: 1},
		"small bursts":                  {rate: 50, weight: 0.25, bad: 0.002, burst: 5, groups: 2},
		"heavy bursts":                  {rate: 100, weight: 0.5, bad: 0.005, burst: 50, groups: 4},
		"common outages":                {rate: 1000, weight: 0.25, bad: 0.001, groups: 4, faults: []fault{{ofBoth, 3, 12}}},
		"common outages, few requests":  {rate: 20, weight: 0.5, bad: 0.001, groups: 2, faults: []fault{{ofBoth, 3, 12}}},
		"common outages, little stable": {rate: 300, weight: 0.95, bad: 0.001, groups: 3, faults: []fault{{ofBoth, 3, 12}}},
		"one of four groups dead":       {rate: 1000, weight: 0.5, bad: 0.001, groups: 4, faults: []fault{{ofGroup, 10, 5}}},
		"one of two groups dead":        {rate: 50, weight: 0.5, bad: 0.001, groups: 2, faults: []fault{{ofGroup, 30, 5}}},
		"all of it dead for 1 s":        {rate: 1000, weight: 0.25, bad: 0.001, groups: 3, faults: []fault{{ofCanary, 1, 3}}},
		"all of it dead for 2 s":        {rate: 1000, weight: 0.25, bad: 0.001, groups: 3, faults: []fault{{ofCanary, 2, 3}}},
		"all of it dead for 3 s":        {rate: 1000, weight: 0.25, bad: 0.001, groups: 3, faults: []fault{{ofCanary, 3, 3}}},
		"all of it dead for 4 s":        {rate: 1000, weight: 0.25, bad: 0.001, groups: 3, faults: []fault{{ofCanary, 4, 1}}},
		"its only group dead for 3 s":   {rate: 50, weight: 0.1, bad: 0.001, groups: 1, faults: []fault{{ofCanary, 3, 3}}},
	}
	for name, w := range cells {
		t.Run(name, func(t *testing.T) {
			episodes, richest := int64(0), 0.0
			for seed := range uint64(runs) {
				l := New(config())
				w.run(rand.New(rand.NewPCG(seed, 10)), seconds, func(at int, s Second) bool {
					sign := l.Next(s)
					richest = max(richest, sign.Wealth)
					if sign.Abort {
						t.Errorf("run %d aborts in second %d", seed, at)
					}
					return sign.Abort
				})
				episodes += l.purses[0].episodes
			}
			t.Logf("%.2f episodes in a run, the largest wealth is %.3g", float64(episodes)/runs, richest)
		})
	}
}

// TestWealthIsWonNoMoreOftenThanVilleAllows looks at the edge of what a version may do: the largest wealth reaches c in one run of c at
// most. All that may happen does, in seconds that chance chooses: the canary fails one second in ten whole, or both arms as one, and one
// group is dead.
func TestWealthIsWonNoMoreOftenThanVilleAllows(t *testing.T) {
	const runs, seconds, wealth = 1000, 60, 5.0
	for name, second := range map[string]func(r *rand.Rand) Second{
		"one second in ten": func(r *rand.Rand) Second {
			s := of(7, 7, 20, 0, 20, 0, 60, 0)
			if r.IntN(10) == 0 {
				s = of(7, 7, 20, 20, 20, 20, 60, 0)
			}
			return s
		},
		"both arms as one": func(r *rand.Rand) Second {
			u := []float64{0.1, 0.4, 0.6}[r.IntN(3)]
			fail := func(n int, u float64) (k float64) {
				for range n {
					if r.Float64() < u {
						k++
					}
				}
				return k
			}
			return of(7, 7, 3, fail(3, 1.2*u), 3, fail(3, 1.2*u), 2, fail(2, u))
		},
	} {
		t.Run(name, func(t *testing.T) {
			reached, episodes := 0, int64(0)
			for seed := range uint64(runs) {
				r, l := rand.New(rand.NewPCG(seed, 11)), New(Config{Tolerance: 1.2, Threshold: wealth})
				for range seconds {
					if l.Next(second(r)).Abort {
						reached++
						break
					}
				}
				episodes += l.purses[0].episodes
			}
			share, sigma := float64(reached)/runs, math.Sqrt(1/wealth*(1-1/wealth)/runs)
			t.Logf("%.4f of the runs reach %v, in %.2f episodes each", share, wealth, float64(episodes)/runs)
			if share > 1/wealth+3*sigma {
				t.Errorf("%.4f of the runs reach %v", share, wealth)
			}
			if episodes < runs/2 {
				t.Errorf("there were %d episodes in %d runs: nothing was bet", episodes, runs)
			}
		})
	}
}

// TestATotalFailureIsSeenWithinSeconds measures from the second in which all begins to fail.
func TestATotalFailureIsSeenWithinSeconds(t *testing.T) {
	const runs, from, never = 201, 20, 1000
	cells := map[string]struct {
		w            world
		abort, brake int // seconds at the most, in one run of two
	}{
		"2.5 requests/s of one group":   {world{rate: 50, weight: 0.05, bad: 0.001, groups: 1}, 13, 3},
		"2.5 requests/s of two groups":  {world{rate: 50, weight: 0.05, bad: 0.001, groups: 2}, 13, 6},
		"2.5 of 5 requests/s":           {world{rate: 5, weight: 0.5, bad: 0.001, groups: 2}, 16, 6},
		"12.5 requests/s of two groups": {world{rate: 50, weight: 0.25, bad: 0.001, groups: 2}, 7, 1},
		"250 requests/s of three":       {world{rate: 1000, weight: 0.25, bad: 0.001, groups: 3}, 6, 1},
		"5000 requests/s of sixteen":    {world{rate: 10000, weight: 0.5, bad: 0.001, groups: 16}, 6, 1},
	}
	for name, tc := range cells {
		t.Run(name, func(t *testing.T) {
			var aborts, brakes []int
			for seed := range uint64(runs) {
				l, brake, abort := New(config()), never, never
				r := rand.New(rand.NewPCG(seed, 12))
				tc.w.run(r, from+120, func(at int, s Second) bool {
					if at >= from {
						s = tc.w.second(r, &fault{what: ofCanary}, 0)
					}
					sign := l.Next(s)
					if sign.Brake && at >= from {
						brake = min(brake, at-from+1)
					}
					if sign.Abort {
						abort = at - from + 1
					}
					return sign.Abort
				})
				aborts, brakes = append(aborts, abort), append(brakes, brake)
			}
			slices.Sort(aborts)
			slices.Sort(brakes)
			t.Logf("half of the runs and 19 of 20: aborts after %d and %d s, brakes after %d and %d s",
				aborts[runs/2], aborts[runs*19/20], brakes[runs/2], brakes[runs*19/20])
			if aborts[runs/2] > tc.abort || brakes[runs/2] > tc.brake {
				t.Errorf("aborts after %d s, want %d; brakes after %d s, want %d", aborts[runs/2], tc.abort, brakes[runs/2], tc.brake)
			}
		})
	}
}
