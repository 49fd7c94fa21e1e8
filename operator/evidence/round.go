package evidence

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// round is one slice and the releases that take it next.
type round struct {
	counting.Interval
	releases []*release
}

// asked are the round's releases as a source is asked about them.
func (r round) asked(as func(*release) counting.Pair) []counting.Pair {
	all := make([]counting.Pair, 0, len(r.releases))
	for _, x := range r.releases {
		all = append(all, as(x))
	}
	return all
}

// part is the round of n of its releases.
func (r round) part(first, n int) round {
	r.releases = r.releases[first : first+n]
	return r
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
	l.mu.Lock()
	defer l.mu.Unlock()
	following := map[[2]int64]counting.Interval{} // by watermark and end, which most releases share
	var r round
	for _, x := range l.releases {
		if x.source != s || !x.counted() {
			continue
		}
		over := s.over(x.pair())
		if horizon := over.Truncate(l.slice).Add(-l.backfill); x.through.Before(horizon) {
			x.skip(horizon)
		}
		if now := s.now(); x.through.After(now.Add(l.slice)) {
			x.miss(now, x.through) // Its clock was set back: what it counts by a time for the second time is not asked for.
		}
		end := x.over(over)
		key := [2]int64{x.through.UnixNano(), end.Truncate(l.slice).UnixNano()}
		next, ok := following[key]
		if !ok {
			if cut := counting.Slices(x.through, end, 0, l.slice); len(cut) > 0 {
				next = cut[0]
			}
			following[key] = next
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

// watched returns the newest slice that is over for a release that is not counted yet and was not asked about it, and all such releases
// of which it is the newest.
func (l *Loop) watched(s *source) round {
	var newest time.Time
	r := l.selected(s, func(x *release) bool {
		own := x.over(s.edge(x.pair())).Truncate(l.slice)
		if x.counted() || !x.asked.Before(own) {
			return false
		}
		if newest.IsZero() {
			newest = own
		}
		return own.Equal(newest)
	})
	r.Interval = counting.Interval{Start: newest.Add(-l.slice), End: newest}
	return r
}

// tracked returns all releases of a source.
func (l *Loop) tracked(s *source) round {
	return l.selected(s, func(*release) bool { return true })
}

// selected returns those releases of a source that are wanted.
func (l *Loop) selected(s *source, wanted func(*release) bool) round {
	l.mu.Lock()
	defer l.mu.Unlock()
	var r round
	for _, x := range l.releases {
		if x.source == s && wanted(x) {
			r.releases = append(r.releases, x)
		}
	}
	return r.sorted()
}

// sorted makes the same question the same text.
func (r round) sorted() round {
	slices.SortFunc(r.releases, func(a, b *release) int {
		return cmp.Or(strings.Compare(a.key.Namespace, b.key.Namespace), strings.Compare(a.key.Name, b.key.Name))
	})
	return r
}

// take gives the answers to the releases of the round that are still tracked and at its start, and wakes their shifts.
func (l *Loop) take(ctx context.Context, r round, answers [][]counting.Answer) {
	var woken []types.NamespacedName
	l.mu.Lock()
	for i, x := range r.releases {
		x.source.noteUnusable(answers[i])
		if l.releases[x.key] == x && x.through.Equal(r.Start) {
			x.take(r.Interval, answers[i])
			woken = append(woken, x.key)
		}
	}
	l.mu.Unlock()
	l.wake(ctx, woken)
}

// noteBelief notes whether requests of releases that are not counted yet could be, and wakes those for which that has changed.
func (l *Loop) noteBelief(ctx context.Context, r round, answers [][]counting.Answer) {
	var woken []types.NamespacedName
	l.mu.Lock()
	for i, x := range r.releases {
		x.source.noteUnusable(answers[i])
		before := x.current.reason
		if x.noteBelief(r.End, answers[i]); x.current.reason != before {
			woken = append(woken, x.key)
		}
	}
	l.mu.Unlock()
	l.wake(ctx, woken)
}

// noteUnusable notes when an answer could not be used.
func (s *source) noteUnusable(answers []counting.Answer) {
	for _, a := range answers {
		if a.Unusable != nil {
			s.unusable = troubled(*a.Unusable)
		}
	}
}
