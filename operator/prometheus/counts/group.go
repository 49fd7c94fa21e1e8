package counts

import (
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// group are pairs that can be asked about in one question. How long a target may be silent, and what is too young, depends on how often is scraped
// who reports about a pair: those go together whose scrape intervals are alike, so that a slow one makes no fast one wait.
type group struct {
	pairs []counting.Pair
	at    []int // where they are among those that were to be asked about

	slowest pace
	scope   scopes
	base    func() error // an error when no counts can be believed
}

// scopes are the scopes by which each proxy is counted once, by indicator.
type scopes func(counting.Indicator) promql.Scope

// likeness is what pairs of one group have in common. There are few: an interval is at most five minutes.
type likeness struct {
	interval, unmeasured int
	differ               bool
}

// step is into which of few kinds a time falls, each of which goes to four times the one before.
func step(d time.Duration) int {
	n := 0
	for most := counting.DefaultStep; d > most; most *= 4 {
		n++
	}
	return n
}

// groups are the pairs that can be asked about together.
func (c *Counter) groups(of []counting.Pair) []*group {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*group
	found := map[likeness]*group{}
	for n, p := range of {
		own := c.paceOf(p)
		like := likeness{step(own.interval), step(own.unmeasured), c.differ(p)}
		g := found[like]
		if g == nil {
			g = &group{pairs: make([]counting.Pair, 0, len(of)-n), at: make([]int, 0, len(of)-n)}
			found[like], all = g, append(all, g)
		}
		g.pairs, g.at, g.slowest = append(g.pairs, p), append(g.at, n), g.slowest.and(own)
	}
	for like, g := range found {
		g.scope = c.scopesFor(g.slowest, like.differ)
	}
	return all
}

// scopesOf are the scopes of a group of pairs.
func (c *Counter) scopesOf(of ...counting.Pair) scopes {
	c.mu.Lock()
	defer c.mu.Unlock()
	var slowest pace
	differ := false
	for _, p := range of {
		slowest, differ = slowest.and(c.paceOf(p)), differ || c.differ(p)
	}
	return c.scopesFor(slowest, differ)
}

// within are the pairs of a namespace.
func (c *Counter) within(namespace string) []counting.Pair {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []counting.Pair
	for _, p := range c.of {
		if p.Stable.Namespace == namespace {
			all = append(all, p)
		}
	}
	return all
}

// scopesFor are the scopes by which each proxy is counted once that reports at a pace; where what is said to be the same differs, nothing is left
// out. The caller holds the mutex.
func (c *Counter) scopesFor(slowest pace, differ bool) scopes {
	scope, once := c.scopeFor(slowest), c.once
	return func(i counting.Indicator) promql.Scope {
		own := scope
		if !differ {
			own.Without = once[i.Carrier()].Without
		}
		return own
	}
}

// differ says whether what is said to be the same differs by an indicator. The caller holds the mutex.
func (c *Counter) differ(p counting.Pair) bool {
	for _, once := range c.once {
		if once.Differ(p.Stable, p.Canary) {
			return true
		}
	}
	return false
}

// inParts calls do for the groups in parts that fit into one query, some at a time, and returns the first error.
func inParts(groups []*group, do func(g *group, at []int, part []counting.Pair) error) error {
	var work errgroup.Group
	work.SetLimit(parallel)
	for _, g := range groups {
		for first := 0; first < len(g.pairs); first += perQuery {
			last := min(first+perQuery, len(g.pairs))
			work.Go(func() error { return do(g, g.at[first:last], g.pairs[first:last]) })
		}
	}
	return work.Wait()
}
