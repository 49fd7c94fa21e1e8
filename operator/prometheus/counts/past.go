package counts

import (
	"context"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// minute is the interval of the counts of pods, which are added up.
const minute = time.Minute

// History returns what each arm was asked in the steps of a time, from the first of which something is known, oldest first. The error is a
// counting.Unanswered or a counting.Unusable.
func (c *Counter) History(ctx context.Context, of counting.Pair, by counting.Indicator, over counting.Interval, step time.Duration) (map[counting.Service][]counting.Counts, error) {
	b, err := batch(c.scopesOf(of)(by), by, []counting.Pair{of})
	if err != nil {
		return nil, c.typed(err)
	}
	expr, err := b.Increments(step)
	if err != nil {
		return nil, c.typed(err)
	}
	first := over.Start.Add(step)
	v, err := outcomeOf(c, metrics.AskPast, func() (model.Matrix, error) { return c.Querier.QueryRange(ctx, expr, first, over.End, step) })
	if err != nil {
		return nil, c.typed(err)
	}
	history, err := b.History(v, first, over.End, step)
	if err != nil {
		return nil, c.unusable(err)
	}
	return history, nil
}

// Pods returns what each pod of a ReplicaSet reported in the whole minutes that cover a time. Pods that are not scraped say nothing.
// The error is a counting.Unanswered or a counting.Unusable.
func (c *Counter) Pods(ctx context.Context, of types.NamespacedName, by counting.Indicator, over counting.Interval) (map[string]counting.Counts, error) {
	p, err := promql.NewPods(c.scopesOf(c.within(of.Namespace)...)(by), by, of.Namespace, of.Name)
	if err != nil {
		return nil, c.typed(err)
	}
	expr, err := p.Increments(minute)
	if err != nil {
		return nil, c.typed(err)
	}
	first := over.End
	for first.Add(-minute).After(over.Start) {
		first = first.Add(-minute)
	}
	answer, err := outcomeOf(c, metrics.AskPods, func() (model.Matrix, error) { return c.Querier.QueryRange(ctx, expr, first, over.End, minute) })
	if err != nil {
		return nil, c.typed(err)
	}
	pods, err := p.Counts(answer)
	if err != nil {
		return nil, c.unusable(err)
	}
	return pods, nil
}
