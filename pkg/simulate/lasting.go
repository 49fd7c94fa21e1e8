package simulate

import (
	"math"
	"math/rand/v2"
	"time"
)

// lasting are bursts of bad requests that outlast a second: what is still to come of them.
type lasting map[lastingKey]*coming

// lastingKey is who meets a burst: requests of one of the callers, to one arm, in one objective.
type lastingKey struct {
	caller, objective int
	canary            bool
}

// coming is how many bad requests are to come in each of the next seconds, the one at the time at first.
type coming struct {
	second time.Duration
	weight float64
	bad    []float64
}

// fail draws how many of n requests are bad. Bursts begin in proportion to the requests, and each of their requests comes at a random moment
// of the time that the burst lasts. When the canary's weight falls, a burst that goes on meets fewer of its requests.
func (l *lasting) fail(r *rand.Rand, t Traffic, n, share float64, m moment, key lastingKey) float64 {
	if *l == nil {
		*l = lasting{}
	}
	c := (*l)[key]
	if c == nil {
		c = &coming{second: m.at.Truncate(second), bad: make([]float64, int(t.Over/second)+1)}
		(*l)[key] = c
	}
	for ; c.second+second <= m.at; c.second += second {
		c.bad = append(c.bad[1:], 0)
	}
	if key.canary && m.weight < c.weight {
		for i := range c.bad {
			c.bad[i] = binomial(r, c.bad[i], m.weight/c.weight)
		}
	}
	c.weight = m.weight
	for range int(poisson(r, n*share/t.Burst)) {
		for size := geometric(r, t.Burst); size > 0; size-- {
			c.bad[r.IntN(len(c.bad))]++
		}
	}
	bad := min(n, math.Round(c.bad[0]*m.length.Seconds()))
	c.bad[0] -= bad
	return bad
}
