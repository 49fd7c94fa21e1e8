package promql

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// MaxHistory is the largest number of steps History reads.
const MaxHistory = 2000

// History reads the answer to Increments over the range of times from first to last, a step apart: each arm's counts step by step, oldest
// first. It begins with the first step of which something is known and ends with last; what was before is not known, and is not taken for a
// time without requests. A later step of which nothing is known is the zero Counts, as one without requests is. An error says what is wrong
// with the answer.
func (b Batch) History(answer model.Matrix, first, last time.Time, step time.Duration) (map[counting.Service][]counting.Counts, error) {
	if step <= 0 || last.Before(first) || last.Sub(first)/step >= MaxHistory {
		return nil, fmt.Errorf("history: from %s to %s are not 1 to %d steps of %s", first, last, MaxHistory, step)
	}
	n := int(last.Sub(first)/step) + 1
	vectors := make([]model.Vector, n)
	for _, series := range answer {
		for _, x := range series.Values {
			since := x.Timestamp.Time().Sub(first)
			i := int(since / step)
			if since < 0 || i >= n || since%step != 0 {
				return nil, fmt.Errorf("history: series %s has a sample at %s, which was not asked for", series.Metric, x.Timestamp.Time().UTC())
			}
			if len(vectors[i]) > MaxSeries {
				return nil, fmt.Errorf("history: the answer has more than %d series; no more are read", MaxSeries)
			}
			vectors[i] = append(vectors[i], &model.Sample{Metric: series.Metric, Value: x.Value, Timestamp: x.Timestamp})
		}
	}
	history := map[counting.Service][]counting.Counts{}
	for i, v := range vectors {
		counts, err := b.all(v)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		for arm, c := range counts {
			if history[arm] == nil {
				history[arm] = make([]counting.Counts, n-i)
			}
			steps := history[arm]
			steps[len(steps)-n+i] = c
		}
	}
	return history, nil
}
