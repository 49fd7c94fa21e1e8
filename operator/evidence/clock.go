package evidence

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// All is counted by the source's clock: slices, what of them is taken, and what is fresh. What the loop is told, and what it says, has the times of
// the operator's. A moment is found at the source by how far the clocks are apart when it is needed.

// now is the present by the source's clock, by which all is counted.
func (s *source) now() time.Time { return s.at(s.loop.clock.Now()) }

// at is a moment of the operator's clock by the source's; the zero time is none.
func (s *source) at(moment time.Time) time.Time { return shifted(moment, -s.timing().Ahead) }

// ours is a moment of the source's clock by the operator's, as all say that is read; the zero time is none.
func (s *source) ours(moment time.Time) time.Time { return shifted(moment, s.timing().Ahead) }

func shifted(moment time.Time, by time.Duration) time.Time {
	if moment.IsZero() {
		return moment
	}
	return moment.Add(by)
}

// timing is what is known of the source's clock; its lag and interval are those of no release.
func (s *source) timing() counting.Timing { return s.Counter.Timing(counting.Pair{}) }

// edge is the end of the newest slice of a release that is over and can be asked about.
func (s *source) edge(of counting.Pair) time.Time { return s.over(of).Truncate(s.loop.slice) }

// over is up to when all of a release is over and can be asked about.
func (s *source) over(of counting.Pair) time.Time {
	t := s.Counter.Timing(of)
	return shifted(s.loop.clock.Now(), -t.Ahead-t.Lag)
}

// skew says why nothing is raised by what is counted, for the clocks; the zero currency: they agree.
func (s *source) skew() currency {
	if t := s.timing().Skew; t != nil {
		return troubled(*t)
	}
	return currency{}
}

// weigh counts a release by the weight that was told, if it is known which time that is at the source.
func (l *Loop) weigh(r *release) {
	if r.source.timing().Dated {
		r.weigh(r.told, l.slice)
	}
}

// begin counts the releases of a source by their weights that were told before it was known which time it is there.
func (l *Loop) begin(s *source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.releases {
		if r.source == s && !r.counted() && !r.told.WrittenAt.IsZero() {
			l.weigh(r)
		}
	}
}

// settled is since when the weight is live, by the source's clock; nil: not yet.
func (r *release) settled() *time.Time {
	if r.weight.SettledAt == nil {
		return nil
	}
	at := r.source.at(*r.weight.SettledAt)
	return &at
}

// away says whether no pod of the canary could answer in a part of the interval: what was counted then says nothing about the version.
func (r *release) away(i counting.Interval) bool {
	from, until := r.source.at(r.weight.AwayFrom), r.source.at(r.weight.AwayUntil)
	return !from.IsZero() && i.End.After(from) && (until.IsZero() || i.Start.Before(until))
}
