package evidence

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/common/model"
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

// Past is what the time before a release says about it.
type Past struct {
	// Span is how far back was looked; 0 when nothing could be seen.
	Span time.Duration
	// Rate is the traffic of the busiest of the last five minutes, or of the busiest scrape interval of the last one when that is
	// more, in requests per second of both arms.
	Rate float64
	// Objectives say it for each objective of the Config.
	Objectives []PastObjective
}

// PastObjective is what the past says about one objective: the stable's counts, and the dispersion of its bad ones.
type PastObjective struct {
	Counts pkgevidence.Counts
	Phi    float64
}

// memory is what has been heard of a release's past so far.
type memory struct {
	end    time.Time     // to which it reaches; zero: nothing was asked yet
	span   time.Duration // how far back
	failed int
	stable map[counting.Indicator][]pkgevidence.Counts // a minute each, oldest first
	rate   float64
}

// remember asks for the past of releases that have no traffic yet, one piece after the other, and returns when to look for more. A
// source that does not answer is asked again later, for the same pieces.
func (s *source) remember(ctx context.Context) time.Time {
	for r := s.loop.recalling(s); r != nil; r = s.loop.recalling(s) {
		if err := s.snapshot().recall(ctx, r); err != nil {
			break
		}
	}
	return s.snapshot().next()
}

// recalling is a release whose past is not known yet; nil when there is none, and while the source does not answer.
func (l *Loop) recalling(s *source) *release {
	if !s.answers() {
		return nil
	}
	r := l.those(s, time.Time{}, func(x *release, _ time.Time) bool { return !x.recalled })
	if len(r.releases) == 0 {
		return nil
	}
	return r.releases[0]
}

// recall asks for one more piece of a release's past. Only the last hour is worth a second try.
func (s *source) recall(ctx context.Context, r *release) error {
	s.loop.mu.Lock()
	m := r.memory
	s.loop.mu.Unlock()
	if m.end.IsZero() {
		m.end = s.edge(s.loop.clock.Now()).Truncate(minute)
	}
	spans := pkgevidence.Histories()
	span := spans[slices.IndexFunc(spans, func(d time.Duration) bool { return d > m.span })]
	piece := map[counting.Indicator]map[counting.Service][]counting.Counts{}
	err := s.justNow(ctx, r, &m)
	for _, i := range (round{releases: []*release{r}}).indicators(itself) {
		if err == nil {
			piece[i], err = s.history(ctx, r, i, minute, m.end.Add(-span+minute), m.end.Add(-m.span))
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, useless := errors.AsType[unusable](err)
	m.failed++
	again := err != nil && !useless && m.span == 0 && m.failed < attempts
	if err == nil {
		m.add(r, piece, span)
	}
	s.loop.recalled(ctx, r, m, err != nil && !again)
	if again {
		return err
	}
	return nil
}

// justNow takes the rate of the last minute, in windows that hold a scrape of every target: traffic may have begun since the last
// whole minute, and a rate that is too low would make the first weight too large.
func (s *source) justNow(ctx context.Context, r *release, m *memory) error {
	if m.span > 0 {
		return nil
	}
	window := min(minute, max(2*s.loop.slice, s.scope.ScrapeInterval).Truncate(time.Millisecond))
	windows := int(minute / window)
	edge := s.edge(s.loop.clock.Now())
	first := edge
	for range windows - 1 {
		first = first.Add(-window)
	}
	arms, err := s.history(ctx, r, r.Indicators[r.traffic()], window, first, edge)
	m.rate = 0
	for i := range windows {
		requests := 0.0
		for _, counts := range arms {
			requests += counts[i].Requests
		}
		m.rate = max(m.rate, requests/window.Seconds())
	}
	return err
}

// history asks for the counts of each interval that ends from first to last.
func (s *source) history(ctx context.Context, r *release, by counting.Indicator, interval time.Duration, first, last time.Time) (map[counting.Service][]counting.Counts, error) {
	b, err := s.batch([]*release{r}, by)
	if err != nil {
		return nil, err
	}
	expr, err := b.Increments(interval)
	if err != nil {
		return nil, err
	}
	v, err := answered(s, func() (model.Matrix, error) { return s.Querier.QueryRange(ctx, expr, first, last, interval) })
	if err != nil {
		return nil, err
	}
	history, err := b.History(v, first, last, interval)
	if err != nil {
		return nil, s.unusable(err)
	}
	return history, nil
}

// add puts a piece before what was heard.
func (m *memory) add(r *release, piece map[counting.Indicator]map[counting.Service][]counting.Counts, span time.Duration) {
	if m.span == 0 {
		traffic := piece[r.Indicators[r.traffic()]]
		for i := range present {
			requests := 0.0
			for _, counts := range traffic {
				requests += counts[len(counts)-1-i].Requests
			}
			m.rate = max(m.rate, requests/minute.Seconds())
		}
	}
	heard := map[counting.Indicator][]pkgevidence.Counts{}
	for i, arms := range piece {
		for _, c := range arms[r.Stable] {
			heard[i] = append(heard[i], pkgevidence.Counts{Requests: c.Requests, Bad: c.Bad})
		}
		heard[i] = append(heard[i], m.stable[i]...)
	}
	m.stable, m.span = heard, span
}

// recalled notes a piece of a release's past. When it was the last, the tests begin anew with what the past says.
func (l *Loop) recalled(ctx context.Context, r *release, m memory, last bool) {
	l.mu.Lock()
	r.memory = m
	known := last || m.span == slices.Max(pkgevidence.Histories()) || m.span > 0 && r.heardEnough()
	if known {
		r.recall()
	}
	l.mu.Unlock()
	if known {
		l.wake(ctx, []types.NamespacedName{r.Key})
	}
}

// heardEnough tells whether every objective had bad requests in so many minutes that their dispersion shows.
func (r *release) heardEnough() bool {
	return !slices.ContainsFunc(r.Indicators, func(i counting.Indicator) bool {
		return !pkgevidence.Enough(r.memory.stable[i])
	})
}

// recall makes what was heard the release's past.
func (r *release) recall() {
	past := &Past{Span: r.memory.span, Rate: r.memory.rate}
	r.Config.Phi = nil
	for i, o := range r.Config.Objectives {
		history := r.memory.stable[r.Indicators[i]]
		var sum pkgevidence.Counts
		for _, c := range history {
			sum.Requests += c.Requests
			sum.Bad += c.Bad
		}
		phi := pkgevidence.DefaultPhi
		if sum.Requests > 0 {
			phi = pkgevidence.Phi(history, o.Limit)
		}
		r.Config.Phi = append(r.Config.Phi, phi)
		past.Objectives = append(past.Objectives, PastObjective{Counts: sum, Phi: phi})
	}
	r.recalled, r.past, r.memory = true, past, memory{}
	if tests, err := pkgevidence.New(r.Config); err == nil && r.through.IsZero() {
		r.tests = tests
	}
}
