package direct

import (
	"math"
	"time"
)

// Share is the part of the requests that met the canary.
type Share struct {
	// Canary is the part, from 0 to 1.
	Canary float64
	// Error is its standard error, that of a share of so many requests with two more of each arm, so that a few requests never look certain
	// (Agresti and Coull, Approximate is better than exact, 1998).
	Error float64
	// Requests is of how many requests it is; 0: there were none, or they could not be read, and nothing is known.
	Requests float64
}

// sample is requests of both arms: those that were read, and how many all pods must have had.
type sample struct{ canary, stable, allCanary, allStable float64 }

func (s sample) plus(o sample) sample {
	return sample{s.canary + o.canary, s.stable + o.stable, s.allCanary + o.allCanary, s.allStable + o.allStable}
}

// measured returns the share, and of how many requests it is: where a part of the pods was read, as many as would be as certain. The
// logarithm of the ratio of two counts has the variance 1/canary + 1/stable, by the delta method.
func (s sample) measured() (share, requests float64) {
	all := s.allCanary + s.allStable
	if all == 0 {
		return 0, 0
	}
	share = s.allCanary / all
	if s.canary == 0 || s.stable == 0 {
		return share, s.canary + s.stable
	}
	return share, 1 / (share * (1 - share) * (1/s.canary + 1/s.stable))
}

func (s sample) share() Share {
	p, n := s.measured()
	if n == 0 {
		return Share{}
	}
	q := (p*n + 2) / (n + 4)
	return Share{Canary: p, Error: math.Sqrt(q * (1 - q) / (n + 4)), Requests: n}
}

// off returns by how many standard errors the share is away from a weight, if the proxies went by that one.
func (s sample) off(weight float64) float64 {
	p, n := s.measured()
	if away := math.Abs(p-weight) - 0.5/n; away > 0 {
		return away / math.Sqrt(weight*(1-weight)/n)
	}
	return 0
}

// settling watches whether the proxies go by a weight.
type settling struct {
	weight, before float64
	since          time.Time
	settled        bool
	known          bool // what the weight was before
	seconds        []sample
}

const (
	// agree is by how many standard errors a share may be away from the weight that is live, and differ by how many it must be from the one
	// before.
	agree  = 2
	differ = 3
	// longest is how many seconds are looked at together.
	longest = 10
)

// write begins anew with a weight.
func (s *settling) write(weight float64, now time.Time) {
	*s = settling{weight: weight, before: s.weight, since: now, known: true}
}

// take takes what was read since the weight was told.
func (s *settling) take(second sample) {
	if !s.known || s.settled || second.allCanary+second.allStable == 0 {
		return
	}
	s.seconds = append([]sample{second}, s.seconds[:min(len(s.seconds), longest-1)]...)
	var all sample
	for i, x := range s.seconds {
		all = all.plus(x)
		switch i + 1 {
		case 1, 3, longest:
			s.settled = s.settled || all.off(s.weight) <= agree && all.off(s.before) > differ
		}
	}
}
