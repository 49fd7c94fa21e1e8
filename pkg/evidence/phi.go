package evidence

import (
	"math"
	"slices"
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

// Histories are how far back the history for Disperse reaches: each length is asked for only when the one before was not Enough.
func Histories() []time.Duration { return []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour} }

// Enough tells whether so many ticks of the history hold bad requests that more of it would not change phi by much. With an outage
// in it, it never is: whether outages are rare shows only in the longest history. limit is that of Disperse.
func Enough(history []Counts, limit float64) bool {
	bad := 0
	for _, c := range history {
		if c.Bad > 0 {
			bad++
		}
	}
	return bad >= enough && len(outages(history, limit)) == 0
}

// Dispersion is how the bad requests of a history come.
type Dispersion struct {
	// Phi is their dispersion, variance over mean: from 1, one by one, to 200.
	Phi float64
	// Counts are the requests from which it was learnt: those of the history without Outages.
	Counts Counts
	// Outages is how much of the history is left out as outages: whole minutes, with the ones before and after.
	Outages time.Duration
}

// Disperse estimates the dispersion of bad counts from the history of the stable alone: consecutive ticks of a minute, oldest first.
// The history should be Enough, or a day: rare large bursts show themselves only in long histories. limit is the objective's, as a
// fraction. Rare outages are left out: they hit everybody at once, while phi is about how bad requests come in the rest of the time.
// When outages are too many to be rare, they are how this stable fails, and phi is the larger one of those with and without them.
func Disperse(history []Counts, limit float64) Dispersion {
	_, d, rare := leaveOut(history, limit)
	if rare {
		return d
	}
	whole := disperse(history)
	whole.Phi = max(whole.Phi, d.Phi)
	return whole
}

// leaveOut are the outages of a history that none of the bursts of the rest of the time is, its dispersion without them, and whether they are rare.
func leaveOut(history []Counts, limit float64) (all []outage, d Dispersion, rare bool) {
	all = outages(history, limit)
	d = without(history, all)
	for {
		unexplained := slices.DeleteFunc(slices.Clone(all), d.explains)
		if len(unexplained) == len(all) {
			break
		}
		all, d = unexplained, without(history, unexplained)
	}
	return all, d, len(all) <= max(1, len(history)/rareTicks) && int(d.Outages/DefaultSlow)*outageShare <= len(history)
}

// without is the dispersion of a history without some outages.
func without(history []Counts, some []outage) Dispersion {
	rest, left := slices.Clone(history), 0
	for _, o := range some {
		clear(rest[o.from:o.to])
		left += o.to - o.from
	}
	d := disperse(rest)
	d.Outages = time.Duration(left) * DefaultSlow
	return d
}

// explains tells whether an outage may be one of the bursts of the rest of the time. K bad requests in geometric bursts of mean b come in
// K/b of them, of which (K/b) exp(-s/b) are larger than s. It is none when a hundredth of one would be as large. (Chauvenet's criterion
// of 1863 rejects an observation when half of one is expected to be as far out.) The dispersion of such bursts is 2b-1; phi itself is
// taken for b, so that large bursts, of which a history shows few, are not mistaken.
func (d Dispersion) explains(o outage) bool {
	return max(1, d.Counts.Bad/d.Phi)*math.Exp(-o.bad/d.Phi) > explained
}

// disperse takes every tick of the history, but those without requests. A prior of 2 with the weight of five bad requests is mixed in, and a quarter is
// added to be on the safe side. Nothing to learn from gives 2.5.
func disperse(history []Counts) Dispersion {
	x := squaresOf(history)
	phi := phiSafety * (x.num + phiPrior*phiWeight) / (x.den + phiWeight)
	return Dispersion{Counts: Counts{x.requests, x.bad}, Phi: math.Max(1, min(phiMost, phi))}
}

// squares are what a dispersion is estimated from: phi is num/den.
type squares struct{ requests, bad, num, den float64 }

// phi is 0 when there is nothing to learn from.
func (x squares) phi() float64 {
	if x.den <= 0 {
		return 0
	}
	return x.num / x.den
}

// squaresOf takes the ticks by pairs. Two neighbouring ones share one rate, so with q = n1/(n1+n2) and K = k1+k2 the square of k1 - q K has the mean
// phi q (1-q) K. The squares of all pairs are divided by the sum of these.
func squaresOf(history []Counts) squares {
	var x squares
	var all, first Counts
	for _, c := range history {
		if !countable(c) || c.Requests == 0 {
			first = Counts{}
			continue
		}
		all.add(c.Requests, c.Bad)
		c.Bad = min(c.Bad, c.Requests)
		if first.Requests == 0 {
			first = c
			continue
		}
		q := first.Requests / (first.Requests + c.Requests)
		sum := first.Bad + c.Bad
		off := first.Bad - float64(q*sum)
		x.num += float64(off * off)
		x.den += float64(q * (1 - q) * sum)
		first = Counts{}
	}
	x.requests, x.bad = all.Requests, all.Bad
	return x
}
