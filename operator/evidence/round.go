package evidence

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// perQuery is how many releases one query asks about; each has two arms.
	perQuery = counting.MaxArms / 2
	// parallel is how many queries are under way at a source.
	parallel = 4
)

// round is one slice and the releases that take it next.
type round struct {
	counting.Interval
	releases []*release
}

// each calls do for the releases in parts that fit into one query, some at a time, and returns the first part's error.
func (r round) each(do func(part round) error) error {
	var work sync.WaitGroup
	slots := make(chan struct{}, parallel)
	errs := make([]error, (len(r.releases)+perQuery-1)/perQuery)
	for i := range errs {
		part := r
		part.releases = r.releases[i*perQuery : min((i+1)*perQuery, len(r.releases))]
		slots <- struct{}{}
		work.Go(func() {
			errs[i] = do(part)
			<-slots
		})
	}
	work.Wait()
	return cmp.Or(errs...)
}

// order is which of the slices that are over is asked for.
type order int

const (
	newestFirst order = iota
	oldestFirst
)

// before tells whether slice a is asked for before slice b.
func (o order) before(a, b counting.Interval) bool {
	if o == newestFirst {
		return a.End.After(b.End)
	}
	return a.End.Before(b.End)
}

// due returns a slice that is over and not taken, with all releases of the source whose next it is.
func (l *Loop) due(s *source, o order) round {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	horizon := s.edge(now).Add(-l.backfill)
	following := map[int64]counting.Interval{} // by watermark, which most releases share
	var r round
	for _, x := range l.releases {
		if x.source != s || !x.counted() {
			continue
		}
		if x.through.Before(horizon) {
			x.skip(horizon)
		}
		next, ok := following[x.through.UnixNano()]
		if !ok {
			if over := counting.Slices(x.through, now, s.lag, l.slice); len(over) > 0 {
				next = over[0]
			}
			following[x.through.UnixNano()] = next
		}
		switch {
		case next.End.IsZero():
		case len(r.releases) == 0 || o.before(next, r.Interval):
			r = round{Interval: next, releases: []*release{x}}
		case next == r.Interval:
			r.releases = append(r.releases, x)
		}
	}
	return r.sorted()
}

// watched returns the releases whose scrapes are only looked at, and have not been for the newest slice.
func (l *Loop) watched(s *source) round {
	return l.those(s, s.edge(l.clock.Now()), func(x *release, at time.Time) bool { return !x.counted() && x.looked.Before(at) })
}

// tracked returns all releases of a source.
func (l *Loop) tracked(s *source) round {
	return l.those(s, time.Time{}, func(*release, time.Time) bool { return true })
}

func (l *Loop) those(s *source, at time.Time, wanted func(*release, time.Time) bool) round {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := round{Interval: counting.Interval{End: at}}
	for _, x := range l.releases {
		if x.source == s && wanted(x, at) {
			r.releases = append(r.releases, x)
		}
	}
	return r.sorted()
}

// sorted makes the same question the same text.
func (r round) sorted() round {
	slices.SortFunc(r.releases, func(a, b *release) int {
		return cmp.Or(strings.Compare(a.Key.Namespace, b.Key.Namespace), strings.Compare(a.Key.Name, b.Key.Name))
	})
	return r
}

// take gives the answer to the releases of the round that are still tracked and at its start, and wakes their shifts.
func (l *Loop) take(ctx context.Context, r round, a answer) {
	var woken []types.NamespacedName
	l.mu.Lock()
	if t := a.trouble(); t.reason != "" {
		r.releases[0].source.trouble = t
	}
	for _, x := range r.releases {
		if l.releases[x.Key] == x && x.through.Equal(r.Start) {
			x.take(r.Interval, a, x.source.window())
			woken = append(woken, x.Key)
		}
	}
	l.mu.Unlock()
	l.wake(ctx, woken)
}

// look notes how current the scrapes are of releases that are not counted, and wakes those for which that has changed.
func (l *Loop) look(ctx context.Context, r round, a answer) {
	var woken []types.NamespacedName
	l.mu.Lock()
	if t := a.trouble(); t.reason != "" {
		r.releases[0].source.trouble = t
	}
	for _, x := range r.releases {
		before := x.current.reason
		if x.look(r.End, a); x.current.reason != before {
			woken = append(woken, x.Key)
		}
	}
	l.mu.Unlock()
	l.wake(ctx, woken)
}

// enter notes the state of a source. A change is logged, and wakes all shifts that are counted there.
func (l *Loop) enter(ctx context.Context, s *source, c currency) {
	l.mu.Lock()
	before := s.state
	s.state = c
	l.mu.Unlock()
	if before.reason == c.reason {
		return
	}
	l.log.Info("Source changed state", "source", s.Name, "state", c.reason, "before", before.reason, "message", c.message)
	var woken []types.NamespacedName
	for _, x := range l.tracked(s).releases {
		woken = append(woken, x.Key)
	}
	l.wake(ctx, woken)
}
