package promql

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// Moment is what is known of one step of a Timeline, which ends at At. An arm that is not in Counts is one of which nothing is known, be it that
// it has had no request yet. Known says that the reports were complete, so that what is not counted did not happen.
type Moment struct {
	At     time.Time
	Known  bool
	Counts map[counting.Service]counting.Counts
}

// Timeline reads the answers to Increments, Base and Freshness over the range of times from first to last, a step apart, at most MaxHistory of
// them. Unlike History it tells a time without requests from one of which nothing is known. An error says what is wrong with an answer.
func (b Batch) Timeline(increments, base, freshness model.Matrix, first, last time.Time, step time.Duration) ([]Moment, error) {
	if step <= 0 || last.Before(first) || last.Sub(first)/step >= MaxHistory {
		return nil, fmt.Errorf("timeline: from %s to %s are not 1 to %d steps of %s", first, last, MaxHistory, step)
	}
	counted, based, fresh := byTime(increments), byTime(base), byTime(freshness)
	moments := make([]Moment, 0, int(last.Sub(first)/step)+1)
	for at := first; !at.After(last); at = at.Add(step) {
		m, when := Moment{At: at}, at.UnixMilli()
		targets, _, err := Single(based[when])
		if err != nil {
			return nil, fmt.Errorf("timeline: %w", err)
		}
		current, err := b.DecodeFreshness(fresh[when])
		if err != nil {
			return nil, fmt.Errorf("timeline: %w", err)
		}
		if m.Counts, err = b.all(counted[when]); err != nil {
			return nil, fmt.Errorf("timeline: %w", err)
		}
		for _, f := range current {
			m.Known = m.Known || targets > 0 && f.Current() && !f.Begins()
		}
		moments = append(moments, m)
	}
	return moments, nil
}

// byTime are the samples of an answer over a range by their time in milliseconds.
func byTime(answer model.Matrix) map[int64]model.Vector {
	all := map[int64]model.Vector{}
	for _, series := range answer {
		for _, x := range series.Values {
			all[int64(x.Timestamp)] = append(all[int64(x.Timestamp)], &model.Sample{Metric: series.Metric, Value: x.Value, Timestamp: x.Timestamp})
		}
	}
	return all
}
