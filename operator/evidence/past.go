package evidence

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// minute is the tick of the past: that of the slow lane, whose dispersion is looked for.
	minute = time.Minute
	// present is how many of the last minutes the rate is taken from: the busiest of them.
	present = 5
	// attempts is how often the last hour is asked for when there is no answer.
	attempts = 3
)

// collected is what has been answered about a release's past so far.
type collected struct {
	end      time.Time     // to which it reaches; zero: nothing was asked yet
	span     time.Duration // how far back
	attempts int
	stable   map[counting.Indicator][]pkgevidence.Counts // a minute each, oldest first
	rate     float64
	ends     ends
	tick     time.Duration // that was chosen; 0: none
}

// askPasts asks for the past of releases that have no traffic yet, one piece after the other, and returns when to look for more. A
// source that does not answer is asked again later, for the same pieces; it is one when it does not answer about a second namespace either.
func (s *source) askPasts(ctx context.Context) time.Time {
	failed := map[string]bool{}
	for r := s.loop.withoutPast(s, failed); r != nil && len(failed) < 2; r = s.loop.withoutPast(s, failed) {
		if err := s.askPast(ctx, r); err != nil {
			failed[r.key.Namespace] = true
		}
		if ctx.Err() != nil {
			break
		}
	}
	return s.next()
}

// withoutPast is a release whose past is not known yet, and whose turn it is: namespaces take turns, and so do the releases of each. But for
// those of some namespaces. nil: there is none, and while the source does not answer.
func (l *Loop) withoutPast(s *source, but map[string]bool) *release {
	if !s.answers() {
		return nil
	}
	r := l.selected(s, func(x *release) bool { return !x.pastKnown })
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(r.releases) == 0 {
		clear(s.turn)
	}
	r.releases = slices.DeleteFunc(r.releases, func(x *release) bool { return but[x.key.Namespace] })
	if len(r.releases) == 0 {
		return nil
	}
	x := slices.MinFunc(r.releases, func(a, b *release) int {
		return cmp.Or(cmp.Compare(s.turn[a.key.Namespace], s.turn[b.key.Namespace]), cmp.Compare(a.turn, b.turn))
	})
	s.turns++
	s.turn[x.key.Namespace], x.turn = s.turns, s.turns
	return x
}

// askPast asks for one more piece of a release's past. Only the last hour is worth a second try.
func (s *source) askPast(ctx context.Context, r *release) error {
	s.loop.mu.Lock()
	c := r.collected
	s.loop.mu.Unlock()
	if c.end.IsZero() {
		c.end = s.edge(r.pair()).Truncate(minute)
	}
	spans := pkgevidence.Histories()
	span := spans[slices.IndexFunc(spans, func(d time.Duration) bool { return d > c.span })]
	piece, err := s.askPiece(ctx, r, &c, span)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, useless := errors.AsType[counting.Unusable](err)
	c.attempts++
	again := err != nil && !useless && c.span == 0 && c.attempts < attempts
	if err == nil {
		c.add(r, piece, span)
	}
	known := err != nil && !again || err == nil && c.suffices(r)
	if known {
		c.tick = s.chooseTick(ctx, r, c)
	}
	s.loop.takePast(ctx, r, c, known)
	if again {
		return err
	}
	return nil
}

// askPiece asks for what comes before what is collected, back to span before its end; first of all for the present, and how long requests last.
func (s *source) askPiece(ctx context.Context, r *release, c *collected, span time.Duration) (map[counting.Indicator]map[counting.Service][]counting.Counts, error) {
	piece := map[counting.Indicator]map[counting.Service][]counting.Counts{}
	err := s.justNow(ctx, r, c)
	for _, i := range r.Indicators {
		if _, asked := piece[i]; err == nil && !asked {
			over := counting.Interval{Start: c.end.Add(-span), End: c.end.Add(-c.span)}
			piece[i], err = s.Counter.History(ctx, r.pair(), i, over, minute)
		}
	}
	if err == nil && c.span == 0 {
		s.askLong(ctx, r, c, counting.Interval{Start: c.end.Add(-span), End: c.end})
	}
	return piece, err
}

// askLong asks how many requests of the stable last so long that no hold sees their end. Where nobody knows, nothing is said of it.
func (s *source) askLong(ctx context.Context, r *release, c *collected, over counting.Interval) {
	durations, err := s.Counter.History(ctx, r.pair(), counting.Indicator{Kind: counting.Duration, Threshold: long}, over, minute)
	if err != nil {
		return
	}
	c.ends.long = pkgevidence.Counts{}
	for _, counts := range durations[r.Stable] {
		c.ends.long.Requests += counts.Requests
		c.ends.long.Bad += counts.Bad
	}
}

// justNow takes the rate of the last minute, in windows that hold a report about every arm: traffic may have begun since the last
// whole minute, and a rate that is too low would make the first weight too large.
func (s *source) justNow(ctx context.Context, r *release, c *collected) error {
	if c.span > 0 {
		return nil
	}
	window := min(minute, max(2*s.loop.slice, r.timing().Interval).Truncate(time.Millisecond))
	windows := int(minute / window)
	edge := s.edge(r.pair())
	over := counting.Interval{Start: edge.Add(-time.Duration(windows) * window), End: edge}
	arms, err := s.Counter.History(ctx, r.pair(), r.Indicators[r.traffic()], over, window)
	c.rate = 0
	for i := range windows {
		requests := 0.0
		for _, counts := range arms {
			requests += before(counts, i)
		}
		c.rate = max(c.rate, requests/window.Seconds())
	}
	return err
}

// before is how many requests there were i steps before the last; 0 where nothing is known of that step.
func before(counts []counting.Counts, i int) float64 {
	if i >= len(counts) {
		return 0
	}
	return counts[len(counts)-1-i].Requests
}

// add puts a piece before what was answered until now.
func (c *collected) add(r *release, piece map[counting.Indicator]map[counting.Service][]counting.Counts, span time.Duration) {
	if c.span == 0 {
		traffic := piece[r.Indicators[r.traffic()]]
		for i := range present {
			requests := 0.0
			for _, counts := range traffic {
				requests += before(counts, i)
			}
			c.rate = max(c.rate, requests/minute.Seconds())
		}
	}
	stable := map[counting.Indicator][]pkgevidence.Counts{}
	for i, arms := range piece {
		for _, counts := range arms[r.Stable] {
			stable[i] = append(stable[i], countsOf(counts))
			if i == r.Indicators[r.traffic()] && isRequests(i) {
				c.ends.add(counts)
			}
		}
		stable[i] = append(stable[i], c.stable[i]...)
	}
	c.stable, c.span = stable, span
}

// takePast notes a piece of a release's past. When it was the last, the tests begin anew with what the past says.
func (l *Loop) takePast(ctx context.Context, r *release, c collected, last bool) {
	l.mu.Lock()
	r.collected = c
	if last {
		r.setPast()
	}
	l.mu.Unlock()
	if last {
		l.wake(ctx, []types.NamespacedName{r.key})
	}
}

// suffices tells whether nothing more is asked: every objective had bad requests in so many minutes, and no outage, that their dispersion shows, or there
// are no longer histories.
func (c *collected) suffices(r *release) bool {
	if c.span == slices.Max(pkgevidence.Histories()) {
		return true
	}
	for i, o := range r.Config.Objectives {
		if !pkgevidence.Enough(c.stable[r.Indicators[i]], o.Limit) {
			return false
		}
	}
	return true
}

// setPast makes what was answered the release's past.
func (r *release) setPast() {
	past := &Past{Span: r.collected.span, Rate: r.collected.rate, Tick: r.collected.tick}
	r.Config.Phi = nil
	for i, o := range r.Config.Objectives {
		d := pkgevidence.Disperse(r.collected.stable[r.Indicators[i]], o.Limit)
		r.Config.Phi = append(r.Config.Phi, d.Phi)
		past.Objectives = append(past.Objectives, d)
	}
	r.ends.requests += r.collected.ends.requests
	r.ends.plain += r.collected.ends.plain
	r.ends.upgraded += r.collected.ends.upgraded
	r.ends.long = r.collected.ends.long
	r.pastKnown, r.past, r.collected = true, past, collected{}
	r.Config = r.Config.WithTick(past.Tick)
	if tests, err := pkgevidence.New(r.Config); err == nil && r.through.IsZero() {
		r.tests = tests
	}
}
