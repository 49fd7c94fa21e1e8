package evidence

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// farthest is how far back the counts of pods reach at the most.
const farthest = time.Hour

// Suspicion is a canary that was taken back for its counts. Whether one of its pods alone is to blame is asked once, when its traffic is
// gone: nothing waits for the answer.
type Suspicion struct {
	// Key names the TrafficShift, Release is the release's number.
	Key     types.NamespacedName
	Release int64
	// Source names the source to ask; empty: DefaultSource.
	Source string
	// ReplicaSet is the canary's, in the namespace of Key.
	ReplicaSet string
	// Indicator says which requests are bad.
	Indicator counting.Indicator
	// Since is when the release got traffic.
	Since time.Time
}

// suspect is a Suspicion and what has been heard about it. The Loop's mutex guards it.
type suspect struct {
	Suspicion
	source *source
	failed int
	known  bool
	pods   []pkgevidence.PodCounts
}

// Suspect ends the counting of a release and returns what each pod of its canary reported, in the order of their names; false: it has
// not been heard yet, and the shift will be woken. Pods that are not scraped say nothing.
func (l *Loop) Suspect(s Suspicion) ([]pkgevidence.PodCounts, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.releases, s.Key)
	x, ok := l.suspects[s.Key]
	if !ok || x.Release != s.Release {
		if s.Source == "" {
			s.Source = DefaultSource
		}
		x = &suspect{Suspicion: s, source: l.sources[s.Source]}
		l.suspects[s.Key] = x
	}
	return x.pods, x.known
}

// blame asks for the pods of all suspects, and returns when to look for more.
func (s *source) blame(ctx context.Context) time.Time {
	for _, x := range s.loop.suspected(s) {
		pods, err := s.snapshot().pods(ctx, x.Suspicion)
		if ctx.Err() != nil {
			break
		}
		s.loop.heard(ctx, x, pods, err)
	}
	return s.snapshot().next()
}

// suspected are those of which nothing has been heard yet.
func (l *Loop) suspected(s *source) []*suspect {
	if !s.answers() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []*suspect
	for _, x := range l.suspects {
		if x.source == s && !x.known {
			open = append(open, x)
		}
	}
	return open
}

// pods asks for what each pod reported since the release got traffic.
func (s *source) pods(ctx context.Context, x Suspicion) ([]pkgevidence.PodCounts, error) {
	p, err := counting.NewPods(s.scope, x.Indicator, x.Key.Namespace, x.ReplicaSet)
	if err != nil {
		return nil, err
	}
	expr, err := p.Increments(minute)
	if err != nil {
		return nil, err
	}
	last := s.edge(s.loop.clock.Now())
	first := last
	for first.Add(-minute).After(x.Since) && last.Sub(first) < farthest-minute {
		first = first.Add(-minute)
	}
	answer, err := answered(s, func() (model.Matrix, error) {
		return s.Querier.QueryRange(ctx, expr, first, last, minute)
	})
	if err != nil {
		return nil, err
	}
	counts, err := p.Counts(answer)
	if err != nil {
		return nil, s.unusable(err)
	}
	pods := make([]pkgevidence.PodCounts, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		c := counts[name]
		pods = append(pods, pkgevidence.PodCounts{Pod: name, Counts: pkgevidence.Counts{Requests: c.Requests, Bad: c.Bad}})
	}
	return pods, nil
}

// heard notes the answer, and wakes the shift. What cannot be asked is not known, and nobody is blamed for it.
func (l *Loop) heard(ctx context.Context, x *suspect, pods []pkgevidence.PodCounts, err error) {
	l.mu.Lock()
	x.failed++
	_, useless := errors.AsType[unusable](err)
	x.known = err == nil || useless || x.failed == attempts
	x.pods = pods
	known := x.known
	l.mu.Unlock()
	if known {
		l.wake(ctx, []types.NamespacedName{x.Key})
	}
}
