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
	// glance is how soon is looked again for reports that are on their way.
	glance = time.Second
	// probeEvery is how often a source is asked whether it answers while there is nothing else to ask.
	probeEvery = 30 * time.Second
)

// source asks one Counter. The Loop's mutex guards what changes.
type source struct {
	Source
	loop *Loop

	state  currency
	silent bool // the last question was not answered
	// lastAsked is when the last question was asked; zero before the first.
	lastAsked time.Time
	// unusable is why an answer of this tick could not be used; the last one counts.
	unusable currency
	// turns is how many pieces of pasts were asked for, and turn which of them was the last of a namespace.
	turns int
	turn  map[string]int
}

// next is when the next slice of any release can be asked about; soon, while one waits for reports that are on their way.
func (s *source) next() time.Time {
	now, next := s.loop.clock.Now(), time.Time{}
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	due := func(edge time.Time, of counting.Pair) time.Time {
		return s.ours(edge.Add(s.loop.slice + s.Counter.Timing(of).Lag))
	}
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	for _, x := range s.loop.releases {
		if x.source != s {
			continue
		}
		edge := s.edge(x.pair())
		if sooner(due(edge, x.pair())); x.counted() && x.over(edge).Before(edge) {
			sooner(now.Add(glance))
		}
	}
	if next.IsZero() {
		next = due(s.edge(counting.Pair{}), counting.Pair{})
	}
	return next
}

// answers says whether the source answered when it was last asked.
func (s *source) answers() bool {
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	return !s.silent
}

// run asks once for each slice, as soon as it can be asked about. Beside it what no abort waits for is asked: a question about a day
// may take long.
func (s *source) run(ctx context.Context) {
	var aside sync.WaitGroup
	aside.Go(func() { s.repeat(ctx, s.askPasts) })
	aside.Go(func() { s.repeat(ctx, s.askPods) })
	s.repeat(ctx, s.tick)
	aside.Wait()
}

// repeat does something again and again, each time when the time before said.
func (s *source) repeat(ctx context.Context, do func(context.Context) time.Time) {
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
	s.loop.wakeRefused(ctx)
	s.takeUnusable()
	asked, err := s.advance(ctx)
	if !asked && err == nil {
		asked, err = s.probe(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.loop.setState(ctx, s, s.unanswered(err), true)
	case asked:
		s.loop.setState(ctx, s, cmp.Or(s.skew(), s.takeUnusable(), currency{reason: v1alpha1.ReasonCurrent}), false)
	}
	return s.next()
}

// probe asks whether the source answers, when nothing was asked for a while: that it does not is to be known before a release needs it.
func (s *source) probe(ctx context.Context) (asked bool, err error) {
	s.loop.mu.Lock()
	wait := s.lastAsked.Add(probeEvery).Sub(s.loop.clock.Now())
	s.loop.mu.Unlock()
	if wait > 0 {
		return false, nil
	}
	return true, s.Counter.Probe(ctx)
}

// unanswered is the state of a source that does not answer, in its own words where it has some.
func (s *source) unanswered(err error) currency {
	if u, ok := errors.AsType[counting.Unanswered](err); ok {
		return troubled(u.Trouble)
	}
	return currency{v1alpha1.ReasonNoData, fmt.Sprintf("%s does not answer: %s", s, err)}
}

// String is how messages name the source.
func (s *source) String() string { return fmt.Sprintf("%s (source %s)", s.Kind, s.Name) }

// takeUnusable returns why the last unusable answer was so, and forgets it.
func (s *source) takeUnusable() currency {
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	c := s.unusable
	s.unusable = currency{}
	return c
}

// advance asks for the newest slices first: what some have to catch up with must not delay an abort of the others. Of what
// is to be caught up with it asks for the oldest first, so that releases join and are asked about together.
func (s *source) advance(ctx context.Context) (asked bool, err error) {
	if err := s.Counter.Measure(ctx, s.loop.tracked(s).asked((*release).pair)); err != nil {
		return true, err
	}
	s.loop.begin(s)
	if err := s.lookHowFar(ctx); err != nil {
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

// lookHowFar notes up to when the reports about each release can be seen.
func (s *source) lookHowFar(ctx context.Context) error {
	r := s.loop.tracked(s)
	if len(r.releases) == 0 {
		return nil
	}
	upTo, err := s.Counter.Complete(ctx, r.asked((*release).pair))
	if _, useless := errors.AsType[counting.Unusable](err); useless {
		return nil // It would be the same again: the answers about the slices say so themselves.
	}
	if err != nil {
		return err
	}
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	for i, x := range r.releases {
		x.complete = upTo[i]
	}
	return nil
}

// ask asks about one slice of some releases and lets them take the answers. What was not answered is not taken.
func (s *source) ask(ctx context.Context, r round) error {
	return s.Counter.Counts(ctx, r.Interval, r.asked((*release).counts), func(first int, answers [][]counting.Answer) {
		s.loop.take(ctx, r.part(first, len(answers)), answers)
	})
}

// watch asks about the newest slice for the releases that are not counted yet, as it will be asked about those to come: what would keep
// their requests from being counted is known before the first of them.
func (s *source) watch(ctx context.Context) (asked bool, err error) {
	var before counting.Interval
	for r := s.loop.watched(s); len(r.releases) > 0 && r.Interval != before; r = s.loop.watched(s) {
		before = r.Interval
		err := s.Counter.Counts(ctx, r.Interval, r.asked((*release).counts), func(first int, answers [][]counting.Answer) {
			s.loop.noteBelief(ctx, r.part(first, len(answers)), answers)
		})
		if err != nil {
			return true, err
		}
		asked = true
	}
	return asked, nil
}
