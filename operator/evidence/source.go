package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// longest is how many of the usual slices long those are that are asked for when there is much to catch up with.
	longest = 12
)

// source asks one Prometheus. The Loop's mutex guards what changes.
type source struct {
	Source
	loop *Loop

	scope    counting.Scope
	lag      time.Duration
	measured time.Time // when lag and scrape interval were last asked for
	state    currency
	trouble  currency // why the last void slice of this tick was void
}

func newSource(l *Loop, from Source) *source {
	s := &source{Source: from, loop: l, lag: from.Lag, scope: scoped(from.Scope, from.Scope.ScrapeInterval, l.slice)}
	if s.lag == 0 {
		s.lag = mostLag
	}
	return s
}

// scoped is the scope with a scrape interval, and a look-back that is long enough for it and for the longest slices.
func scoped(s counting.Scope, interval, slice time.Duration) counting.Scope {
	s.ScrapeInterval = cmp.Or(interval, counting.DefaultScrapeInterval)
	s.Lookback = max(cmp.Or(s.Lookback, counting.DefaultLookback), 2*s.Settle(), 2*longest*slice)
	return s
}

// window is the time over which recent traffic is added up: at least two scrapes of every target.
func (s *source) window() time.Duration { return max(recent, 2*s.scope.ScrapeInterval) }

// edge is the end of the newest slice that is over and visible.
func (s *source) edge(now time.Time) time.Time { return now.Add(-s.lag).Truncate(s.loop.slice) }

// snapshot is the source as it is known now, for those who do not hold up its next slice.
func (s *source) snapshot() *source {
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	return &source{Source: s.Source, loop: s.loop, scope: s.scope, lag: s.lag, state: s.state}
}

// answers says whether the source answered when it was last asked.
func (s *source) answers() bool {
	return s.snapshot().state.reason != v1alpha1.ReasonPrometheusUnreachable
}

// run asks once for each slice, as soon as its samples are visible. Beside it what no abort waits for is asked: a question about a
// day may take long.
func (s *source) run(ctx context.Context) {
	var aside sync.WaitGroup
	aside.Go(func() { s.every(ctx, s.remember) })
	aside.Go(func() { s.every(ctx, s.blame) })
	s.every(ctx, s.tick)
	aside.Wait()
}

// every does something again and again, each time when the time before said.
func (s *source) every(ctx context.Context, do func(context.Context) time.Time) {
	for {
		timer := s.loop.clock.NewTimer(do(ctx).Sub(s.loop.clock.Now()))
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// tick asks for all slices that are over and can be asked for before the next one is, and returns when that will be.
func (s *source) tick(ctx context.Context) time.Time {
	s.trouble = currency{}
	asked, err := s.advance(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.loop.enter(ctx, s, currency{v1alpha1.ReasonPrometheusUnreachable,
			fmt.Sprintf("Prometheus (source %s) does not answer: %s", s.Name, err)})
	case asked:
		s.loop.enter(ctx, s, cmp.Or(s.trouble, currency{reason: v1alpha1.ReasonCurrent}))
	}
	return s.next()
}

// advance asks for the newest slices first: what some have to catch up with must not delay an abort of the others. Of what
// is to be caught up with it asks for the oldest first, so that releases join and are asked about together.
func (s *source) advance(ctx context.Context) (asked bool, err error) {
	if err := s.measure(ctx); err != nil {
		return true, err
	}
	next := s.next()
	for r := s.loop.due(s, newestFirst); len(r.releases) > 0; r = s.loop.due(s, oldestFirst) {
		if err := s.ask(ctx, r); err != nil {
			return true, err
		}
		if asked && !s.loop.clock.Now().Before(next) {
			break
		}
		asked = true
	}
	watched, err := s.watch(ctx)
	return asked || watched, err
}

// next is when the next slice can be asked for.
func (s *source) next() time.Time {
	return s.edge(s.loop.clock.Now()).Add(s.loop.slice + s.lag)
}

// ask asks about one slice of some releases and lets them take the answer. What was not answered is not taken.
func (s *source) ask(ctx context.Context, r round) error {
	if err := s.base(ctx, r); err != nil {
		return s.takeVoid(ctx, r, err)
	}
	return r.each(func(part round) error {
		a, err := s.answer(ctx, part)
		if err != nil {
			return s.takeVoid(ctx, part, err)
		}
		s.loop.take(ctx, part, a)
		return nil
	})
}

// takeVoid lets the releases of the round take a void slice when asking again would not help, and returns the error otherwise.
func (s *source) takeVoid(ctx context.Context, r round, err error) error {
	u, ok := errors.AsType[unusable](err)
	if !ok {
		return err
	}
	s.loop.take(ctx, r, answer{void: &u.currency})
	return nil
}

// watch looks at the scrapes of the releases that are not counted yet.
func (s *source) watch(ctx context.Context) (asked bool, err error) {
	r := s.loop.watched(s)
	return len(r.releases) > 0, r.each(func(part round) error {
		a, err := s.freshness(ctx, part)
		if u, ok := errors.AsType[unusable](err); ok {
			a = answer{void: &u.currency}
		} else if err != nil {
			return err
		}
		s.loop.look(ctx, part, a)
		return nil
	})
}

// base is an error when counts of the round's slice cannot be believed.
func (s *source) base(ctx context.Context, r round) error {
	b, err := s.batch(r.releases[:1], counting.Indicator{})
	if err != nil {
		return err
	}
	expr, err := b.Base(r.Length())
	if err != nil {
		return err
	}
	n, found, err := s.single(ctx, expr, r.End)
	if err == nil && (!found || n == 0) {
		return unusable{currency{v1alpha1.ReasonNoData, fmt.Sprintf(
			"Prometheus (source %s) has no scrapes from before %s; counting begins anew when it has some", s.Name, r.Start.UTC().Format(time.RFC3339))}}
	}
	return err
}
