package evidence

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// Target is a release to count.
type Target struct {
	// Key names the TrafficShift.
	Key types.NamespacedName
	// Release is the release's number.
	Release int64
	// Source names the source to count at; empty: DefaultSource.
	Source string
	// Stable and Canary are the arms: two Services, or two revisions of the same.
	Stable, Canary counting.Service
	// Config is what the tests tolerate. Indicators say, for each of its objectives, which requests are bad; where there are
	// fewer, the rest is counted by the zero Indicator.
	Config     pkgevidence.Config
	Indicators []counting.Indicator
	// PastKnown says that the Config holds what the stable's past says, so that nobody has to be asked for it.
	PastKnown bool
	// Checkpoint is what the last Reading before a restart said; empty: the tests begin.
	Checkpoint string
	// From is when the first weight was written. While it is zero nothing is counted, and only the freshness of the
	// stable is watched.
	From time.Time
}

// Weight is what the record of a release says about its weight now.
type Weight struct {
	// Share is the canary's wanted share of traffic, 0 to 1.
	Share float64
	// WrittenAt is when this weight was written into the routes.
	WrittenAt time.Time
	// SettledAt is since when it is live in the proxies; nil: not yet. Slices that begin earlier can only warn.
	SettledAt *time.Time
	// Alone says that no stable is beside the canary, as at a share of 1.
	Alone bool
	// Move counts the weights of a release: when it changes, the tests begin a new step at WrittenAt.
	Move int32
}

// Track begins to count a release, or goes on from its checkpoint. The same release again changes nothing but a From that
// was not known; another number replaces the release before. Counting waits for the first Weight. An error names what
// cannot be used: a configuration, a source, a name, or a checkpoint that was altered; nothing is tracked for the key then.
func (l *Loop) Track(t Target) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.releases[t.Key]; ok && r.Release == t.Release {
		if r.From.IsZero() {
			r.From = t.From
		}
		return nil
	}
	delete(l.releases, t.Key)
	r, err := l.newRelease(t)
	if err != nil {
		return fmt.Errorf("tracking release %d of %s: %w", t.Release, t.Key, err)
	}
	l.releases[t.Key] = r
	return nil
}

// Weight tells what the record says now. It is called before the proxies can know of a weight, or right after. A TrafficShift
// that is not tracked and a Weight that was never written are ignored.
func (l *Loop) Weight(key types.NamespacedName, w Weight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.releases[key]; ok && !w.WrittenAt.IsZero() {
		r.weigh(w, l.slice)
	}
}

// Forget stops counting for a TrafficShift, and suspects nothing of it.
func (l *Loop) Forget(key types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.releases, key)
	delete(l.suspects, key)
}

func (l *Loop) newRelease(t Target) (*release, error) {
	name := t.Source
	if name == "" {
		name = DefaultSource
	}
	s, ok := l.sources[name]
	if !ok {
		return nil, fmt.Errorf("no source is named %q; name it in the operator's configuration", name)
	}
	r := &release{Target: t, source: s, recalled: t.PastKnown || !t.From.IsZero()}
	r.Indicators = make([]counting.Indicator, len(t.Config.Objectives))
	copy(r.Indicators, t.Indicators)
	for _, i := range append(r.Indicators, counting.Indicator{}) {
		if _, err := counting.NewBatch(s.scope, i, []counting.Service{r.Stable, r.Canary}); err != nil {
			return nil, err
		}
	}
	if t.Checkpoint == "" {
		var err error
		r.tests, err = pkgevidence.New(t.Config)
		return r, err
	}
	moves, tests, _ := strings.Cut(t.Checkpoint, " ")
	var err error
	if r.moves, err = pkgevidence.ParseMoves(moves); err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	if r.tests, err = pkgevidence.Restore(t.Config, tests); err != nil {
		return nil, err
	}
	r.through = r.tests.Through()
	return r, nil
}

// checkpoint begins with the moves; what the tests themselves have to say follows.
func (r *release) checkpoint() string { return r.moves.String() + " " + r.tests.Checkpoint() }
