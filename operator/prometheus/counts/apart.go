package counts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// forAll is how long the answer about many releases may take, and forFew that about a piece of them, or about one that is asked about apart.
	forAll = 5 * time.Second
	forFew = 2 * time.Second
	// inAll is how long it may take to find out which releases make a question one that is not answered.
	inAll = 15 * time.Second
	// pieces is into how many a question that is not answered is cut: 250 releases are told apart in four rounds.
	pieces = 4
	// again is how soon a release is asked about again that was not answered about, and apartFor how long it is asked about apart then.
	again    = time.Minute
	apartFor = 10 * time.Minute
)

// ofQuestion is a Querier's error that says whether another question may be answered now.
type ofQuestion interface {
	error
	// OfQuestion is true where this one was refused, took too long, or has an answer that is too large or cannot be added up.
	OfQuestion() bool
}

// tooMuch is an answer that cannot be used for a cause, where one about fewer releases may be.
type tooMuch struct {
	counting.Unusable
	cause error
}

// Unwrap returns the error of the answer.
func (t tooMuch) Unwrap() error { return t.Unusable }

// OfQuestion is true.
func (tooMuch) OfQuestion() bool { return true }

// blamed tells whether an error is the question's.
func blamed(err error) bool {
	q, ok := errors.AsType[ofQuestion](err)
	return ok && q.OfQuestion()
}

func tookTooLong(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// release names one.
type release struct{ stable, canary counting.Service }

func releaseOf(p counting.Pair) release { return release{p.Stable, p.Canary} }

// about is a release by one indicator.
type about struct {
	release
	by counting.Indicator
}

// apart is a release that is asked about in a question of its own, so that no other shares its fate.
type apart struct {
	trouble *counting.Trouble // why it has no answer; nil: it has
	next    time.Time         // when it is asked about again
	until   time.Time
}

// inquiry asks one question about releases by an indicator. Where it is not answered it is cut into pieces, until it is known which releases
// make it so: what one of them has, an expression that is refused, more series than anybody can add up, holds up no other.
type inquiry struct {
	c     *Counter
	ctx   context.Context
	by    counting.Indicator
	ask   func(context.Context, []counting.Pair) (reply, error)
	slots chan struct{}
	work  sync.WaitGroup

	mu     sync.Mutex
	to     reply
	heard  bool // Prometheus answered something, be it by a refusal
	stop   error
	guilty map[int]error
	of     []counting.Pair
	left   []counting.Pair
}

// asked is what is answered about releases by an indicator. An error says that Prometheus does not answer.
func (c *Counter) asked(ctx context.Context, by counting.Indicator, of []counting.Pair, ask func(context.Context, []counting.Pair) (reply, error)) (reply, error) {
	limited, done := context.WithTimeout(ctx, inAll)
	defer done()
	q := &inquiry{c: c, ctx: limited, by: by, ask: ask, slots: make(chan struct{}, pieces), of: of, guilty: map[int]error{}}
	var together []int
	for n, p := range of {
		a, is := c.apartNow(about{releaseOf(p), by})
		switch {
		case !is:
			together = append(together, n)
		case a.trouble != nil && a.next.After(c.Clock.Now()):
			q.to.cannot(p, *a.trouble)
		default:
			q.work.Go(func() { q.about([]int{n}, forFew) })
		}
	}
	if len(together) > 0 {
		q.about(together, forAll)
	}
	q.work.Wait()
	return q.result(ctx)
}

// about asks about some of the releases within a time.
func (q *inquiry) about(some []int, within time.Duration) {
	of := make([]counting.Pair, len(some))
	for i, n := range some {
		of[i] = q.of[n]
	}
	to, err := q.question(of, within)
	unusable, useless := errors.AsType[counting.Unusable](err)
	switch {
	case err == nil:
		q.took(some, to)
	case q.ctx.Err() != nil:
		q.mu.Lock()
		defer q.mu.Unlock()
		q.left = append(q.left, of...)
	case blamed(err) && len(some) > 1:
		q.heardOf(err)
		size := (len(some) + pieces - 1) / pieces
		for from := 0; from < len(some); from += size {
			part := some[from:min(from+size, len(some))]
			q.work.Go(func() { q.about(part, forFew) })
		}
	case blamed(err):
		q.heardOf(err)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.guilty[some[0]] = err
	case useless:
		for _, p := range of {
			to.cannot(p, unusable.Trouble)
		}
		q.took(some, to)
	default:
		q.mu.Lock()
		defer q.mu.Unlock()
		q.stop = err
	}
}

// question asks when it is its turn.
func (q *inquiry) question(of []counting.Pair, within time.Duration) (reply, error) {
	select {
	case q.slots <- struct{}{}:
	case <-q.ctx.Done():
		return reply{}, q.ctx.Err()
	}
	defer func() { <-q.slots }()
	limited, done := context.WithTimeoutCause(q.ctx, within, fmt.Errorf("no answer within %s: %w", within, context.DeadlineExceeded))
	defer done()
	return q.ask(limited, of)
}

func (q *inquiry) took(some []int, to reply) {
	for _, n := range some {
		q.c.answered(about{releaseOf(q.of[n]), q.by})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.to, q.heard = q.to.and(to), true
}

// heardOf notes that a refusal is an answer too.
func (q *inquiry) heardOf(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.heard = q.heard || !tookTooLong(err)
}

// result is what was answered. Who was not answered about is to blame for it where Prometheus answers something else.
func (q *inquiry) result(ctx context.Context) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	if q.stop != nil {
		return reply{}, q.stop
	}
	for n, err := range q.guilty {
		if !q.heard && (len(q.of) > 1 || q.c.probe(ctx, forFew) != nil) {
			return reply{}, err
		}
		q.to.cannot(q.of[n], q.c.setApart(about{releaseOf(q.of[n]), q.by}, err))
	}
	for _, p := range q.left {
		if !q.heard {
			return reply{}, context.DeadlineExceeded
		}
		q.c.setApart(about{releaseOf(p), q.by}, nil)
		q.to.leave(p)
	}
	return q.to, nil
}

// apartNow says how a release is asked about apart, if it is.
func (c *Counter) apartNow(x about) (apart, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, is := c.apart[x]
	return a, is
}

// setApart has a release asked about apart from now on. The error is why it has no answer, and is returned in words; nil: it may have one.
func (c *Counter) setApart(x about, err error) counting.Trouble {
	now := c.Clock.Now()
	a, t := apart{until: now.Add(apartFor)}, counting.Trouble{}
	if large, ok := errors.AsType[tooMuch](err); ok {
		err = large.cause
	}
	if err != nil {
		t = counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: fmt.Sprintf("%s (source %s) answers, but not what is asked about %s by %s; others are counted: %s",
			Kind, c.Name, x.stable, x.by, err)}
		a.trouble, a.next = &t, now.Add(again)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apart[x] = a
	return t
}

// answered notes that there was an answer about a release.
func (c *Counter) answered(x about) {
	now := c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a, is := c.apart[x]
	switch {
	case !is:
	case now.After(a.until):
		delete(c.apart, x)
	default:
		a.trouble = nil
		c.apart[x] = a
	}
}
