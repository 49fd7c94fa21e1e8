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
	added    []told
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
	*r = record{at: a.At, page: a.Page, added: before.added}
	if n := len(r.added); a.Page.Added >= 0 && (n == 0 || r.added[n-1].count != a.Page.Added) {
		r.added = append(r.added[max(0, n-mostTold+1):], told{a.At, a.Page.Added})
	}
	if before.page == nil || a.At.Sub(before.at) > within || a.Page.Added < before.page.Added {
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

// toldSince says whether the proxy has been told of a cluster since a time. It must have been read before.
func (r *record) toldSince(t time.Time) bool {
	i := slices.IndexFunc(r.added, func(x told) bool { return !x.at.Before(t) })
	return i > 0 && r.added[len(r.added)-1].count > r.added[i-1].count
}
