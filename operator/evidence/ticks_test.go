package evidence

import (
	"math/rand/v2"
	"testing"
	"time"
)

// bursts lets bad requests of the stable come so many at a time, each in one of the slices that follow, since a time before noon.
func (b *bench) bursts(since time.Duration, size, over int) {
	r := rand.New(rand.NewPCG(1, 2))
	begin := noon.Add(-since)
	b.store.requests[stable] = nil
	bad := make([]float64, int(since/slice))
	for range len(bad) / 4 {
		at := r.IntN(len(bad))
		for range size {
			bad[min(at+r.IntN(over), len(bad)-1)]++
		}
	}
	for i, n := range bad {
		at := begin.Add(time.Duration(i)*slice + time.Second)
		b.store.observe(stable, at, "200", 500)
		b.store.observe(stable, at, "503", n)
	}
}

func TestTheTickIsChosenFromTheDayBefore(t *testing.T) {
	const day = 25 * time.Hour
	quarter := 15 * time.Second
	cases := map[string]struct {
		since          time.Duration
		size, over     int
		interval, slow time.Duration
		fast, want     time.Duration
	}{
		"one by one":                   {day, 1, 1, slice, 0, slice, slice},
		"in bursts over half a minute": {day, 10, 6, slice, 0, 0, time.Minute},
		"scraped each 15 s":            {day, 1, 1, quarter, 0, quarter, quarter},
		"scraped each minute":          {day, 1, 1, time.Minute, 0, 0, 0},
		"less than a day":              {23 * time.Hour, 1, 1, slice, 0, 0, 0},
		"few bad requests":             {time.Minute, 1, 1, slice, 0, 0, 0},
		"ticks are short already":      {day, 1, 1, slice, slice, 0, slice},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.timing.Interval = c.interval
			b.bursts(c.since, c.size, c.over)
			of := fresh()
			of.Config.Slow = c.slow
			of.Config.Fast = min(c.slow, quarter)
			b.follow(of, Weight{})
			b.tick()
			got, chosen := b.loop.releases[shop].Config, b.reading().Past.Tick
			if want := c.want; want == c.slow || want == time.Minute {
				if chosen != 0 && chosen != time.Minute || got.Slow != c.slow && got.Slow != time.Minute {
					t.Errorf("chosen %s, ticks %s and %s; none is wanted below %s", chosen, got.Fast, got.Slow, c.want)
				}
			} else if chosen != want || got.Slow != want || got.Fast != c.fast {
				t.Errorf("chosen %s, ticks %s and %s; want %s and %s", chosen, got.Fast, got.Slow, c.fast, want)
			}
			if len(b.store.past) > 20 {
				t.Errorf("%d questions about the past", len(b.store.past))
			}
		})
	}
}
