package shift

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// A write that was denied is tried again after refusedFirst, then each time after twice as long, up to refusedLast; one that failed otherwise after
// retryFirst, up to retryLast. Levers are always tried.
const (
	refusedFirst = time.Second
	refusedLast  = 30 * time.Second
)

// lasting is how often in a row a write fails before that is told, although another look at the object might have sufficed.
const lasting = 5

// refusals remember, for each TrafficShift, the write that failed last, so that one which fails again and again is not sent with every pass, nor what
// leads to it: telling of it is a change of the TrafficShift, which is a reason for the next pass. It would use up what other releases need for their
// aborts.
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
	until   time.Time // when it is tried again
	// denied is the failure when it was denied last, and since is when it was first; nil: it was not.
	denied *cluster.Failure
	since  time.Time
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
// such write any more, that is over.
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
	last := r.last[key]
	if last.denied == nil {
		return nil
	}
	return &release.Denial{Reason: last.denied.Reason(), Message: last.denied.Message(), Since: last.since}
}

// note remembers a write that failed, and notes on it when it has often.
func (r *refusals) note(key types.NamespacedName, f *cluster.Failure, now time.Time) {
	if f.Write.Lever {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	is := r.last[key]
	if is.verb != f.Write.Action.Verb {
		is = refusal{verb: f.Write.Action.Verb}
	}
	is.failure, is.times = f, is.times+1
	f.Lasting = is.times >= lasting
	is.until = now.Add(doubled(retryFirst, retryLast, is.times))
	if f.Denied() {
		is.until = now.Add(doubled(refusedFirst, refusedLast, is.times))
		if is.denied == nil {
			is.since = now
		}
		is.denied = f
	}
	r.last[key] = is
}

// pass forgets the failures of a write that was accepted.
func (r *refusals) pass(key types.NamespacedName, w *cluster.Write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last[key].verb == w.Action.Verb {
		delete(r.last, key)
	}
}

// left is how long until the write that failed is tried again; 0 when none did.
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
