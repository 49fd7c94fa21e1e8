package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Traffic is a Service's requests and how the stable answers them.
type Traffic struct {
	// Rate is in requests per second, both arms together.
	Rate float64
	// Drift is by how much traffic and bad shares swing, 0 to 1, in a period of an hour with random phases.
	Drift float64
	// Stable is the stable's share of bad requests in each objective, 0 to 1.
	Stable []float64
	// Burst is the mean size of bursts of bad requests, each within a second; at most 1: one by one.
	Burst float64
	// Outages are times in which half of all requests fail in both arms.
	Outages Outages
	// Recorded, if not nil, is where rate and bad shares are taken from instead; Rate, Drift, Outages and the values of Stable are
	// not used then.
	Recorded *Recorded
}

// Recorded is traffic as it was seen: the counts of each Step, one after the other, and again from the beginning.
type Recorded struct {
	Step time.Duration
	// Counts are by objective; all have the same number of steps, at least one.
	Counts [][]evidence.Counts
}

// at is the rate and the bad share of an objective at a time; a step without requests has no bad ones.
func (r *Recorded) at(t time.Duration, objective int) (rate, bad float64) {
	c := r.Counts[objective][int(t/r.Step)%len(r.Counts[objective])]
	if c.Requests <= 0 {
		return 0, 0
	}
	return c.Requests / r.Step.Seconds(), min(1, c.Bad/c.Requests)
}

// Outages come once in a while, at a random moment. The zero Outages never come.
type Outages struct{ Every, Length time.Duration }

// Canary is the version that is released. The zero Canary is as good as the stable. What is wrong with it is so in the first
// objective; in the others it is as good as the stable.
type Canary struct {
	// Bad is its share of bad requests, 0 to 1; below the stable's it is not used. Factor is how many times
	// the stable's it is; 0 is 1.
	Bad, Factor float64
	// From is how long after its first request it turns so; FromWeight is the weight (a fraction) at which it does.
	From       time.Duration
	FromWeight float64
	// Leak is by how much its share grows in each minute of its life.
	Leak float64
	// Warming is its share of bad requests in the first half minute.
	Warming float64
}

const (
	warming = 30 // seconds
	period  = 3600.0
	outage  = 0.5 // of the requests
)

// arm counts one arm's requests, and the bad ones of each objective.
type arm struct {
	requests float64
	bad      []float64
}

func (a *arm) add(b arm) {
	a.requests += b.requests
	for i := range b.bad {
		a.bad[i] += b.bad[i]
	}
}

func newArm(objectives int) arm { return arm{bad: make([]float64, objectives)} }

// source makes the requests of one release, second by second.
type source struct {
	Traffic
	canary Canary
	random *rand.Rand

	traffic, errors float64       // phases
	met             time.Duration // when the canary had its first request; negative: not yet
	turned          bool
	outageAt        time.Duration
}

func newSource(t Traffic, c Canary, seed uint64) *source {
	s := &source{Traffic: t, canary: c, random: rand.New(rand.NewPCG(seed, 1)), met: -1, outageAt: -time.Hour}
	s.traffic, s.errors = s.random.Float64()*2*math.Pi, s.random.Float64()*2*math.Pi
	return s
}

// swing is what drift makes of 1 at a time.
func (s *source) swing(at time.Duration, phase float64) float64 {
	return 1 + s.Drift*math.Sin(2*math.Pi*at.Seconds()/period+phase)
}

// share is the canary's share of bad requests where the stable's is bad.
func (s *source) share(at time.Duration, weight, bad float64) float64 {
	c := s.canary
	if s.met < 0 || weight <= 0 {
		return bad
	}
	life := at - s.met
	s.turned = s.turned || weight >= c.FromWeight
	if life < warming*time.Second && c.Warming > 0 {
		return c.Warming
	}
	if life >= c.From && s.turned {
		if c.Factor > 0 {
			bad *= c.Factor
		}
		bad = max(bad, c.Bad)
	}
	return min(1, bad+c.Leak*life.Minutes())
}

// rate is the traffic at a time, in requests per second.
func (s *source) rate(at time.Duration) float64 {
	if s.Recorded != nil {
		rate, _ := s.Recorded.at(at, 0)
		return rate
	}
	return s.Rate * s.swing(at, s.traffic)
}

// bad is the stable's share of bad requests at a time.
func (s *source) bad(at time.Duration, objective int) float64 {
	if s.Recorded != nil {
		_, bad := s.Recorded.at(at, objective)
		return bad
	}
	return s.Stable[objective] * s.swing(at, s.errors)
}

// expected is the share of bad requests at the stable, outages and all. It is asked after the second was made.
func (s *source) expected(at time.Duration, objective int) float64 {
	if s.inOutage(at) {
		return outage
	}
	return s.bad(at, objective)
}

// second makes one second's requests at a part of the callers.
func (s *source) second(at time.Duration, weight, part float64) (stable, canary arm) {
	rate := s.rate(at) * part
	stable, canary = newArm(len(s.Stable)), newArm(len(s.Stable))
	stable.requests, canary.requests = poisson(s.random, rate*(1-weight)), poisson(s.random, rate*weight)
	if canary.requests > 0 && s.met < 0 {
		s.met = at
	}
	out := s.inOutage(at)
	for i := range s.Stable {
		bad := s.bad(at, i)
		if out {
			stable.bad[i], canary.bad[i] = binomial(s.random, stable.requests, outage), binomial(s.random, canary.requests, outage)
			continue
		}
		stable.bad[i] = bursts(s.random, stable.requests, bad, s.Burst)
		if i == 0 {
			bad = s.share(at, weight, bad)
		}
		canary.bad[i] = bursts(s.random, canary.requests, bad, s.Burst)
	}
	return stable, canary
}

func (s *source) inOutage(at time.Duration) bool {
	o := s.Outages
	if o.Every <= 0 || s.Recorded != nil {
		return false
	}
	if begin := at.Truncate(o.Every); at == begin && s.outageAt < begin {
		s.outageAt = begin + time.Duration(s.random.Int64N(int64(max(1, o.Every-o.Length))))
	}
	return at >= s.outageAt && at < s.outageAt+o.Length
}
