package shift

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// A write that was denied is tried again after refusedFirst, then each time after twice as long, up to refusedLast. Levers are always tried.
const (
	refusedFirst = time.Second
	refusedLast  = 30 * time.Second
)

// refusals remember, for each TrafficShift, the write that was denied last, so that one which is denied again and again is not sent with
// every pass: it would use up what other releases need for their aborts.
type refusals struct {
	mu   sync.Mutex
	last map[types.NamespacedName]refusal
	// statuses are those of which the API server took none since.
	statuses map[types.NamespacedName]refusal
}

type refusal struct {
	verb    release.Verb
	failure *cluster.Failure
	times   int
	since   time.Time // when it was denied first
	until   time.Time // when it is tried again
}

func newRefusals() *refusals {
	return &refusals{last: map[types.NamespacedName]refusal{}, statuses: map[types.NamespacedName]refusal{}}
}

// noteStatus remembers a status that was denied, and says how often in a row that has happened.
func (r *refusals) noteStatus(key types.NamespacedName, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	times := r.statuses[key].times + 1
	r.statuses[key] = refusal{times: times, until: now.Add(doubled(refusedFirst, refusedLast, times))}
	return times
}

// passStatus forgets that a status was denied.
func (r *refusals) passStatus(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.statuses, key)
}

// statusLeft is how long until a status is written again after one that was denied; 0: it may be.
func (r *refusals) statusLeft(key types.NamespacedName, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.statuses[key].until.Sub(now))
}

// standing is the failure of one of these writes before, while it is too early to try again; nil when all may be sent. Once a pass has no
// such write any more, its denial is over.
func (r *refusals) standing(key types.NamespacedName, writes []cluster.Write, now time.Time) *cluster.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, found := r.last[key]
	if !found {
		return nil
	}
	if !slices.ContainsFunc(writes, func(w cluster.Write) bool { return !w.Lever && w.Action.Verb == last.verb }) {
		delete(r.last, key)
		return nil
	}
	if !now.Before(last.until) {
		return nil
	}
	return last.failure
}

// denial is the write that is denied now; nil when none is.
func (r *refusals) denial(key types.NamespacedName) *release.Denial {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, found := r.last[key]
	if !found {
		return nil
	}
	return &release.Denial{Reason: last.failure.Reason(), Message: last.failure.Message(), Since: last.since}
}

// note remembers a write that was denied.
func (r *refusals) note(key types.NamespacedName, f *cluster.Failure, now time.Time) {
	if !f.Denied() || f.Write.Lever {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	times, since := 1, now
	if last := r.last[key]; last.verb == f.Write.Action.Verb {
		times, since = last.times+1, last.since
	}
	r.last[key] = refusal{f.Write.Action.Verb, f, times, since, now.Add(doubled(refusedFirst, refusedLast, times))}
}

// pass forgets the denial of a write that was accepted.
func (r *refusals) pass(key types.NamespacedName, w *cluster.Write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last[key].verb == w.Action.Verb {
		delete(r.last, key)
	}
}

// left is how long until the denied write is tried again; 0 when none was denied.
func (r *refusals) left(key types.NamespacedName, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, found := r.last[key]; found {
		return max(time.Millisecond, last.until.Sub(now))
	}
	return 0
}

func (r *refusals) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, key)
	delete(r.statuses, key)
}
