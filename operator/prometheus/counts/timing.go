package counts

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	t := counting.Timing{Lag: c.lag, Interval: c.scope.ScrapeInterval, Dated: len(c.looks) > 0, Ahead: c.ahead}
	if t.Dated {
		t.Skew = c.skew()
	}
	return t
}

// timed is what was measured, in seconds; 0: nothing was found.
type timed struct{ lag, interval, unmeasured float64 }

// and is the longest of both.
func (t timed) and(o timed) timed {
	return timed{max(t.lag, o.lag), max(t.interval, o.interval), max(t.unmeasured, o.unmeasured)}
}

// Measure finds which time it is at Prometheus, where there are releases. Once a minute, and when there are others, it finds how far behind now
// to ask and how often is scraped, unless they are configured, and which proxies are scraped more than once. What is not found stays as it was.
// Until all is found, and after a time that cannot be counted since nothing is known from before, it is looked for each time.
func (c *Counter) Measure(ctx context.Context, of []counting.Pair) error {
	if len(of) == 0 {
		return nil
	}
	if err := cmp.Or(c.Probe(ctx), c.dated()); err != nil {
		return err
	}
	now := c.Clock.Now()
	if !c.measureDue(now, of) {
		return nil
	}
	scope := func(counting.Indicator) promql.Scope { return c.scopeNow() }
	var mu sync.Mutex
	var found timed
	copies := map[counting.Indicator]promql.Copies{}
	err := inParts(of, func(_ int, part []counting.Pair) error {
		asked, err := c.byIndicator(ctx, scope, part, counting.Indicator.Carrier, func(ctx context.Context, b promql.Batch, to *reply) error {
			var asked errgroup.Group
			asked.Go(func() error {
				own, err := c.timed(ctx, b)
				mu.Lock()
				defer mu.Unlock()
				found = found.and(own)
				return err
			})
			asked.Go(func() (err error) {
				to.copies, err = answerTo(ctx, c, b.Copies(), time.Time{}, promql.DecodeCopies)
				return err
			})
			return asked.Wait()
		})
		mu.Lock()
		defer mu.Unlock()
		for i, r := range asked {
			copies[i] = copies[i].And(r.copies)
		}
		return err
	})
	if err == nil {
		c.found(now, found)
		c.foundCopies(copies, of)
	}
	return c.typed(err)
}

// timed asks how far behind and how often is scraped what is counted of a batch.
func (c *Counter) timed(ctx context.Context, b promql.Batch) (t timed, err error) {
	b = b.LeavingOut(c.onceBy(b.Indicator()).Without)
	var asked errgroup.Group
	for to, expr := range map[*float64]string{&t.lag: b.Lag(), &t.interval: b.ScrapeInterval(), &t.unmeasured: b.Unmeasured()} {
		asked.Go(func() (err error) {
			*to, err = c.largest(ctx, expr)
			return err
		})
	}
	return t, asked.Wait()
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
	now := c.Clock.Now()
	maps.DeleteFunc(c.apart, func(_ about, a apart) bool { return now.After(a.until) })
}

func (c *Counter) measureDue(now time.Time, of []counting.Pair) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := slices.EqualFunc(of, c.of, func(a, b counting.Pair) bool { return a.Stable == b.Stable && a.Canary == b.Canary })
	return now.Sub(c.measured) >= measureEvery || !same
}

// largest is the answer about the present, and 0 when there is none that can be used.
func (c *Counter) largest(ctx context.Context, expr string) (float64, error) {
	value, _, err := c.single(ctx, expr, time.Time{})
	if _, ok := errors.AsType[counting.Unusable](err); ok {
		return 0, nil
	}
	return value, err
}

// seconds is at most an hour, which is more than anything that is measured may be.
func seconds(n float64) time.Duration { return time.Duration(min(n, 3600) * float64(time.Second)) }

// found takes over what was measured. All is found when the lag is known, and the interval of each job.
func (c *Counter) found(now time.Time, t timed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lag, interval, unmeasured := seconds(t.lag), seconds(t.interval), seconds(t.unmeasured)
	if lag > 0 && c.Lag == 0 {
		c.lag = min(max(lag+lagMargin, leastLag), mostLag)
	}
	if c.Scope.ScrapeInterval == 0 {
		if interval == 0 {
			interval = c.scope.ScrapeInterval
		}
		if unmeasured > 0 {
			unmeasured = min(max(unmeasured.Round(time.Millisecond), promql.DefaultScrapeInterval), mostInterval)
		}
		// Below a slice's length nothing depends on it but how soon a target counts as lost.
		c.scope = c.scopeFor(min(max(interval.Round(time.Millisecond), c.Slice), mostInterval), unmeasured)
	}
	if (lag > 0 || c.Lag > 0) && (unmeasured == 0 || c.Scope.ScrapeInterval > 0) {
		c.measured = now
	}
}

// forget makes all be measured again: nothing is known from before, so what was measured is of another time.
func (c *Counter) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.measured = time.Time{}
}
