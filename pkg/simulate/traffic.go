package simulate

import (
	"cmp"
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
	// Burst is the mean size of bursts of bad requests; at most 1: one by one. Each burst stays on one arm, and lasts for Over; zero: it is
	// over within the second.
	Burst float64
	Over  time.Duration
	// Outages are times in which requests fail in both arms.
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
	n := len(r.Counts[objective])
	c := r.Counts[objective][(int(math.Floor(float64(t)/float64(r.Step)))%n+n)%n] // also before the beginning
	if c.Requests <= 0 {
		return 0, 0
	}
	return c.Requests / r.Step.Seconds(), min(1, c.Bad/c.Requests)
}

// Outages come once in a while, at a random moment. The zero Outages never come.
type Outages struct {
	Every, Length time.Duration
	// Share is how many requests fail then, 0 to 1; 0 is a half.
	Share float64
}

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
	// FromWeight and After together: it turns so After it had that weight for the first time.
	After time.Duration
	// Warming is its share of bad requests in the first half minute.
	Warming float64
	// Pods is how many pods it has, PerNode of them on a node; 0 is as many as the operator asks for, and each on a node of its own.
	Pods, PerNode int
	// Deaths are times in which some of the pods fail all that they are asked, whatever version they run.
	Deaths Deaths
}

// Deaths come once in a while, at a random moment. The zero Deaths never come.
type Deaths struct {
	Every, Length time.Duration
	// Pods is how many die together, all of a node before those of the next; more than there are is all.
	Pods int
}

const (
	warming  = 30 // seconds
	period   = 3600.0
	somePods = 4 // of a canary of which nobody has said how many it has
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

// both are the requests of both arms; died is how many of the canary's failed because their pod was dead.
type both struct {
	stable, canary arm
	died           float64
}

func newBoth(objectives int) both {
	return both{stable: newArm(objectives), canary: newArm(objectives)}
}

func (b *both) add(c both) {
	b.stable.add(c.stable)
	b.canary.add(c.canary)
	b.died += c.died
}

// moment is a second or a part of one, at one weight.
type moment struct {
	at     time.Duration
	length time.Duration // at most a second
	weight float64
	// caller is which of so many callers, each with a part of the requests.
	caller, callers int
}

// source makes the requests of one release, moment by moment.
type source struct {
	Traffic
	canary Canary
	random *rand.Rand
	pods   int // of the canary

	traffic, errors float64       // phases
	met, turned     time.Duration // when the canary had its first request, and the weight at which it turns; negative: not yet
	failing         bool          // it is worse than the stable now
	outageAt        time.Duration
	deathAt         time.Duration
	lasting         lasting
}

func newSource(t Traffic, c Canary, seed uint64) *source {
	s := &source{Traffic: t, canary: c, random: rand.New(rand.NewPCG(seed, 1)), met: -1, turned: -1, outageAt: -time.Hour, deathAt: -time.Hour}
	s.pods = cmp.Or(c.Pods, somePods)
	s.traffic, s.errors = s.random.Float64()*2*math.Pi, s.random.Float64()*2*math.Pi
	return s
}

// swing is what drift makes of 1 at a time.
func (s *source) swing(at time.Duration, phase float64) float64 {
	return 1 + s.Drift*math.Sin(2*math.Pi*at.Seconds()/period+phase)
}

// share is the canary's share of bad requests where the stable's is bad.
func (s *source) share(at time.Duration, weight, stable float64) float64 {
	c := s.canary
	s.failing = false
	if s.met < 0 || weight <= 0 {
		return stable
	}
	life := at - s.met
	if s.turned < 0 && weight >= c.FromWeight {
		s.turned = at
	}
	bad := stable
	switch {
	case life < warming*time.Second && c.Warming > 0:
		bad = c.Warming
	default:
		if life >= c.From && s.turned >= 0 && at >= s.turned+c.After {
			if c.Factor > 0 {
				bad *= c.Factor
			}
			bad = max(bad, c.Bad)
		}
		bad = min(1, bad+c.Leak*life.Minutes())
	}
	s.failing = bad > stable
	return bad
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

// expected is the share of bad requests at the stable, outages and all. It is asked after the moment was made.
func (s *source) expected(at time.Duration, objective int) float64 {
	if share := s.outage(at); share > 0 {
		return share
	}
	return s.bad(at, objective)
}

// make makes one moment's requests of a part of the callers.
func (s *source) make(m moment) both {
	rate := s.rate(m.at) * m.length.Seconds() / float64(m.callers)
	b := newBoth(len(s.Stable))
	b.stable.requests, b.canary.requests = poisson(s.random, rate*(1-m.weight)), poisson(s.random, rate*m.weight)
	if b.canary.requests > 0 && s.met < 0 {
		s.met = m.at
	}
	out := s.outage(m.at)
	for i := range s.Stable {
		bad := s.bad(m.at, i)
		worse := bad
		if i == 0 {
			worse = s.share(m.at, m.weight, bad)
		}
		if out > 0 {
			b.stable.bad[i], b.canary.bad[i] = binomial(s.random, b.stable.requests, out), binomial(s.random, b.canary.requests, out)
			continue
		}
		b.stable.bad[i] = s.fail(b.stable.requests, bad, m, i, false)
		b.canary.bad[i] = s.fail(b.canary.requests, worse, m, i, true)
	}
	s.die(&b, m)
	return b
}

// fail draws how many of n requests of an arm are bad.
func (s *source) fail(n, share float64, m moment, objective int, canary bool) float64 {
	if s.Over <= 0 || s.Burst <= 1 || canary && s.failing && objective == 0 {
		return bursts(s.random, n, share, s.Burst)
	}
	return s.lasting.fail(s.random, s.Traffic, n, share, m, lastingKey{m.caller, objective, canary})
}

// die lets the requests fail that dead pods were asked.
func (s *source) die(b *both, m moment) {
	d := s.canary.Deaths
	if d.Every <= 0 {
		return
	}
	if begin := m.at.Truncate(d.Every); m.at == begin && s.deathAt < begin {
		s.deathAt = begin + time.Duration(s.random.Int64N(int64(max(1, d.Every-d.Length))))
	}
	within := min(m.at+m.length, s.deathAt+d.Length) - max(m.at, s.deathAt)
	if within <= 0 {
		return
	}
	part := float64(min(d.Pods, s.pods)) / float64(s.pods) * float64(within) / float64(m.length)
	b.died = binomial(s.random, b.canary.requests-min(b.canary.bad[0], b.canary.requests), part)
	b.canary.bad[0] += b.died
}

// outage is how many of the requests fail in both arms; 0: there is no outage.
func (s *source) outage(at time.Duration) float64 {
	o := s.Outages
	if o.Every <= 0 || s.Recorded != nil {
		return 0
	}
	if begin := at.Truncate(o.Every); at == begin && s.outageAt < begin {
		s.outageAt = begin + time.Duration(s.random.Int64N(int64(max(1, o.Every-o.Length))))
	}
	if at >= s.outageAt && at < s.outageAt+o.Length {
		return cmp.Or(o.Share, 0.5)
	}
	return 0
}
