package evidence

import (
	"cmp"
	"context"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// tickPiece is how many steps of the day that a tick is chosen from are asked for at once: eleven questions for each indicator at most.
	tickPiece = 1600
	// tickWithin is how long these questions may take all together.
	tickWithin = 20 * time.Second
)

// chooseTick is the shortest tick that outlasts the bursts of the stable's last day by every objective; 0 when that is none below the usual one, when
// nobody can tell, and when it takes too long.
func (s *source) chooseTick(ctx context.Context, r *release, c collected) time.Duration {
	step, ok := pkgevidence.TickStep(max(r.timing().Interval, s.loop.slice), cmp.Or(r.Config.Slow, pkgevidence.DefaultSlow))
	if !ok {
		return 0
	}
	ctx, stop := context.WithTimeout(ctx, tickWithin)
	defer stop()
	days, longest := map[counting.Indicator][]pkgevidence.Counts{}, time.Duration(0)
	for i, o := range r.Config.Objectives {
		by := r.Indicators[i]
		if !pkgevidence.ManyBad(c.stable[by]) {
			return 0
		}
		if _, asked := days[by]; !asked {
			days[by] = s.askDay(ctx, r, by, c.end, step)
		}
		tick, ok := pkgevidence.TickOf(days[by], step, o.Limit)
		if !ok {
			return 0
		}
		longest = max(longest, tick)
	}
	return longest
}

// askDay asks how the stable did in the steps of a day, the oldest first: of a younger one no more is asked. nil: it is not known for the whole day.
func (s *source) askDay(ctx context.Context, r *release, by counting.Indicator, end time.Time, step time.Duration) []pkgevidence.Counts {
	var day []pkgevidence.Counts
	for from := end.Add(-pkgevidence.TickHistory); from.Before(end); {
		over := counting.Interval{Start: from, End: from.Add(tickPiece * step)}
		if over.End.After(end) {
			over.End = end
		}
		arms, err := s.Counter.History(ctx, r.pair(), by, over, step)
		steps, n := arms[r.Stable], int(over.Length()/step)
		if err != nil || len(steps) > n || len(day) == 0 && len(steps) < n {
			return nil
		}
		day = append(day, make([]pkgevidence.Counts, n-len(steps))...) // nothing is known of them
		for _, counts := range steps {
			day = append(day, countsOf(counts))
		}
		from = over.End
	}
	return day
}
