package counts

import (
	"context"
	"errors"
	"slices"
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

// Measure finds, once a minute and when there are other releases, how far behind now to ask and how often is scraped, unless they are
// configured, and which proxies are scraped more than once. What is not found stays as it was.
func (c *Counter) Measure(ctx context.Context, of []counting.Pair) error {
	now := c.Clock.Now()
	if !c.measureDue(now, of) {
		return nil
	}
	scope := func(counting.Indicator) promql.Scope { return c.scopeNow() }
	var mu sync.Mutex
	var lag, interval float64
	copies := map[counting.Indicator]promql.Copies{}
	err := inParts(of, func(_ int, part []counting.Pair) error {
		asked, err := byIndicator(scope, part, counting.Indicator.Carrier, func(b promql.Batch, to *reply) error {
			late, err := c.largest(ctx, b.Lag(), now)
			if err != nil {
				return err
			}
			between, err := c.largest(ctx, b.ScrapeInterval(), now)
			if err != nil {
				return err
			}
			mu.Lock()
			lag, interval = max(lag, late), max(interval, between)
			mu.Unlock()
			return c.copies(ctx, b, now, to)
		})
		mu.Lock()
		defer mu.Unlock()
		for i, r := range asked {
			copies[i] = copies[i].And(r.copies)
		}
		return err
	})
	if err == nil {
		c.found(now, seconds(lag), seconds(interval))
		c.foundCopies(copies, of)
	}
	return c.typed(err)
}

// copies asks by which ways the reports of the same proxies come.
func (c *Counter) copies(ctx context.Context, b promql.Batch, at time.Time, to *reply) error {
	read, err := answered(ctx, c, b.Copies(), at, promql.DecodeCopies)
	to.copies = to.copies.And(read)
	return err
}

// foundCopies chooses how each proxy is counted once.
func (c *Counter) foundCopies(copies map[counting.Indicator]promql.Copies, of []counting.Pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	once := map[counting.Indicator]promql.Once{}
	for i, found := range copies {
		once[i] = found.Choose(c.once[i])
	}
	c.once, c.of = once, slices.Clone(of)
}

func (c *Counter) measureDue(now time.Time, of []counting.Pair) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := slices.EqualFunc(of, c.of, func(a, b counting.Pair) bool { return a.Stable == b.Stable && a.Canary == b.Canary })
	return len(of) > 0 && (now.Sub(c.measured) >= measureEvery || !same)
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
