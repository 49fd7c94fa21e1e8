package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// DefaultSource is the name of the source that a Target without one is counted at.
	DefaultSource = "default"
	// DefaultBackfill is how far back is counted what was missed.
	DefaultBackfill = time.Hour
	// MinBackfill is the least that a new leader has to be able to count again: the counts of a running release are stored by the Heartbeat, and
	// the minute is for taking over and for reports that come late.
	MinBackfill = v1alpha1.Heartbeat + time.Minute
	// MinSlice is the shortest a slice may be.
	MinSlice = 100 * time.Millisecond
	// MaxSlice is the longest a slice may be.
	MaxSlice = time.Minute

	eventBuffer = 1024
)

// Settings are what a Loop needs.
type Settings struct {
	// Sources are asked; at least one.
	Sources []Source
	// Slice is the length of a slice: a divisor of a minute, from MinSlice to MaxSlice; zero: counting.DefaultStep.
	Slice time.Duration
	// Backfill is how far back what was missed is counted, at least MinBackfill; what is older is void. Zero: DefaultBackfill.
	Backfill time.Duration
	// Clock tells the time; nil: the real one.
	Clock clock.Clock
	// Metrics is told of what is asked and counted; nil: nobody is.
	Metrics *metrics.Set
	// Log is told of every change of a source's state.
	Log logr.Logger
}

// Loop counts. Make it with New, give it to a manager, and tell it of releases. All methods may be called at any time from
// any goroutine.
type Loop struct {
	slice, backfill time.Duration
	clock           clock.Clock
	log             logr.Logger
	metrics         *metrics.Set
	sources         map[string]*source
	events, changes chan event.GenericEvent

	mu       sync.Mutex
	releases map[types.NamespacedName]*release
	refused  map[types.NamespacedName]refusal
	unread   []types.NamespacedName // of the refused, whose shifts are not woken yet
	suspects map[types.NamespacedName]*suspect
	expected map[types.NamespacedName]time.Time // since when releases wait for evidence that nobody follows yet
}

// New returns a Loop that counts nothing yet, or an error that names the setting that cannot be used.
func New(s Settings) (*Loop, error) {
	l := &Loop{
		slice: s.Slice, backfill: s.Backfill, clock: s.Clock, log: s.Log, metrics: s.Metrics,
		sources:  map[string]*source{},
		events:   make(chan event.GenericEvent, eventBuffer),
		changes:  make(chan event.GenericEvent, 1),
		releases: map[types.NamespacedName]*release{},
		refused:  map[types.NamespacedName]refusal{},
		suspects: map[types.NamespacedName]*suspect{},
		expected: map[types.NamespacedName]time.Time{},
	}
	if l.slice == 0 {
		l.slice = counting.DefaultStep
	}
	if l.backfill == 0 {
		l.backfill = DefaultBackfill
	}
	if l.clock == nil {
		l.clock = clock.RealClock{}
	}
	if err := l.check(s.Sources); err != nil {
		return nil, err
	}
	for _, from := range s.Sources {
		l.sources[from.Name] = &source{Source: from, loop: l, turn: map[string]int{}}
		l.metrics.Source(from.Name)
	}
	l.metrics.Gauges(l.tell)
	return l, nil
}

func (l *Loop) check(sources []Source) error {
	switch {
	case len(sources) == 0:
		return errors.New("sources is empty; name at least one")
	case l.slice < MinSlice || l.slice > MaxSlice || time.Minute%l.slice != 0:
		return fmt.Errorf("slice is %s; it must be from %s to %s and divide a minute, such as 5s", l.slice, MinSlice, MaxSlice)
	case l.backfill < MinBackfill:
		return fmt.Errorf("backfill is %s; it must be at least %s", l.backfill, MinBackfill)
	}
	seen := map[string]bool{}
	for i, s := range sources {
		if s.Name == "" || seen[s.Name] {
			return fmt.Errorf("sources[%d].name is %q; every source needs a name of its own", i, s.Name)
		}
		seen[s.Name] = true
		if s.Counter == nil {
			return fmt.Errorf("sources[%d] (%s) has nothing to ask", i, s.Name)
		}
	}
	return nil
}

// Start counts until the context ends. Each source has a goroutine of its own, so that one that hangs delays no other.
func (l *Loop) Start(ctx context.Context) error {
	var sources sync.WaitGroup
	for _, s := range l.sources {
		sources.Go(func() { s.run(ctx) })
	}
	sources.Wait()
	return nil
}

// NeedLeaderElection is true: only the leader tracks releases.
func (l *Loop) NeedLeaderElection() bool { return true }

// Events wakes the TrafficShifts for which a slice was taken or whose evidence became fresh or stale. The events carry
// namespace and name only. They must be received while the Loop runs, or it stops counting.
func (l *Loop) Events() <-chan event.GenericEvent { return l.events }

func (l *Loop) wake(ctx context.Context, keys []types.NamespacedName) {
	for _, k := range keys {
		shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: k.Name}}
		select {
		case l.events <- event.GenericEvent{Object: shift}:
		case <-ctx.Done():
			return
		}
	}
}

// wakeRefused wakes the shifts whose releases were refused since it was last called. Follow itself must not wait for those who are woken.
func (l *Loop) wakeRefused(ctx context.Context) {
	l.mu.Lock()
	keys := l.unread
	l.unread = nil
	l.mu.Unlock()
	l.wake(ctx, keys)
}
