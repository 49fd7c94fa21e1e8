package evidence

import (
	"math"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// unknownBad is the share of its limit that a stable of which nothing is known is taken to fail.
const unknownBad = 0.1

// Traffic is what is expected of a Service while a release runs.
type Traffic struct {
	// Rate is in requests per second, both arms together.
	Rate float64
	// Bad is the stable's share of bad requests in each objective, 0 to 1; objectives without one count as a tenth of their limit.
	Bad []float64
}

// Forecast is what the tests will see at one weight, in the mean. Never is a time that does not come within a day.
type Forecast struct {
	// Clear is how long a canary as good as the stable takes to be cleared for the move.
	Clear time.Duration
	// Requests is how many requests of the canary that takes; 0 when it is never cleared.
	Requests float64
	// Total, Tenfold, Threefold and Twofold are how long it takes until a canary is aborted that fails all requests, or so many
	// times as many as the stable, in the objective in which it is seen last.
	Total, Tenfold, Threefold, Twofold time.Duration
}

// Never is the time of what does not happen within a day.
const Never = time.Duration(math.MaxInt64)

const (
	longest      = 24 * time.Hour
	mostRequests = 1e12
)

// Forecast says what the tests of c will see at a weight (a fraction) when the question is about the move to another. The error
// is that of New.
func (c Config) Forecast(at Traffic, weight float64, q Question) (Forecast, error) {
	t, err := New(c)
	if err != nil {
		return Forecast{}, err
	}
	if q.Pace != nil {
		pace := *q.Pace
		pace.Rate, pace.Weight = at.Rate, weight
		q.Pace = &pace
	}
	q, _ = q.asked()
	f := Forecast{}
	for i := range t.objectives {
		bad := t.expectedBad(at, i)
		n := t.toClear(i, bad, q)
		f.Requests = max(f.Requests, n)
		f.Clear = max(f.Clear, lasting(n/(at.Rate*weight)))
		f.Total = max(f.Total, t.toNotice(i, at.Rate, weight, bad, 1/bad))
		f.Tenfold = max(f.Tenfold, t.toNotice(i, at.Rate, weight, bad, 10))
		f.Threefold = max(f.Threefold, t.toNotice(i, at.Rate, weight, bad, 3))
		f.Twofold = max(f.Twofold, t.toNotice(i, at.Rate, weight, bad, 2))
	}
	if f.Requests >= mostRequests {
		f.Requests, f.Clear = 0, Never
	}
	return f, nil
}

func (t *Tests) expectedBad(at Traffic, i int) float64 {
	bad := unknownBad * t.c.Objectives[i].Limit
	if i < len(at.Bad) && exact.Within(at.Bad[i], 0, 1) {
		bad = at.Bad[i]
	}
	return max(bad, 1e-9)
}

// lasting is a time in seconds, rounded up to whole ones.
func lasting(seconds float64) time.Duration {
	if !exact.Within(seconds, 0, longest.Seconds()) {
		return Never
	}
	return time.Duration(math.Ceil(seconds)) * time.Second
}

// toClear is how many requests clear the canary in one objective when the stable's share of them is bad: the root of
// Clearance = 1/beta, which there is when that share is well below the limit.
func (t *Tests) toClear(i int, bad float64, q Question) float64 {
	limit, phi := t.limit(i, q)
	cleared := func(n float64) bool {
		return Clearance(Counts{Requests: n, Bad: n * bad}, limit, phi) >= 1/t.c.FalsePromote
	}
	high := 1.0
	for !cleared(high) {
		if high *= 2; high > mostRequests {
			return mostRequests
		}
	}
	low := high / 2
	for high-low > 1 {
		if mid := (low + high) / 2; cleared(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return math.Ceil(high)
}

// toNotice is about how long a canary with factor times the stable's share of bad requests goes unnoticed: by its share of them
// in the slow lane, or by the ceiling in either. It errs on the slow side: between 0.99 and 1.7 times the simulated median.
func (t *Tests) toNotice(i int, rate, weight, bad, factor float64) time.Duration {
	worse := min(1, bad*factor)
	// The threshold 2/alpha, of this objective's part of the money.
	threshold := math.Log(2 / (t.c.ordinary() * t.c.Objectives[i].Weight))
	least := Never
	for _, tick := range []time.Duration{t.c.Fast, t.c.Slow} {
		d := t.ceilingSeconds(i, rate, weight, bad, worse, threshold, tick)
		if tick == t.c.Slow {
			d = min(d, t.shareSeconds(i, rate, weight, bad, worse, threshold))
		}
		if d >= longest.Seconds() {
			continue
		}
		ticks := max(2, math.Ceil(d/tick.Seconds()))
		least = min(least, time.Duration(ticks)*tick)
	}
	return least
}

// shareSeconds is the time in seconds in which the share bettors reach the threshold: each tick wins g by how far the counts are from
// those of a canary that is as bad as the ratio allows, and at most ln(1/p).
func (t *Tests) shareSeconds(i int, rate, weight, bad, worse, threshold float64) float64 {
	allowed := max(t.c.Ratio*bad, t.c.Objectives[i].Floor)
	ratio := worse / allowed
	if ratio <= 1 || weight >= 1 {
		return math.Inf(1)
	}
	mean := 1 - weight + ratio*weight
	tick := t.c.Slow.Seconds()
	gain := rate * tick * allowed * (ratio*weight*math.Log(ratio) - mean*math.Log(mean))
	return tick * (threshold + 2) * (t.c.Phi[i]/gain + 1/math.Log(ratio/mean))
}

// ceilingSeconds is the same of the ceiling bettors: they win once the canary is beyond the limit, and beyond what the stable's bad
// requests lift it to.
func (t *Tests) ceilingSeconds(i int, rate, weight, bad, worse, threshold float64, tick time.Duration) float64 {
	ceiling := t.c.Objectives[i].Limit
	if weight < 1 {
		ceiling = max(ceiling, shockMargin*t.c.Ratio*(bad+1/(rate*(1-weight)*tick.Seconds())))
	}
	if worse <= ceiling {
		return math.Inf(1)
	}
	gain := rate * tick.Seconds() * weight * (worse*math.Log(worse/ceiling) - worse + ceiling)
	return tick.Seconds() * (threshold + 3.5) * (t.c.Phi[i]/gain + 1/math.Log(worse/ceiling))
}
