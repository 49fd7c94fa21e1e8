package simulate

import (
	"cmp"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	slice  = counting.DefaultStep
	second = time.Second
)

// Mesh is what lies between a write, the requests and the counts. Zero fields have their defaults.
type Mesh struct {
	// Scrape is how often the callers' proxies are scraped, at all phases; 15 s.
	Scrape time.Duration
	// Lag is how long after its end a slice is counted; 2 s.
	Lag time.Duration
	// Push is how long after a write the proxies follow it; 3 s.
	Push time.Duration
}

func (m Mesh) normal() Mesh {
	return Mesh{cmp.Or(m.Scrape, 15*second), cmp.Or(m.Lag, 2*second), cmp.Or(m.Push, 3*second)}
}

// weights are what the routes have said, newest last, each with the time from which the proxies follow.
type weights []written

type written struct {
	from  time.Duration
	share float64
}

func (w weights) at(t time.Duration) float64 {
	for i := len(w) - 1; i >= 0; i-- {
		if w[i].from <= t {
			return w[i].share
		}
	}
	return 0
}

// users are the requests as they are made, and as they are scraped: a part of the callers' proxies in each slice.
type users struct {
	source  *source
	waiting []struct{ stable, canary arm } // by phase: what the next scrape will find
	met     arm                            // all that met the canary
	over    []float64                      // bad ones among them above the stable's share, by objective
	failing time.Duration                  // when the canary first failed one, in the first objective; negative: not yet
}

func newUsers(s *source, scrape time.Duration) *users {
	n := len(s.Stable)
	u := &users{source: s, met: newArm(n), over: make([]float64, n), failing: -1}
	phases := max(1, int((scrape+slice-1)/slice))
	for range phases {
		u.waiting = append(u.waiting, struct{ stable, canary arm }{newArm(n), newArm(n)})
	}
	return u
}

// live makes the requests of one second.
func (u *users) live(at time.Duration, weight float64) {
	for i := range u.waiting {
		stable, canary := u.source.second(at, weight, 1/float64(len(u.waiting)))
		u.waiting[i].stable.add(stable)
		u.waiting[i].canary.add(canary)
		u.met.add(canary)
		if u.failing < 0 && u.met.bad[0] > 0 {
			u.failing = at
		}
		for o := range u.over {
			u.over[o] += canary.bad[o] - canary.requests*u.source.expected(at, o)
		}
	}
}

// scraped are the counts of the slice that ends now.
func (u *users) scraped(end time.Duration) (stable, canary []evidence.Counts) {
	w := &u.waiting[int(end/slice)%len(u.waiting)]
	for i := range u.over {
		stable = append(stable, evidence.Counts{Requests: w.stable.requests, Bad: min(w.stable.bad[i], w.stable.requests)})
		canary = append(canary, evidence.Counts{Requests: w.canary.requests, Bad: min(w.canary.bad[i], w.canary.requests)})
	}
	w.stable, w.canary = newArm(len(u.over)), newArm(len(u.over))
	return stable, canary
}
