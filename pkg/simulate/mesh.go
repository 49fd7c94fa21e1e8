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
	// Push is how long after a write the proxies follow it; DefaultPush.
	Push time.Duration
}

// DefaultPush is how long after a write proxies follow it: istiod gathers changes for 100 ms and sends them within 50, and Envoy takes up to 500
// until the last of its workers routes by them.
const DefaultPush = 650 * time.Millisecond

func (m Mesh) normal() Mesh {
	return Mesh{cmp.Or(m.Scrape, 15*second), cmp.Or(m.Lag, 2*second), cmp.Or(m.Push, DefaultPush)}
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

// within cuts the second that begins at a time where the weight changes.
func (w weights) within(at time.Duration) []moment {
	all := []moment{{at: at, length: second, weight: w.at(at)}}
	for _, x := range w {
		if last := &all[len(all)-1]; x.from > last.at && x.from < at+second {
			last.length = x.from - last.at
			all = append(all, moment{at: x.from, length: at + second - x.from, weight: x.share})
		}
	}
	return all
}

// users are the requests as they are made, and as they are scraped: a part of the callers' proxies in each slice.
type users struct {
	source  *source
	waiting []both        // by phase: what the next scrape will find
	last    both          // those of the last second
	met     arm           // all that met the canary
	over    []float64     // bad ones among them above the stable's share, by objective
	failing time.Duration // when the version first failed one that the stable would not have, in the first objective; negative: not yet
}

func newUsers(s *source, scrape time.Duration) *users {
	n := len(s.Stable)
	u := &users{source: s, met: newArm(n), over: make([]float64, n), failing: -1}
	phases := max(1, int((scrape+slice-1)/slice))
	for range phases {
		u.waiting = append(u.waiting, newBoth(n))
	}
	return u
}

// second makes the requests of a second.
func (u *users) second(of []moment) {
	u.last = newBoth(len(u.over))
	for _, m := range of {
		u.live(m)
	}
}

// live makes the requests of a moment.
func (u *users) live(m moment) {
	m.callers = len(u.waiting)
	for m.caller = range u.waiting {
		came := u.source.make(m)
		u.waiting[m.caller].add(came)
		u.last.add(came)
		u.met.add(came.canary)
		if u.failing < 0 && u.source.failing && came.canary.bad[0] > 0 {
			u.failing = m.at
		}
		for o := range u.over {
			u.over[o] += came.canary.bad[o] - came.canary.requests*u.source.expected(m.at, o)
		}
	}
}

// scraped are the counts of the slice that ends now.
func (u *users) scraped(end time.Duration) (stable, canary []evidence.Counts) {
	n := len(u.waiting)
	w := &u.waiting[(int(end/slice)%n+n)%n] // also before the beginning
	for i := range u.over {
		stable = append(stable, counted(w.stable, i))
		canary = append(canary, counted(w.canary, i))
	}
	*w = newBoth(len(u.over))
	return stable, canary
}

// counted are the requests of an arm by an objective. A burst may have had more bad ones than there were.
func counted(a arm, objective int) evidence.Counts {
	return evidence.Counts{Requests: a.requests, Bad: min(a.bad[objective], a.requests)}
}
