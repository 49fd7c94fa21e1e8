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

// take takes an answer, and returns what came since the one before. It is void where there was none, where a counter fell and where the
// answer is later than it may be.
func (r *record) take(a Answer, within time.Duration, wanted []counting.Service) (increment, bool) {
	if a.Page == nil {
		r.failures++
		r.failure = a.Failure
		return increment{}, false
	}
	before := *r
	*r = record{at: a.At, page: a.Page, told: before.told}
	if n := len(r.told); a.Page.Told >= 0 && (n == 0 || r.told[n-1].count != a.Page.Told) {
		r.told = append(r.told[max(0, n-mostTold+1):], told{a.At, a.Page.Told})
	}
	if before.page == nil || a.At.Sub(before.at) > within || a.Page.Told < before.page.Told {
		return increment{}, false
	}
	came := increment{from: before.at, to: map[counting.Service]Tally{}}
	var ok bool
	if came.own, ok = a.Page.Own.since(before.page.Own); !ok {
		return increment{}, false
	}
	for _, s := range wanted {
		was, asked := before.page.To[s]
		if came.to[s], ok = a.Page.To[s].since(was); !ok {
			return increment{}, false
		}
		if !asked {
			return increment{}, false
		}
	}
	return came, true
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
