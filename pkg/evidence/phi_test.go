package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestPhiOfHistories(t *testing.T) {
	repeat := func(n int, c ...Counts) []Counts { return slices.Repeat(c, n) }
	quiet := Counts{1000, 1}
	bursts := repeat(100, Counts{1000, 0}, Counts{1000, 1000})
	cases := map[string]struct {
		history []Counts
		want    string
		counts  Counts
	}{
		"the worked example":              {[]Counts{{1000, 4}, {1000, 6}, {1000, 0}, {1000, 10}, {500, 1}, {1000, 2}}, "4.219", Counts{5500, 23}},
		"nothing":                         {nil, "2.500", Counts{}},
		"one tick, no pair":               {repeat(1, quiet), "2.500", quiet},
		"no requests":                     {repeat(60, Counts{}), "2.500", Counts{}},
		"no number":                       {repeat(60, Counts{math.NaN(), math.Inf(1)}), "2.500", Counts{}},
		"far too even":                    {repeat(200, Counts{1000, 5}), "1.000", Counts{200_000, 1000}},
		"bursts without end":              {bursts, "200.000", Counts{200_000, 100_000}},
		"more bad requests than requests": {repeat(100, Counts{100, 150}, Counts{100, 100}), "2.500", Counts{20_000, 25_000}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := Disperse(c.history, 0.01)
			if got := fmt.Sprintf("%.3f", d.Phi); got != c.want || d.Counts != c.counts || d.Outages != 0 {
				t.Errorf("dispersion %+v, want phi %s from %v", d, c.want, c.counts)
			}
		})
	}
}

// day is a day of 3000 requests a minute of which three fail now and then, with other ticks from some minutes on.
func day(at map[int][]Counts) []Counts {
	r := rand.New(rand.NewPCG(1, 1))
	history := make([]Counts, 24*60)
	for i := range history {
		history[i] = Counts{3000, float64(poisson(r, 1.5))}
	}
	for i, ticks := range at {
		copy(history[i:], ticks)
	}
	return history
}

func TestRareOutagesAreLeftOut(t *testing.T) {
	down := func(seconds ...float64) (ticks []Counts) {
		for _, s := range seconds {
			ticks = append(ticks, Counts{3000, 50 * s})
		}
		return ticks
	}
	cases := map[string]struct {
		at      map[int][]Counts
		minutes int
	}{
		"none":                                {nil, 0},
		"34 s within a minute":                {map[int][]Counts{300: down(34)}, 3},
		"34 s in two":                         {map[int][]Counts{300: down(20, 14)}, 4},
		"34 s, the last of them in the next":  {map[int][]Counts{300: down(33.5, 0.5)}, 3},
		"34 s, now":                           {map[int][]Counts{1439: down(34)}, 2},
		"34 s, a day ago":                     {map[int][]Counts{0: down(34)}, 2},
		"an hour":                             {map[int][]Counts{300: slices.Repeat(down(60), 60)}, 62},
		"a third of the requests for 2 min":   {map[int][]Counts{300: down(10, 20, 10)}, 5},
		"3 % of the requests for 10 min":      {map[int][]Counts{300: slices.Repeat(down(1.8), 10)}, 12},
		"on and off for a quarter of an hour": {map[int][]Counts{300: down(30, 0, 0, 0, 0, 40, 0, 0, 20, 0, 0, 0, 40, 20, 5)}, 17},
		"two":                                 {map[int][]Counts{300: down(34), 900: down(50, 10)}, 7},
		"no request in the middle of one":     {map[int][]Counts{300: {{3000, 1000}, {}, {3000, 2000}}}, 5},
	}
	usual := Disperse(day(nil), 0.01).Phi
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := Disperse(day(c.at), 0.01)
			if d.Outages != time.Duration(c.minutes)*time.Minute || math.Abs(d.Phi/usual-1) > 0.1 {
				t.Errorf("dispersion %+v, want phi %v and %d min left out", d, usual, c.minutes)
			}
		})
	}
}

func TestWhatIsNoRareOutageIsNotLeftOut(t *testing.T) {
	short, down := Counts{3000, 10 * 50}, Counts{3000, 34 * 50}
	every := func(minutes int, c Counts) map[int][]Counts {
		at := map[int][]Counts{}
		for i := minutes / 2; i < 24*60; i += minutes {
			at[i] = []Counts{c}
		}
		return at
	}
	cases := map[string][]Counts{
		"bursts of ten seconds":          day(every(700, short)),
		"three outages a day":            day(every(470, down)),
		"an outage each hour":            day(every(60, down)),
		"two in an hour":                 day(every(30, down))[:60],
		"most of the history is outages": append(day(nil)[:20], append(slices.Repeat([]Counts{{3000, 1500}}, 20), Counts{3000, 0}, Counts{3000, 3000})...),
		// Nobody would see an outage in a burst of fifty among bursts of thirty.
		"a burst as large as others": append(slices.Repeat([]Counts{{150, 0}, {150, 0}, {150, 0}, {150, 30}}, 360), Counts{150, 50}),
	}
	for name, history := range cases {
		t.Run(name, func(t *testing.T) {
			if d := Disperse(history, 0.01); d.Outages > 0 || d.Phi < 15 {
				t.Errorf("dispersion %+v", d)
			}
		})
	}
	long := append(day(every(60, short)), slices.Repeat([]Counts{{3000, 3000}}, 400)...)
	if d, bursts := Disperse(long, 0.01), Disperse(day(every(60, short)), 0.01); d.Phi < bursts.Phi {
		t.Errorf("a long outage hides bursts: phi %v instead of %v", d.Phi, bursts.Phi)
	}
}

func TestAnOutageMakesAHistoryTooShort(t *testing.T) {
	hour := slices.Repeat([]Counts{{3000, 3}}, 60)
	if !Enough(hour, 0.01) || Enough(hour[:29], 0.01) {
		t.Error("thirty minutes with bad requests have to do, and no fewer")
	}
	hour[20].Bad = 2000
	if Enough(hour, 0.01) {
		t.Error("an hour does not show whether outages are rare")
	}
}

// stable is a service that fails in bursts of geometric size, in swings of half the rate within an hour.
type stable struct{ rate, bad, burst float64 }

// minutes are a day of it, with 34 s of it in which all requests fail when there is an outage.
func (s stable) minutes(r *rand.Rand, outage bool) []Counts {
	var history []Counts
	phase, at := 2*math.Pi*r.Float64(), r.IntN(23*3600)
	for i := range 24 * 60 {
		swing := 1 + 0.5*math.Sin(2*math.Pi*float64(i)/60+phase)
		requests := poisson(r, 60*s.rate*swing)
		failed := s.failed(r, requests, s.bad*swing)
		if down := min(60*(i+1), at+34) - max(60*i, at); outage && down > 0 {
			failed = max(failed, requests*down/60)
		}
		history = append(history, Counts{float64(requests), float64(failed)})
	}
	return history
}

func (s stable) failed(r *rand.Rand, requests int, bad float64) int {
	k := 0
	for range poisson(r, float64(requests)*bad/s.burst) {
		k++
		for r.Float64() > 1/s.burst {
			k++
		}
	}
	return min(k, requests)
}

// promotes tells whether a version that fails in the same bursts, and just as often as is not allowed, is promoted within three hours
// at half of the traffic.
func (s stable) promotes(r *rand.Rand, limit, phi float64) bool {
	c := Counts{}
	for range 3 * 60 * 4 {
		requests := poisson(r, s.rate/2*15)
		c.add(float64(requests), float64(s.failed(r, requests, limit)))
		if Clearance(c, limit, phi) >= 20 {
			return true
		}
	}
	return false
}

// TestPhiIsThatOfTheBursts looks at days with and without an outage. The true dispersion of bursts of mean b is 2b-1, and a quarter is
// added. At 5 % a promotion of a version at the limit is as likely as may be.
func TestPhiIsThatOfTheBursts(t *testing.T) {
	t.Parallel()
	const limit, days = 0.01, 100
	for _, s := range []stable{
		{5, 0.001, 1}, {5, 0.001, 5}, {5, 0.008, 20}, {5, 0.008, 50}, {20, 0.001, 20},
		{50, 0.0005, 1}, {50, 0.001, 5}, {50, 0.001, 50}, {50, 0.008, 50}, {1000, 0.0005, 5},
	} {
		for _, outage := range []bool{false, true} {
			r := rand.New(rand.NewPCG(7, 7))
			var phis []float64
			promoted := 0
			for range days {
				d := Disperse(s.minutes(r, outage), limit)
				phis = append(phis, d.Phi)
				if s.promotes(r, limit, d.Phi) {
					promoted++
				}
			}
			slices.Sort(phis)
			truth, median := 2*s.burst-1, phis[days/2]
			t.Logf("%v, outage %v: phi %.1f/%.1f/%.1f, promoted at the limit %d of %d", s, outage, phis[days/20], median, phis[days-days/20], promoted, days)
			// With an outage at little traffic and in large bursts nobody can tell one from the other, and phi is larger.
			if median < truth || median > 1.6*max(2, truth) || promoted > days/20 {
				t.Errorf("%v, outage %v: phi %.1f where %.1f is true; promoted at the limit %d of %d", s, outage, median, truth, promoted, days)
			}
		}
	}
}

func poisson(r *rand.Rand, mean float64) int {
	if mean > 60 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	k := 0
	for p, least := r.Float64(), math.Exp(-mean); p > least; p *= r.Float64() {
		k++
	}
	return k
}
