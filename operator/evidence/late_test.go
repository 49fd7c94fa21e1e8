package evidence

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// Reports are made every five seconds and can be seen some time later, as with remote write. Each request is counted once all the same, and a
// version of which every request fails is found out.
func TestReportsThatCanBeSeenLateAreCountedOnce(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 7))
	delays := map[string]func() time.Duration{
		"at once":            func() time.Duration { return 0 },
		"two seconds late":   func() time.Duration { return 2 * time.Second },
		"nearly a slice":     func() time.Duration { return 4500 * time.Millisecond },
		"up to five seconds": func() time.Duration { return time.Duration(dice.IntN(5000)) * time.Millisecond },
		"ten seconds late":   func() time.Duration { return 10 * time.Second },
		"two minutes late":   func() time.Duration { return 2 * time.Minute },
	}
	for name, delay := range delays {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var newest []time.Time // when the report that was seen last was made, for each moment at which one appears
			var seen []time.Time
			for at := noon.Add(2 * time.Second); at.Before(noon.Add(6 * time.Minute)); at = at.Add(slice) {
				visible := at.Add(delay())
				if n := len(seen); n > 0 && visible.Before(seen[n-1]) {
					visible = seen[n-1] // reports of one series do not overtake each other
				}
				newest, seen = append(newest, at), append(seen, visible)
				b.store.observeLate(stable, at, visible, "200", 95)
				b.store.observeLate(canary, at, visible, "500", 5)
			}
			b.store.now = b.clock.Now
			b.store.complete = func(counting.Pair) time.Time {
				upTo := noon
				for i, at := range seen {
					if !at.After(b.clock.Now()) {
						upTo = newest[i].Add(slice)
					}
				}
				return upTo
			}
			b.follow(target(), step(1, 0.05, noon))
			b.until(noon.Add(8*time.Minute + 30*time.Second))
			r := b.reading()
			b.counted(r)
			if want := noon.Add(6 * time.Minute); r.Through.Before(want) {
				t.Errorf("counted up to %s, want %s: %s", r.Through, want, r.Message)
			}
			if r.Verdict.State != pkgevidence.Breach {
				t.Errorf("a version of which every request fails is %s", r.Verdict)
			}
		})
	}
}
