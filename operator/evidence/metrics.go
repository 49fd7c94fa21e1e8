package evidence

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// tell gives what is known of each source.
func (l *Loop) tell(emit metrics.Emit) {
	for _, s := range l.sources {
		age, lag := s.behind()
		emit(metrics.EvidenceAge, age.Seconds(), s.Name)
		emit(metrics.EvidenceLag, lag.Seconds(), s.Name)
		if t := s.timing(); t.Dated {
			emit(metrics.EvidenceClockAhead, t.Ahead.Seconds(), s.Name)
		}
		l.mu.Lock()
		asked, silent := !s.lastAsked.IsZero(), s.silent
		l.mu.Unlock()
		switch {
		case !asked:
		case silent:
			emit(metrics.EvidenceSourceUp, 0, s.Name)
		default:
			emit(metrics.EvidenceSourceUp, 1, s.Name)
		}
	}
}

// behind is how long ago the last slice ended that was evidence for the release that has waited longest for one, be it followed yet or not, 0 without
// any, and how far the newest reports are that the source shows of all of its releases.
func (s *source) behind() (age, lag time.Duration) {
	now := s.now()
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	for _, r := range s.loop.releases {
		if r.source != s {
			continue
		}
		lag = max(lag, now.Sub(r.over(s.over(r.pair()))))
		if r.counted() {
			age = max(age, now.Sub(r.fresh))
		}
	}
	if lag == 0 {
		lag = s.timing().Lag
	}
	if s.Name == DefaultSource {
		for _, since := range s.loop.expected {
			age = max(age, s.loop.clock.Since(since))
		}
	}
	return age, lag
}
