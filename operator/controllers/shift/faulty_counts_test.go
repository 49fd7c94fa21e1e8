package shift

import (
	"context"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// counts is a source of counts that sees each request of the tale at once.
type counts struct {
	mute
	*tale
}

// rate is how many requests there are in a second.
const rate = 400

// met are the requests of an interval.
func (c counts) met(over counting.Interval) (stable, canary counting.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	share, at := int64(0), over.Start
	add := func(until time.Time) {
		n := until.Sub(at).Seconds() * rate
		met := n * float64(share) / v1alpha1.Whole
		canary.Requests += met
		stable.Requests += n - met
		if !c.bad.IsZero() && c.bad.Before(until) {
			canary.Bad += met * until.Sub(later(c.bad, at)).Seconds() / until.Sub(at).Seconds()
		}
		at = until
	}
	for _, w := range c.shares {
		if w.at.After(at) && w.at.Before(over.End) {
			add(w.at)
		}
		if !w.at.After(at) {
			share = w.share
		}
	}
	add(over.End)
	stable.Bad = stable.Requests / 1000
	return stable, canary
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (c counts) Counts(_ context.Context, over counting.Interval, of []counting.Pair, take func(int, [][]counting.Answer)) error {
	answers := make([][]counting.Answer, len(of))
	for i, p := range of {
		stable, canary := c.met(over)
		answers[i] = slices.Repeat([]counting.Answer{{Stable: counting.ArmAnswer{Reported: true, Counts: stable}, Canary: counting.ArmAnswer{Reported: true, Counts: canary}}}, len(p.Indicators))
	}
	take(0, answers)
	return nil
}

func (counts) Complete(_ context.Context, of []counting.Pair) ([]time.Time, error) {
	return make([]time.Time, len(of)), nil
}

func (counts) Timing(counting.Pair) counting.Timing {
	return counting.Timing{Lag: time.Second, Interval: time.Second, Dated: true}
}

// History is known of the last hour, in which some requests of each minute were bad.
func (c counts) History(
	_ context.Context, of counting.Pair, _ counting.Indicator, over counting.Interval, step time.Duration,
) (map[counting.Service][]counting.Counts, error) {
	n, known := rate*step.Seconds(), min(over.Length(), over.End.Sub(c.began.Add(-time.Hour)))
	return map[counting.Service][]counting.Counts{of.Stable: slices.Repeat([]counting.Counts{{Requests: n, Bad: n / 1000}}, max(0, int(known/step)))}, nil
}
