package direct

import (
	"context"
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
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
)

// What the reader is told, and what it says, in the words of pkg/direct.
type (
	// Release is what is to be read of a release.
	Release = pkgdirect.Release
	// State is what is known of a release.
	State = pkgdirect.State
)

// Mode says whether proxies are read.
type Mode string

const (
	// Auto reads all proxies that can be read.
	Auto Mode = "Auto"
	// Off reads none.
	Off Mode = "Off"
)

// UnmarshalYAML takes an Off without quotes too, which YAML 1.1 and the tools that read it take for false.
func (m *Mode) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	if *m = Mode(text); text == "false" {
		*m = Off
	}
	return nil
}

const (
	// DefaultInterval is the time between two readings of a proxy.
	DefaultInterval = time.Second
	// MinInterval is the shortest it may be.
	MinInterval = 500 * time.Millisecond
	// MaxInterval is the longest it may be.
	MaxInterval = 5 * time.Second
	// PerSecond is how many proxies are read in a second at the most.
	PerSecond = 400

	// atOnce is how many are read at the same time, and atOnceOfOne how many of one namespace.
	atOnce      = 64
	atOnceOfOne = 16
	// longestWait is how long a proxy that cannot be read is left alone at the most.
	longestWait = 30 * time.Second
)

// Config are what a Reader needs.
type Config struct {
	// Mode says whether proxies are read; empty: Auto.
	Mode Mode
	// Interval is the time between two readings, from MinInterval to MaxInterval; zero: DefaultInterval.
	Interval time.Duration
	// PerSecond is how many proxies are read in a second; zero: PerSecond. At least twice the most of one release in an interval.
	PerSecond int
	// Clock tells the time; nil: the real one.
	Clock clock.WithTicker
	// Metrics is told of what is read; nil: nobody is.
	Metrics *metrics.Set
	// Log is told of checkpoints that cannot be read.
	Log logr.Logger

	dial dialer // nil: that of the net
}

// Reader reads the proxies of releases. Make it with New, give it to a manager, and tell it of releases. All methods may be called at any
// time from any goroutine.
type Reader struct {
	Config
	fetch   *fetcher
	budget  int           // of a tick
	atMost  time.Duration // how long a tick may take
	changes chan event.GenericEvent
	news    chan struct{} // that there are keys in changed

	mu       sync.Mutex
	tick     int64
	turns    pkgdirect.Turns
	releases map[types.NamespacedName]*release
	resting  map[pkgdirect.ID]rest
	changed  map[types.NamespacedName]bool
}

// release is one that is followed. The Reader's mutex guards it.
type release struct {
	watch *pkgdirect.Watch
	turn  int64 // the tick of its last turn
}

// rest is how long a proxy that cannot be read is left alone.
type rest struct {
	failures int
	until    time.Time
}

// New returns a Reader that reads nothing yet, or an error that names the setting that cannot be used.
func New(c Config) (*Reader, error) {
	if c.Mode == "" {
		c.Mode = Auto
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.PerSecond == 0 {
		c.PerSecond = PerSecond
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	r := &Reader{
		Config: c, fetch: newFetcher(c.dial), budget: int(float64(c.PerSecond) * c.Interval.Seconds()), atMost: c.Interval,
		changes: make(chan event.GenericEvent), news: make(chan struct{}, 1),
		releases: map[types.NamespacedName]*release{}, resting: map[pkgdirect.ID]rest{}, changed: map[types.NamespacedName]bool{},
	}
	switch {
	case c.Mode != Auto && c.Mode != Off:
		return nil, fmt.Errorf("mode is %q; it must be %s or %s", c.Mode, Auto, Off)
	case c.Interval < MinInterval || c.Interval > MaxInterval:
		return nil, fmt.Errorf("interval is %s; it must be from %s to %s", c.Interval, MinInterval, MaxInterval)
	case r.budget < pkgdirect.LeastBudget:
		return nil, fmt.Errorf("perSecond is %d; it must be at least %d in an interval of %s", c.PerSecond, pkgdirect.LeastBudget, c.Interval)
	}
	return r, nil
}

// Start reads until the context ends.
func (r *Reader) Start(ctx context.Context) error {
	if r.Mode == Off {
		<-ctx.Done()
		return nil
	}
	var woken sync.WaitGroup
	woken.Go(func() { r.wake(ctx) })
	defer woken.Wait()
	defer r.fetch.client.CloseIdleConnections()
	ticker := r.Clock.NewTicker(r.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C():
			r.once(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// NeedLeaderElection is true: only the leader follows releases.
func (r *Reader) NeedLeaderElection() bool { return true }

// Follow tells what is to be read of a release now. It is called after each decision while the canary may get traffic, and before that to
// have gateways read when the canary's Service is made. The same release again keeps what was counted; another replaces the one before.
func (r *Reader) Follow(of Release) {
	if r.Mode == Off {
		return
	}
	now := r.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if x, ok := r.releases[of.Key]; ok && x.watch.Number() == of.Number {
		x.watch.Update(of, now)
		return
	}
	w, err := pkgdirect.NewWatch(of, now)
	if err != nil {
		r.Log.Info("Checkpoint cannot be read: the urgent lanes begin again", "shift", of.Key, "release", of.Number, "problem", err.Error())
	}
	r.releases[of.Key] = &release{watch: w, turn: r.tick}
}

// Forget ends the reading of a release.
func (r *Reader) Forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.releases, key)
	delete(r.changed, key)
}

// State returns what is known of the release that is followed; false: none is.
func (r *Reader) State(key types.NamespacedName) (State, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.releases[key]
	if !ok {
		return State{}, false
	}
	return x.watch.State(), true
}

// Alarms says whether the proxies of a release ask for an abort, or to brake.
func (r *Reader) Alarms(key types.NamespacedName, number int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.releases[key]
	return ok && x.watch.Number() == number && x.watch.Alarms()
}

// Changed wakes the TrafficShifts of whose State something decisive has changed: an abort, a brake, that a weight is live, that gateways know
// the canary, that proxies can be read or cannot. The events carry namespace and name only. Who does not receive them delays nothing but them.
func (r *Reader) Changed() <-chan event.GenericEvent { return r.changes }

// note has a shift be woken. It waits for nobody. The mutex is held.
func (r *Reader) note(key types.NamespacedName) {
	r.changed[key] = true
	select {
	case r.news <- struct{}{}:
	default: // There are news already.
	}
}

// wake sends the events, until the context ends.
func (r *Reader) wake(ctx context.Context) {
	for {
		select {
		case <-r.news:
		case <-ctx.Done():
			return
		}
		for _, k := range r.takeChanged() {
			shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: k.Name}}
			select {
			case r.changes <- event.GenericEvent{Object: shift}:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (r *Reader) takeChanged() []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []types.NamespacedName
	for k := range r.changed {
		keys = append(keys, k)
	}
	clear(r.changed)
	return keys
}
