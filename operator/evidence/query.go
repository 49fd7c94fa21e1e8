package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	leastLag     = time.Second
	mostLag      = 15 * time.Second
	lagMargin    = 500 * time.Millisecond
	mostInterval = 5 * time.Minute
	measureEvery = time.Minute
)

// unusable is the error of an answer that is no evidence and would be the same if it were asked for again.
type unusable struct{ currency }

// Error returns the sentence for people.
func (u unusable) Error() string { return u.message }

func (s *source) unusable(err error) error {
	return unusable{currency{v1alpha1.ReasonStale, fmt.Sprintf("Prometheus (source %s) gave an answer that is not counted: %s", s.Name, err)}}
}

func (s *source) query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	return answered(s, func() (model.Vector, error) { return s.Querier.Query(ctx, expr, at) })
}

// answered counts a question by its outcome, and makes its answer unusable when something may be missing in it.
func answered[T any](s *source, ask func() (T, error)) (T, error) {
	v, err := ask()
	outcome := outcomeOK
	if i, ok := errors.AsType[incomplete](err); ok {
		outcome = outcomePartial
		err = s.unusable(errors.New(strings.Join(i.Incomplete(), "; ")))
	} else if err != nil {
		outcome = outcomeError
	}
	s.loop.metrics.queries.WithLabelValues(outcome).Inc()
	return v, err
}

func (s *source) single(ctx context.Context, expr string, at time.Time) (value float64, found bool, err error) {
	v, err := s.query(ctx, expr, at)
	if err != nil {
		return 0, false, err
	}
	if value, found, err = counting.Single(v); err != nil {
		err = s.unusable(err)
	}
	return value, found, err
}

// measure finds, once a minute, how far behind now to ask and how often is scraped, unless both are configured. What is not
// found stays as it was: at first the longest lag and the usual scrape interval.
func (s *source) measure(ctx context.Context) error {
	now := s.loop.clock.Now()
	if now.Sub(s.measured) < measureEvery || s.Lag > 0 && s.Scope.ScrapeInterval > 0 {
		return nil
	}
	var m struct {
		sync.Mutex
		lag, interval float64
	}
	err := s.loop.tracked(s).each(func(part round) error {
		return s.by(part, answer{by: map[counting.Indicator]said{}}, counting.Indicator.Carrier, func(b counting.Batch, _ *said) error {
			lag, err := s.largest(ctx, b.Lag(), now)
			if err != nil {
				return err
			}
			interval, err := s.largest(ctx, b.ScrapeInterval(), now)
			m.Lock()
			defer m.Unlock()
			m.lag, m.interval = max(m.lag, lag), max(m.interval, interval)
			return err
		})
	})
	if err == nil {
		s.loop.measured(s, now, seconds(m.lag), seconds(m.interval))
	}
	return err
}

// largest is the answer, and 0 when there is none that can be used.
func (s *source) largest(ctx context.Context, expr string, at time.Time) (float64, error) {
	value, _, err := s.single(ctx, expr, at)
	if _, ok := errors.AsType[unusable](err); ok {
		return 0, nil
	}
	return value, err
}

// seconds is at most an hour, which is more than anything that is measured may be.
func seconds(n float64) time.Duration { return time.Duration(min(n, 3600) * float64(time.Second)) }

// measured takes over what was found; nothing found is 0.
func (l *Loop) measured(s *source, now time.Time, lag, interval time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lag > 0 && s.Lag == 0 {
		s.lag = min(max(lag+lagMargin, leastLag), mostLag)
	}
	if interval > 0 && s.Scope.ScrapeInterval == 0 {
		// Below a slice's length nothing depends on it but how soon a target counts as lost.
		s.scope = scoped(s.Scope, min(max(interval.Round(time.Millisecond), l.slice), mostInterval), l.slice)
	}
	if lag > 0 || s.Lag > 0 {
		s.measured = now
	}
}
