package evidence

import (
	"math"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Pace bounds what a raise may cost. At the next weight w, the requests that fail in one reaction time shall not exceed the
// budget, unless the canary meets its objective, which no budget is needed for:
//
//	limit(w) = min(0.5, max(Limit, min(Limit, budget/(Rate Reaction)) / w)),  budget = Failures x least phi
//
// A burst counts as one failure, so that a service with bursts is not held for ever; no burst is expected to hit more
// requests than the canary gets in 15 s at its present weight.
type Pace struct {
	// Rate is the service's traffic, both arms together, in requests per second.
	Rate float64
	// Weight is the canary's present share of traffic, a fraction.
	Weight float64
	// Failures is how many failed requests (or bursts of them) one reaction time may cost.
	Failures float64
	// Reaction is the time from the first failure to the last request that meets the canary; 0 means 45 s.
	Reaction time.Duration
}

const (
	defaultReaction = 45 * time.Second
	burstSpan       = 15 // seconds
	growth          = 5  // largest ratio of one weight to the one before
	smallestMove    = 3  // each move costs the time it takes to settle; smaller ones are not worth it
)

// FirstWeight is the share of traffic to begin with: so small that a canary that is broken from its first request fails
// about as many requests as the budget of failures says, at any rate of traffic (requests per second of the service). It
// lies between least and 5 %; with no traffic known it is least.
func FirstWeight(rate, failures, least float64) float64 {
	w := 0.008 * failures / rate
	if !exact.Within(w, 0, math.MaxFloat64) {
		w = 0
	}
	return min(0.05, max(least, w))
}

func (p Pace) phi(phi float64) float64 {
	hit := 1 + p.Rate*p.Weight*burstSpan
	if !exact.Within(hit, 1, math.MaxFloat64) {
		return phi
	}
	return min(phi, hit)
}

func (p Pace) limit(limit, weight float64, phis []float64) float64 {
	least := math.Inf(1)
	for _, phi := range phis {
		least = min(least, p.phi(phi))
	}
	spend := p.Failures * least / (p.Rate * or(p.Reaction, defaultReaction).Seconds())
	if !exact.Within(spend, 0, math.Inf(1)) || p.Failures <= 0 {
		return limit // no budget: the canary has to meet its objective
	}
	return min(0.5, max(limit, min(limit, spend)/weight))
}

// largest is the largest weight the evidence of this step clears the canary for, when it clears that of the question: at most
// five times the present one, and at most most.
func (t *Tests) largest(q Question, most float64) float64 {
	if q.Pace == nil || q.Promote {
		return most
	}
	low, high := q.NextWeight, max(q.NextWeight, min(growth*q.Pace.Weight, most))
	if t.clears(q, high) {
		return high
	}
	for range 20 { // a millionth of the way
		if mid := (low + high) / 2; t.clears(q, mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

func (t *Tests) clears(q Question, weight float64) bool {
	q.NextWeight = weight
	for i := range t.objectives {
		o := &t.objectives[i]
		limit, phi := t.limit(i, q)
		if cleared(o.all, o.kept, limit, phi) < 1/t.c.FalsePromote {
			return false
		}
	}
	return true
}
