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

// Timing is what is configured or was measured about a pair: at first the longest lag and the usual scrape interval.
func (c *Counter) Timing(of counting.Pair) counting.Timing {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.paceOf(of)
	t := counting.Timing{Lag: own.lag, Interval: own.interval, Dated: len(c.looks) > 0, Ahead: c.ahead}
	if t.Dated {
		t.Skew = c.skew()
	}
	return t
}

// timed is what was measured of who reports about an arm, in seconds; 0: nothing was found.
type timed struct{ lag, interval, unmeasured float64 }

// and is the longest of both.
func (t timed) and(o timed) timed {
	return timed{max(t.lag, o.lag), max(t.interval, o.interval), max(t.unmeasured, o.unmeasured)}
}

// pace is how far behind now to ask about a pair, the scrape interval of those who report about it, and the one that is assumed of those of whom it is
// not known; 0: there are none. Found: nothing more is to be looked for.
type pace struct {
	lag, interval, unmeasured time.Duration
	found                     bool
}

// and is the slower of both.
func (p pace) and(o pace) pace {
	return pace{max(p.lag, o.lag), max(p.interval, o.interval), max(p.unmeasured, o.unmeasured), p.found && o.found}
}

// paceOf is what is known of a pair, or assumed. The caller holds the mutex.
func (c *Counter) paceOf(of counting.Pair) pace {
	if own, known := c.paces[releaseOf(of)]; known {
		return own
	}
	return pace{lag: cmp.Or(c.Lag, mostLag), interval: cmp.Or(c.Scope.ScrapeInterval, promql.DefaultScrapeInterval)}
}

// Measure finds which time it is at Prometheus, where there are releases. Once a minute, and when there are others, it finds how far behind now
// to ask about each and how often is scraped who reports about it, unless they are configured, and which proxies are scraped more than once. What is not
// found stays as it was. It is looked for each time for releases of which not all is found, and after a time that cannot be counted since nothing is
// known from before.
func (c *Counter) Measure(ctx context.Context, of []counting.Pair) error {
	if len(of) == 0 {
		return nil
	}
	if err := cmp.Or(c.Probe(ctx), c.dated()); err != nil {
		return err
	}
	now := c.Clock.Now()
	due, all := c.due(now, of)
	var mu sync.Mutex
	found, copies := map[release]timed{}, map[counting.Indicator]promql.Copies{}
	err := inParts(c.groups(due), func(g *group, _ []int, part []counting.Pair) error {
		asked, err := c.byIndicator(ctx, g.scope, part, counting.Indicator.Carrier, func(ctx context.Context, b promql.Batch, to *reply) error {
			var asked errgroup.Group
			asked.Go(func() (err error) {
				to.timed, err = c.timed(ctx, b)
				return err
			})
			if all {
				asked.Go(func() (err error) {
					each := b.LeavingOut(nil)
					to.copies, err = answerTo(ctx, c, each.Copies(), time.Time{}, each.DecodeCopies)
					return err
				})
			}
			return asked.Wait()
		})
		mu.Lock()
		defer mu.Unlock()
		for i, r := range asked {
			copies[i] = copies[i].And(r.copies)
			for _, p := range part {
				found[releaseOf(p)] = found[releaseOf(p)].and(r.timed[p.Stable]).and(r.timed[p.Canary])
			}
		}
		return err
	})
	if err == nil {
		c.found(due, found)
	}
	if err == nil && all {
		c.foundCopies(copies, of, now)
	}
	return c.typed(err)
}

// timed asks how far behind and how often is scraped what is counted of each arm of a batch.
func (c *Counter) timed(ctx context.Context, b promql.Batch) (map[counting.Service]timed, error) {
	var asked errgroup.Group
	var lag, interval, unmeasured map[counting.Service]float64
	for to, expr := range map[*map[counting.Service]float64]string{&lag: b.Lag(), &interval: b.ScrapeInterval(), &unmeasured: b.Unmeasured()} {
		asked.Go(func() (err error) {
			*to, err = answerTo(ctx, c, expr, time.Time{}, b.Seconds)
			if _, ok := errors.AsType[counting.Unusable](err); ok && !blamed(err) {
				return nil // nothing is found by it
			}
			return err
		})
	}
	err := asked.Wait()
	all := map[counting.Service]timed{}
	for arm := range lag {
		all[arm] = timed{lag: lag[arm]}
	}
	for arm, seconds := range interval {
		all[arm] = all[arm].and(timed{interval: seconds})
	}
	for arm, seconds := range unmeasured {
		all[arm] = all[arm].and(timed{unmeasured: seconds})
	}
	return all, err
}

// foundCopies chooses how each proxy is counted once. What was measured of releases that are no more is forgotten.
func (c *Counter) foundCopies(copies map[counting.Indicator]promql.Copies, of []counting.Pair, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	once := map[counting.Indicator]promql.Once{}
	for i, found := range copies {
		once[i] = found.Choose(c.once[i])
	}
	c.once, c.of, c.measured = once, slices.Clone(of), now
	paces := map[release]pace{}
	for _, p := range of {
		paces[releaseOf(p)] = c.paceOf(p)
	}
	c.paces = paces
	maps.DeleteFunc(c.apart, func(_ about, a apart) bool { return c.Clock.Now().After(a.until) })
}

// due are the pairs of which it is to be measured how far behind and how often they are scraped, and whether these are all.
func (c *Counter) due(now time.Time, of []counting.Pair) (due []counting.Pair, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := slices.EqualFunc(of, c.of, func(a, b counting.Pair) bool { return a.Stable == b.Stable && a.Canary == b.Canary })
	if !same || now.Sub(c.measured) >= measureEvery {
		return of, true
	}
	for _, p := range of {
		if !c.paceOf(p).found {
			due = append(due, p)
		}
	}
	return due, false
}

// seconds is at most an hour, which is more than anything that is measured may be.
func seconds(n float64) time.Duration { return time.Duration(min(n, 3600) * float64(time.Second)) }

// found takes over what was measured. All is found of a pair when its lag is known, and the interval of each job.
func (c *Counter) found(due []counting.Pair, of map[release]timed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paces == nil {
		c.paces = map[release]pace{}
	}
	for _, p := range due {
		own, t := c.paceOf(p), of[releaseOf(p)]
		lag, interval, unmeasured := seconds(t.lag), seconds(t.interval), seconds(t.unmeasured)
		if lag > 0 && c.Lag == 0 {
			// In whole seconds: those who are asked about at different times are asked about in few questions.
			own.lag = min(max(lag+lagMargin+time.Second-1, leastLag).Truncate(time.Second), mostLag)
		}
		own.found = (lag > 0 || c.Lag > 0) && (unmeasured == 0 || c.Scope.ScrapeInterval > 0)
		if c.Scope.ScrapeInterval == 0 {
			if interval == 0 {
				interval = own.interval
			}
			if unmeasured > 0 {
				unmeasured = min(max(unmeasured.Round(time.Millisecond), promql.DefaultScrapeInterval), mostInterval)
			}
			// Below a slice's length nothing depends on it but how soon a target counts as lost.
			own.interval, own.unmeasured = min(max(interval.Round(time.Millisecond), c.Slice), mostInterval), unmeasured
		}
		c.paces[releaseOf(p)] = own
	}
}

// forget makes what was measured of pairs be measured again: nothing is known from before, so it is of another time.
func (c *Counter) forget(of []counting.Pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range of {
		if own, known := c.paces[releaseOf(p)]; known {
			own.found = false
			c.paces[releaseOf(p)] = own
		}
	}
}
