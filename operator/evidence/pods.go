package evidence

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// farthest is how far back the counts of pods reach at the most.
const farthest = time.Hour

// suspect is a Suspicion and what was answered. The Loop's mutex guards it.
type suspect struct {
	Suspicion
	key      types.NamespacedName
	number   int64
	source   *source
	attempts int
	known    bool // nothing more is asked
	pods     []pkgevidence.PodCounts
}

// suspect takes over the suspicion of f, or ends the one before. A source that does not exist is asked by nobody.
func (l *Loop) suspect(key types.NamespacedName, f Following) {
	x, ok := l.suspects[key]
	if ok && f.Suspect != nil && x.number == f.Release {
		return
	}
	delete(l.suspects, key)
	if s, err := l.sourceOf(f); err == nil && f.Suspect != nil {
		l.suspects[key] = &suspect{Suspicion: *f.Suspect, key: key, number: f.Release, source: s}
	}
}

// askPods asks for the pods of all suspects, and returns when to look for more.
func (s *source) askPods(ctx context.Context) time.Time {
	for _, x := range s.loop.openSuspects(s) {
		pods, err := s.podsOf(ctx, x)
		if ctx.Err() != nil {
			break
		}
		s.loop.takePods(ctx, x, pods, err)
	}
	return s.next()
}

// openSuspects are the suspects of whose pods nothing is known yet.
func (l *Loop) openSuspects(s *source) []*suspect {
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

// podsOf asks for what each pod was asked since the release got traffic.
func (s *source) podsOf(ctx context.Context, x *suspect) ([]pkgevidence.PodCounts, error) {
	over := counting.Interval{Start: x.Since, End: s.edge(s.loop.clock.Now())}
	if longest := over.End.Add(-farthest); over.Start.Before(longest) {
		over.Start = longest
	}
	counts, err := s.Counter.Pods(ctx, types.NamespacedName{Namespace: x.key.Namespace, Name: x.ReplicaSet}, x.Indicator, over)
	if err != nil {
		return nil, err
	}
	pods := make([]pkgevidence.PodCounts, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		pods = append(pods, pkgevidence.PodCounts{Pod: name, Counts: countsOf(counts[name])})
	}
	return pods, nil
}

// takePods notes the answer, and wakes the shift. What cannot be asked is not known, and nobody is blamed for it.
func (l *Loop) takePods(ctx context.Context, x *suspect, pods []pkgevidence.PodCounts, err error) {
	l.mu.Lock()
	x.attempts++
	_, useless := errors.AsType[counting.Unusable](err)
	x.known = err == nil || useless || x.attempts == attempts
	x.pods = pods
	known := x.known
	l.mu.Unlock()
	if known {
		l.wake(ctx, []types.NamespacedName{x.key})
	}
}
