package counts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

const (
	leastLag     = time.Second
	mostLag      = 15 * time.Second
	lagMargin    = 500 * time.Millisecond
	mostInterval = 5 * time.Minute
	measureEvery = time.Minute
)

// Timing is what is configured or was measured: at first the longest lag and the usual scrape interval.
func (c *Counter) Timing() counting.Timing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return counting.Timing{Lag: c.lag, Interval: c.scope.ScrapeInterval}
}

// Measure finds, once a minute, how far behind now to ask and how often is scraped, unless both are configured. What is not found
// stays as it was.
func (c *Counter) Measure(ctx context.Context, of []counting.Pair) error {
	now := c.Clock.Now()
	if !c.measureDue(now) {
		return nil
	}
	scope := c.scopeNow()
	var longest struct {
		sync.Mutex
		lag, interval float64
	}
	err := inParts(of, func(_ int, part []counting.Pair) error {
		_, err := byIndicator(scope, part, counting.Indicator.Carrier, func(b promql.Batch, _ *reply) error {
			lag, err := c.largest(ctx, b.Lag(), now)
			if err != nil {
				return err
			}
			interval, err := c.largest(ctx, b.ScrapeInterval(), now)
			longest.Lock()
			defer longest.Unlock()
			longest.lag, longest.interval = max(longest.lag, lag), max(longest.interval, interval)
			return err
		})
		return err
	})
	if err == nil {
		c.found(now, seconds(longest.lag), seconds(longest.interval))
	}
	return c.typed(err)
}

func (c *Counter) measureDue(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.measured) >= measureEvery && (c.Lag == 0 || c.Scope.ScrapeInterval == 0)
}

// largest is the answer, and 0 when there is none that can be used.
func (c *Counter) largest(ctx context.Context, expr string, at time.Time) (float64, error) {
	value, _, err := c.single(ctx, expr, at)
	if _, ok := errors.AsType[counting.Unusable](err); ok {
		return 0, nil
	}
	return value, err
}

// seconds is at most an hour, which is more than anything that is measured may be.
func seconds(n float64) time.Duration { return time.Duration(min(n, 3600) * float64(time.Second)) }

// found takes over what was measured; nothing found is 0.
func (c *Counter) found(now time.Time, lag, interval time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lag > 0 && c.Lag == 0 {
		c.lag = min(max(lag+lagMargin, leastLag), mostLag)
	}
	if interval > 0 && c.Scope.ScrapeInterval == 0 {
		// Below a slice's length nothing depends on it but how soon a target counts as lost.
		c.scope = c.scopeFor(min(max(interval.Round(time.Millisecond), c.Slice), mostInterval))
	}
	if lag > 0 || c.Lag > 0 {
		c.measured = now
	}
}
