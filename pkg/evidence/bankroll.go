package evidence

import (
	"math"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

type yardstick uint8

const (
	share   yardstick = iota // the canary's part of the bad requests of both arms
	ceiling                  // what the objective allows, lifted by the stable's bad requests
)

// bettor bets that the canary is worse than its yardstick says. A small kappa is quick when a few bad requests are many,
// a large one when thousands are; several of each cover what nobody knows beforehand.
type bettor struct {
	yardstick yardstick
	kappa     float64
	part      float64 // of the stakes; the parts of a bankroll add up to 1
}

func slowBettors() []bettor {
	return []bettor{{share, 0.2, 0.7 / 3}, {share, 2, 0.7 / 3}, {share, 20, 0.7 / 3}, {ceiling, 0.5, 0.15}, {ceiling, 5, 0.15}}
}

func fastBettors() []bettor {
	return []bettor{{ceiling, 0.05, 1.0 / 3}, {ceiling, 0.5, 1.0 / 3}, {ceiling, 5, 1.0 / 3}}
}

// slowCeilingBettors have the slow lane's ceilings alone, for when there is no stable to take a share with.
func slowCeilingBettors() []bettor { return []bettor{{ceiling, 0.5, 0.5}, {ceiling, 5, 0.5}} }

const (
	cashPart    = 0.2 // of the bankroll is not bet: what is left after a long healthy time
	hazard      = 60  // ticks; the part spread again before tick t is 1/(t+hazard)
	stepRefresh = 0.2 // the part spread again after a change of weight
	shockMargin = 2   // times the stable's bad share: what the ceiling expects of the canary in an outage of both
)

// arms are the counts of both arms in one interval: requests n and bad requests k of the stable (s) and the canary (c).
type arms struct{ ns, ks, nc, kc float64 }

func (a *arms) add(b arms) {
	a.ns, a.ks = min(a.ns+b.ns, maxSum), min(a.ks+b.ks, maxSum)
	a.nc, a.kc = min(a.nc+b.nc, maxSum), min(a.kc+b.kc, maxSum)
}

// capped has no more bad requests than requests. Counters of the two may be scraped a moment apart.
func (a arms) capped() arms {
	a.ks, a.kc = min(a.ks, a.ns), min(a.kc, a.nc)
	return a
}

// tolerances are what the yardsticks measure with in one tick.
type tolerances struct{ ratio, limit, floor float64 }

// expected is the number of bad canary requests the yardstick allows in a tick; false when it has nothing to say.
//
// Share: if every burst of bad requests falls on the canary with probability p at most, then whatever the sizes of the
// bursts, the canary has at most p of all bad requests in the mean, so (k_c + kappa)/(p K + kappa) has a mean of 1 at most.
// The floor keeps it so for a canary below the floor: the factor is concave in k_c and is 1 at k_c = n_c floor.
//
// Ceiling: the first branch is a mean by definition. The second rests on E[k g(k)] = m E[g(k+1)] for Poisson counts k of
// mean m, which a sum of independent requests does not exceed in convex order; it is what an outage of both arms may cost.
//
// Products are rounded before they are added to anything, so that no processor fuses the two: a replay elsewhere must give
// the same bits.
func (y yardstick) expected(t tolerances, a arms) (float64, bool) {
	if y == share {
		if a.ns == 0 {
			return 0, false
		}
		weighted := float64(t.ratio * a.nc)
		p := weighted / (weighted + a.ns)
		return float64(p * (a.kc + max(a.ks, float64(a.ns*t.floor)/t.ratio))), true
	}
	mu := float64(a.nc * t.limit)
	if a.ns > 0 {
		mu = max(mu, float64(float64(shockMargin*t.ratio)*a.nc/a.ns*(a.ks+1)))
	}
	return mu, true
}

// bankroll is the wealth of one lane of one objective. It starts at 1 and, under the null, is never expected to grow.
type bankroll struct {
	bettors []bettor
	cash    float64
	stakes  []float64
	ticks   int64 // with canary traffic
	boost   bool  // the weight has changed since the last of them
}

func newBankroll(bettors []bettor) bankroll {
	b := bankroll{bettors: bettors, cash: exact.Down(cashPart), stakes: make([]float64, len(bettors))}
	for i, x := range bettors {
		b.stakes[i] = exact.Down((1 - cashPart) * x.part)
	}
	return b
}

func (b *bankroll) wealth() float64 {
	w := b.cash
	for _, s := range b.stakes {
		w += s
	}
	return w
}

// tick bets on one closed tick. The part that is spread again (fixed share, Herbster and Warmuth 1998) is known before the
// tick and creates no money, so it leaves the mean as it is.
func (b *bankroll) tick(t tolerances, a arms) {
	if a.nc == 0 {
		return
	}
	h := b.spread()
	b.boost = false
	b.ticks = min(b.ticks+1, math.MaxInt32)
	w := b.wealth()
	b.cash = exact.Down(float64((1-h)*b.cash) + float64(h*cashPart*w))
	for i, x := range b.bettors {
		s := float64((1-h)*b.stakes[i]) + float64(h*(1-cashPart)*x.part*w)
		if mu, ok := x.yardstick.expected(t, a); ok {
			s *= (a.kc + x.kappa) / (mu + x.kappa)
		}
		b.stakes[i] = exact.Down(s)
	}
}

func (b *bankroll) spread() float64 {
	switch {
	case b.ticks == 0:
		return 0
	case b.boost:
		return stepRefresh
	}
	return 1 / float64(b.ticks+hazard)
}

// byShare tells whether more of the stakes lies with the share bettors than with the ceiling ones.
func (b *bankroll) byShare() bool {
	var sums [2]float64
	for i, x := range b.bettors {
		sums[x.yardstick] += b.stakes[i]
	}
	return sums[share] > sums[ceiling]
}

const memorySpan = 240.0 // seconds after which the stable's counts have faded to 1/e

// memory is what the stable did in the last four minutes or so.
type memory struct{ requests, bad float64 }

func (m *memory) add(length time.Duration, a arms) {
	// Rounded, because the last bit of Exp depends on the processor.
	fade := math.Round(math.Exp(-length.Seconds()/memorySpan)*1e9) / 1e9
	m.requests = min(float64(fade*m.requests)+a.ns, maxSum)
	m.bad = min(float64(fade*m.bad)+a.ks, maxSum)
}

// breached tells whether the stable itself is beyond the limit.
func (m *memory) breached(limit float64) bool { return m.bad >= 10 && m.bad > limit*m.requests }

// limit is what the ceiling measures with: ten times as much while the stable breaches, so that an outage of both arms is
// not blamed on the canary, and a canary that is dead still is.
func (m *memory) limit(limit float64) float64 {
	if m.breached(limit) {
		return max(limit, min(0.5, 10*limit))
	}
	return limit
}
