package dashboard

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	"github.com/stagger-dev/stagger/pkg/view"
)

const (
	// pastSteps is how many steps the time before the first look is counted in: more cannot be told apart on a page.
	pastSteps = 240
	// askAgain is how long a Prometheus that did not answer is left alone.
	askAgain = 30 * time.Second
	// pastPatience bounds all questions about one release.
	pastPatience = 30 * time.Second
)

// past is a Prometheus that tells what was before the first look at a release.
type past struct {
	ask  *prometheus.Client
	name string
}

// newPast is nil where no address is given.
func newPast(address cli.Address) (*past, error) {
	if address == "" {
		return nil, nil
	}
	ask, err := prometheus.New(prometheus.Config{Address: address.String(), HTTP: config.DefaultHTTPClientConfig})
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(address.String())
	if err != nil {
		return nil, err
	}
	return &past{ask: ask, name: "Prometheus at " + at.Redacted()}, nil
}

// recall asks for what was before the first look at the release of a page, unless that is known or being asked for.
func (s *server) recall(ctx context.Context, key string, shift *v1alpha1.TrafficShift) {
	if s.past == nil {
		return
	}
	trace, due := s.board.due(key, s.past.name+" is being asked for the counts of that time.")
	if !due {
		return
	}
	go func() {
		limited, cancel := context.WithTimeout(ctx, pastPatience)
		defer cancel()
		counts, step, err := s.past.counts(limited, s.cluster, shift, &trace)
		s.board.recalled(key, trace.Number, func(t *view.Trace) (next time.Time) {
			switch {
			case ctx.Err() != nil: // the page is closed: the next one asks anew
				return s.env.Now()
			case err != nil:
				t.Trouble = fmt.Sprintf("%s does not tell the counts of that time (%v); it is asked again in %s.", s.past.name, err, askAgain)
				return s.env.Now().Add(askAgain)
			}
			t.Remember(s.past.name, step, counts)
			return never()
		})
	}()
}

// counts are what was counted before the first look, in steps.
func (p *past) counts(ctx context.Context, c cli.Cluster, shift *v1alpha1.TrafficShift, t *view.Trace) (all []view.PastCounts, step time.Duration, err error) {
	c.Namespace = shift.Namespace
	arms, err := c.Arms(ctx, shift)
	if err != nil {
		return nil, 0, err
	}
	q := question{ask: p.ask, arms: arms}
	q.from, q.to = t.Asks()
	for _, name := range t.Names {
		at := slices.IndexFunc(shift.Status.Release.Plan.Objectives, func(o v1alpha1.Objective) bool { return o.Name == name })
		if at < 0 {
			return nil, 0, fmt.Errorf("the plan of the release has no objective named %s", name)
		}
		moments, err := q.answer(ctx, counting.IndicatorOf(shift.Status.Release.Plan.Objectives[at]))
		if err != nil {
			return nil, 0, err
		}
		if all == nil {
			all = make([]view.PastCounts, len(moments))
		}
		met := false
		for n, m := range moments {
			stable, told := m.Counts[arms.Stable]
			canary, known := m.Counts[arms.Canary]
			met = met || known
			all[n].At = m.At
			all[n].Points = append(all[n].Points, view.PastPoint{Known: m.Known && told && (known || !met), Stable: stable, Canary: canary})
		}
	}
	return all, q.step, nil
}

// question is about both arms of one release, in steps of a time.
type question struct {
	ask      *prometheus.Client
	arms     counting.Pair
	from, to time.Time
	// scope and step are found by the first objective.
	scope promql.Scope
	step  time.Duration
}

// measure finds the steps: no shorter than the interval in which the arms are reported.
func (q *question) measure(ctx context.Context, b promql.Batch) error {
	answer, err := q.ask.Query(ctx, b.ScrapeInterval(), q.to)
	if err != nil {
		return err
	}
	seconds, err := b.Seconds(answer)
	if err != nil {
		return err
	}
	interval := time.Duration(math.Ceil(max(seconds[q.arms.Stable], seconds[q.arms.Canary]))) * time.Second
	q.step = max((q.to.Sub(q.from)/pastSteps).Truncate(time.Second)+time.Second, interval, counting.DefaultStep)
	q.scope.ScrapeInterval = interval
	q.scope.Lookback = max(promql.DefaultLookback, 2*q.step, 2*q.scope.Settle())
	return nil
}

// answer is what is known of each step by one indicator.
func (q *question) answer(ctx context.Context, by counting.Indicator) ([]promql.Moment, error) {
	batch := func() (promql.Batch, error) {
		return promql.NewBatch(q.scope, by, []counting.Service{q.arms.Stable, q.arms.Canary})
	}
	b, err := batch()
	if err == nil && q.step == 0 {
		if err = q.measure(ctx, b); err == nil {
			b, err = batch()
		}
	}
	if err != nil {
		return nil, err
	}
	counts, err := b.Increments(q.step)
	if err != nil {
		return nil, err
	}
	base, err := b.Base(q.step)
	if err != nil {
		return nil, err
	}
	first := q.from.Truncate(time.Second).Add(q.step)
	last := first.Add(max(q.to.Sub(first).Truncate(q.step), 0))
	fresh, err := b.Freshness(q.step)
	if err != nil {
		return nil, err
	}
	var answers [3]model.Matrix
	for i, expr := range []string{counts, base, fresh} {
		if answers[i], err = q.ask.QueryRange(ctx, expr, first, last, q.step); err != nil {
			return nil, err
		}
	}
	return b.Timeline(answers[0], answers[1], answers[2], first, last, q.step)
}
