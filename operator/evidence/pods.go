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

// freshFor is how many slices the counts of a running canary's pods are worth something.
const freshFor = 6

// suspect is a Suspicion and what was answered. The Loop's mutex guards it.
type suspect struct {
	Suspicion
	key      types.NamespacedName
	number   int64
	source   *source
	attempts int
	asked    time.Time // up to when it was asked last
	pods     pkgevidence.ByPod
}

// pair is the release as a source is asked about it.
func (x *suspect) pair() counting.Pair {
	return counting.Pair{Stable: x.Stable, Canary: x.Canary, Indicators: []counting.Indicator{x.Indicator}}
}

// known is what is known now of the pods: of a running canary only the newest counts say something.
func (x *suspect) known() pkgevidence.ByPod {
	if old := x.source.edge(x.pair()).Add(-freshFor * x.source.loop.slice); x.Running && x.asked.Before(old) {
		return pkgevidence.ByPod{}
	}
	return x.pods
}

// due says whether there is something to ask: once of a canary that was taken back, and for each slice of one that runs.
func (x *suspect) due(edge time.Time) bool { return !x.pods.Known || x.Running && x.asked.Before(edge) }

// suspect takes over the suspicion of f, or ends the one before. A source that does not exist is asked by nobody.
func (l *Loop) suspect(key types.NamespacedName, f Following) {
	x, ok := l.suspects[key]
	if ok && f.Suspect != nil && x.number == f.Release && x.Suspicion == *f.Suspect {
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
		edge := s.edge(x.pair())
		pods, err := s.podsOf(ctx, x, edge)
		if ctx.Err() != nil {
			break
		}
		s.loop.takePods(ctx, x, edge, pods, err)
	}
	return s.next()
}

// openSuspects are the suspects that there is something to ask about.
func (l *Loop) openSuspects(s *source) []*suspect {
	if !s.answers() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []*suspect
	for _, x := range l.suspects {
		if x.source == s && x.due(s.edge(x.pair())) {
			open = append(open, x)
		}
	}
	return open
}

// podsOf asks for what each pod was asked up to the edge, and both arms by their callers.
func (s *source) podsOf(ctx context.Context, x *suspect, edge time.Time) (pkgevidence.ByPod, error) {
	none := pkgevidence.ByPod{}
	ofPods, ofCallers := pkgevidence.PodSpans(edge, s.at(x.Since), x.Running, s.Counter.Timing(x.pair()).Interval)
	counts, err := s.Counter.Pods(ctx, types.NamespacedName{Namespace: x.key.Namespace, Name: x.ReplicaSet}, x.Indicator, interval(ofPods))
	if err != nil {
		return none, err
	}
	arms, err := s.Counter.History(ctx, x.pair(), x.Indicator, interval(ofCallers), minute)
	if err != nil {
		return none, err
	}
	by := pkgevidence.ByPod{Known: true, Objective: x.Objective}
	by.Arms.Stable, by.Arms.Canary = total(arms[x.Stable]), total(arms[x.Canary])
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		by.Pods = append(by.Pods, pkgevidence.PodCounts{Pod: name, Counts: countsOf(counts[name])})
	}
	return by, nil
}

func interval(s pkgevidence.Span) counting.Interval {
	return counting.Interval{Start: s.From, End: s.To}
}

// total adds up.
func total(steps []counting.Counts) pkgevidence.Counts {
	var all pkgevidence.Counts
	for _, c := range steps {
		all.Requests += c.Requests
		all.Bad += c.Bad
	}
	return all
}

// takePods notes the answer, and wakes the shift for the first. What cannot be asked is not known, and nobody is blamed, or excused, for it.
func (l *Loop) takePods(ctx context.Context, x *suspect, edge time.Time, pods pkgevidence.ByPod, err error) {
	l.mu.Lock()
	before := x.pods.Known
	_, useless := errors.AsType[counting.Unusable](err)
	if x.attempts++; err == nil {
		x.attempts = 0
	}
	pods.Known = err == nil || useless || x.attempts >= attempts
	if x.pods = pods; pods.Known {
		x.asked = edge
	}
	known := x.pods.Known && !before
	l.mu.Unlock()
	if known {
		l.wake(ctx, []types.NamespacedName{x.key})
	}
}
