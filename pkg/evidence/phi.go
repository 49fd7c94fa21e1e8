package evidence

import (
	"math"
	"time"
)

const (
	phiPrior  = 2.0 // dispersion assumed before anything is seen
	phiWeight = 5.0 // bad requests that assumption is worth
	phiSafety = 1.25
	phiMost   = 200.0
)

// enough is in how many ticks of a history there have to be bad requests, so that their dispersion shows.
const enough = 30

// Histories are how far back the history for Phi reaches: each length is asked for only when the one before was not Enough.
func Histories() []time.Duration { return []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour} }

// Enough tells whether so many ticks of the history hold bad requests that more of it would not change Phi by much.
func Enough(history []Counts) bool {
	bad := 0
	for _, c := range history {
		if c.Bad > 0 {
			bad++
		}
	}
	return bad >= enough
}

// Phi estimates the dispersion (variance over mean) of bad counts from the history of the stable alone: consecutive ticks of
// one length, best the slow tick's, oldest first. The history should be Enough, or a day: rare large bursts show themselves only in long
// histories. limit is the objective's, as a fraction.
//
// Two neighbouring ticks share one rate, so with q = n1/(n1+n2) and K = k1+k2 the square of k1 - q K has the mean
// phi q (1-q) K. The squares of all pairs are divided by the sum of these, a prior of 2 with the weight of five bad requests
// is mixed in, and a quarter is added to be on the safe side. The result lies between 1 and 200; nothing to learn from
// gives 2.5.
//
// A tick beyond ten times the limit is taken for an outage, and left out, only if a neighbour is one too (a burst seldom
// fills two ticks), and at most one in a hundred is left out.
func Phi(history []Counts, limit float64) float64 {
	num, den := 0.0, 0.0
	outages := len(history) / 100
	var first Counts
	for i, c := range history {
		if !countable(c) || c.Requests == 0 {
			first = Counts{}
			continue
		}
		if outages > 0 && beyond(history, i, limit) && (beyond(history, i-1, limit) || beyond(history, i+1, limit)) {
			outages--
			first = Counts{}
			continue
		}
		c.Bad = min(c.Bad, c.Requests)
		if first.Requests == 0 {
			first = c
			continue
		}
		q := first.Requests / (first.Requests + c.Requests)
		sum := first.Bad + c.Bad
		d := first.Bad - float64(q*sum)
		num += float64(d * d)
		den += float64(q * (1 - q) * sum)
		first = Counts{}
	}
	return max(1, min(phiMost, phiSafety*(num+phiPrior*phiWeight)/(den+phiWeight)))
}

func beyond(history []Counts, i int, limit float64) bool {
	return i >= 0 && i < len(history) && history[i].Bad > math.Max(0, 10*limit)*history[i].Requests
}
