package direct

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// job is one proxy that is read in a tick, for all releases that want it.
type job struct {
	proxy  pkgdirect.Proxy
	wanted []counting.Service
	pod    bool // somebody reads it as a pod of an arm, and so all that it says

	done   chan struct{} // closed when there is an answer, or it is known that there is none
	answer *pkgdirect.Answer
}

// turn is one release that has its turn in a tick.
type turn struct {
	key     types.NamespacedName
	release *release
	length  time.Duration
	jobs    []*job
}

// once reads all proxies whose turn it is, and lets each release take what was read of its own as soon as that is complete. It ends with the
// interval.
func (r *Reader) once(ctx context.Context) {
	turns, jobs := r.plan()
	ctx, stop := context.WithTimeout(ctx, r.atMost)
	defer stop()
	limits := newLimits()
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() {
			defer close(j.done)
			r.do(ctx, j, limits)
		})
	}
	for _, t := range turns {
		all.Go(func() {
			for _, j := range t.jobs {
				<-j.done
			}
			r.take(t)
		})
	}
	all.Wait()
}

// plan chooses whose turn it is, and what is to be read for them.
func (r *Reader) plan() ([]turn, []*job) {
	now := r.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tick++
	claims := make([]pkgdirect.Claim, 0, len(r.releases))
	followed, wanted := map[pkgdirect.ID]bool{}, map[pkgdirect.ID]bool{}
	for key, x := range r.releases {
		c := pkgdirect.Claim{Key: key, Load: x.watch.Load()}
		for _, p := range x.watch.Proxies() {
			followed[p.ID] = true
			if !r.resting[p.ID].until.After(now) {
				c.Proxies = append(c.Proxies, p.ID)
				wanted[p.ID] = true
			}
		}
		claims = append(claims, c)
	}
	for id := range r.resting {
		if !followed[id] {
			delete(r.resting, id)
		}
	}
	var turns []turn
	jobs := map[pkgdirect.ID]*job{}
	for _, i := range r.turns.Next(claims, r.budget) {
		turns = append(turns, r.turnOf(claims[i], jobs))
	}
	if off := len(wanted) - len(jobs); off > 0 {
		r.Metrics.Add(metrics.DirectPutOff, float64(off))
	}
	all := make([]*job, 0, len(jobs))
	for _, j := range jobs {
		all = append(all, j)
	}
	return turns, all
}

// turnOf is the turn of a release, with its jobs among those of the tick.
func (r *Reader) turnOf(c pkgdirect.Claim, jobs map[pkgdirect.ID]*job) turn {
	x := r.releases[c.Key]
	t := turn{key: c.Key, release: x, length: time.Duration(r.tick-x.turn) * r.Interval}
	x.turn = r.tick
	for _, p := range x.watch.Proxies() {
		if !slices.Contains(c.Proxies, p.ID) {
			continue
		}
		j := jobs[p.ID]
		if j == nil {
			j = &job{proxy: p, done: make(chan struct{})}
			jobs[p.ID] = j
		}
		if p.Role == pkgdirect.GatewayPod {
			j.wanted = append(j.wanted, x.watch.Wanted()...)
		} else {
			j.proxy, j.pod = p, true
		}
		t.jobs = append(t.jobs, j)
	}
	return t
}

// do reads one proxy, when there is a place. What gets none in the tick was not tried.
func (r *Reader) do(ctx context.Context, j *job, l *limits) {
	leave, ok := l.enter(ctx, j.proxy.Namespace)
	if !ok {
		r.Metrics.Add(metrics.DirectPutOff, 1)
		return
	}
	defer leave()
	began := r.Clock.Now()
	page, err := r.fetch.read(ctx, j.proxy, j.pod, j.wanted)
	now := r.Clock.Now()
	if ctx.Err() != nil && err != nil {
		r.Metrics.Add(metrics.DirectPutOff, 1) // It did not get its time.
		return
	}
	result := metrics.OK
	j.answer = &pkgdirect.Answer{At: now, Page: page}
	if f, ok := errors.AsType[*failure](err); ok {
		result, j.answer.Failure = f.result, f.words
	}
	r.rests(j.proxy.ID, now, err != nil)
	r.Metrics.Add(metrics.DirectReadings, 1, result)
	r.Metrics.Add(metrics.DirectReadingDuration, now.Sub(began).Seconds())
}

// rests notes whether a proxy could be read, and how long it is left alone if not.
func (r *Reader) rests(id pkgdirect.ID, now time.Time, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.resting, id)
		return
	}
	x := r.resting[id]
	wait := min(longestWait, r.Interval<<min(x.failures, 8))
	r.resting[id] = rest{failures: x.failures + 1, until: now.Add(wait - r.Interval/2)} // half of it, so that it is over at a tick
}

// take gives a release what was read for it, if it is still followed.
func (r *Reader) take(t turn) {
	answers := map[pkgdirect.ID]pkgdirect.Answer{}
	for _, j := range t.jobs {
		if j.answer != nil {
			answers[j.proxy.ID] = *j.answer
		}
	}
	now := r.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.releases[t.key] == t.release && t.release.watch.Take(now, t.length, answers) {
		r.note(t.key)
	}
}

// limits are how many may read at once.
type limits struct {
	all chan struct{}
	mu  sync.Mutex
	of  map[string]chan struct{} // by namespace
}

func newLimits() *limits {
	return &limits{all: make(chan struct{}, atOnce), of: map[string]chan struct{}{}}
}

// enter waits for a place; false when the context ends before. A namespace waits for its own places first, so that it cannot have others
// wait behind it.
func (l *limits) enter(ctx context.Context, namespace string) (leave func(), ok bool) {
	l.mu.Lock()
	own := l.of[namespace]
	if own == nil {
		own = make(chan struct{}, atOnceOfOne)
		l.of[namespace] = own
	}
	l.mu.Unlock()
	select {
	case own <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	select {
	case l.all <- struct{}{}:
		return func() { <-l.all; <-own }, true
	case <-ctx.Done():
		<-own
		return nil, false
	}
}
