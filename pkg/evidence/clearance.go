package evidence

import (
	"math"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Counts are requests and how many of them were bad.
type Counts struct{ Requests, Bad float64 }

func (c *Counts) add(requests, bad float64) {
	c.Requests = min(c.Requests+requests, maxSum)
	c.Bad = min(c.Bad+bad, maxSum)
}

// maxClearance is where clearance stops counting; beyond it nothing is decided.
const maxClearance = 1e9

// odds are the bets of E_ok: each expects the canary to have the share q of the bad requests its limit allows.
// The numbers of logs are the natural logarithms of q.
func odds() (q, logs [4]float64) {
	return [4]float64{0.03, 0.15, 0.35, 0.6},
		[4]float64{-3.5065578973199818, -1.8971199848858813, -1.0498221244986778, -0.5108256237659907}
}

// Clearance is E_ok: the evidence that the canary's bad share is below limit (a fraction), from its counts and phi, the
// dispersion of bad counts (at least 1). It is the mean of four bets
//
//	exp((bad ln q + requests limit (1-q)) / phi),  q = 0.03, 0.15, 0.35, 0.6
//
// and at most 1e9. If the true share is limit or more in each counted interval, it ever reaches 1/beta with probability beta
// at most: for counts made of bursts with variance/mean <= phi, E[exp(-a k)] with a = ln(1/q)/phi falls, by Jensen's
// inequality over the size of the burst a bad request belongs to, to that of bursts all of size phi; each bet is then an
// e-process, their mean is one, and Ville's inequality does the rest. Nothing but sums enters, so order cannot matter.
//
// What is no count clears nothing: the result is 0 for NaN, negative or absurd arguments and for a phi below 1.
func Clearance(c Counts, limit, phi float64) float64 {
	if !countable(c) || !exact.Within(limit, 0, 1) || !exact.Within(phi, 1, math.MaxFloat64) {
		return 0
	}
	q, logs := odds()
	sum := 0.0
	for i := range q {
		x := (float64(c.Bad*logs[i]) + float64(c.Requests*limit*(1-q[i]))) / phi
		sum += math.Exp(min(x, 100))
	}
	return min(sum/float64(len(q)), maxClearance)
}

// cleared is the mean of Clearance over all counted ticks of a step and over those kept, which leave out ticks in which the
// stable had an outage. What is left out depends on the stable alone, so both are e-values, and so is their mean.
func cleared(all, kept Counts, limit, phi float64) float64 {
	return (Clearance(all, limit, phi) + Clearance(kept, limit, phi)) / 2
}

// missing is the number of clean requests after which cleared reaches goal, 0 when it has.
func missing(all, kept Counts, limit, phi, goal float64) int64 {
	if cleared(all, kept, limit, phi) >= goal {
		return 0
	}
	low, high := missingBounds(all, kept, limit, phi, goal)
	for high-low > 1 {
		n := low + (high-low)/2
		a, k := all, kept
		a.Requests += float64(n)
		k.Requests += float64(n)
		if cleared(a, k, limit, phi) >= goal {
			high = n
		} else {
			low = n
		}
	}
	return high
}

// missingBounds brackets missing: at low no bet alone is at goal, so neither is their mean; at high one bet alone is so far
// above it that the mean is at goal whatever the others are.
func missingBounds(all, kept Counts, limit, phi, goal float64) (low, high int64) {
	const most = 1 << 53 // beyond it a float64 does not hold every whole number
	q, logs := odds()
	nearest, surest := float64(most), float64(most)
	for i := range q {
		for _, c := range [2]Counts{all, kept} {
			gain := limit * (1 - q[i])
			has := float64(c.Bad*logs[i]) + float64(c.Requests*gain)
			nearest = min(nearest, (phi*math.Log(goal)-has)/gain)
			surest = min(surest, (phi*math.Log(goal*float64(2*len(q)))-has)/gain)
		}
	}
	return int64(max(0, math.Floor(nearest)-1)), int64(max(1, math.Ceil(surest)+1))
}

// aboveShock tells that the stable had an outage in this tick, of which the canary's counts say nothing.
func aboveShock(a arms, limit float64) bool { return a.ks > 2*limit*a.ns && a.ks >= 5 }

const (
	maxCount = 1e12 // requests in one slice; more than any service has, so something else was counted
	maxSum   = 1e18
)

func countable(c Counts) bool {
	return exact.Within(c.Requests, 0, maxSum) && exact.Within(c.Bad, 0, maxSum)
}
