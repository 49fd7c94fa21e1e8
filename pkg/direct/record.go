package direct

import (
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// Answer is what became of reading a proxy.
type Answer struct {
	// At is when the answer was there.
	At time.Time
	// Page is what the proxy said; nil: it could not be read, and Failure says why, in a few words such as "connection refused".
	Page    *Page
	Failure string
}

// record is what is known of one proxy of a release.
type record struct {
	at       time.Time
	page     *Page // the last that could be read; nil: none yet
	failures int   // since then
	failure  string
	told     []told
}

// told is how many clusters a proxy had been told of at a time.
type told struct {
	at    time.Time
	count float64
}

// mostTold is how many changes are remembered of how many clusters a proxy was told of.
const mostTold = 64

// increment is what a proxy counted between two readings.
type increment struct {
	from time.Time
	own  Tally
	to   map[counting.Service]Tally
}

// take takes an answer, and returns what came since the one before; nil where there was none, where a counter fell and where the answer is
// later than it may be.
func (r *record) take(a Answer, within time.Duration, wanted []counting.Service) *increment {
	if a.Page == nil {
		r.failures++
		r.failure = a.Failure
		return nil
	}
	page, at := r.page, r.at
	*r = record{at: a.At, page: a.Page, told: r.told}
	if n := len(r.told); a.Page.Told >= 0 && (n == 0 || r.told[n-1].count != a.Page.Told) {
		r.told = append(r.told[max(0, n-mostTold+1):], told{a.At, a.Page.Told})
	}
	if page == nil || a.At.Sub(at) > within || a.Page.Told < page.Told {
		return nil
	}
	own, ok := a.Page.Own.since(page.Own)
	if !ok {
		return nil
	}
	came := &increment{from: at, own: own}
	for _, s := range wanted {
		was, asked := page.To[s]
		to, ok := a.Page.To[s].since(was)
		if !ok || !asked {
			return nil
		}
		if came.to == nil {
			came.to = map[counting.Service]Tally{}
		}
		came.to[s] = to
	}
	return came
}

// toldSince says whether the proxy has been told of something since a time, and of nothing more between the last two readings: what changes
// together is told together, within a moment. It must have been read before that time.
func (r *record) toldSince(t time.Time) bool {
	i := slices.IndexFunc(r.told, func(x told) bool { return !x.at.Before(t) })
	if i <= 0 || r.page == nil || r.page.Warming {
		return false
	}
	last := r.told[len(r.told)-1]
	return last.count > r.told[i-1].count && r.at.After(last.at)
}
