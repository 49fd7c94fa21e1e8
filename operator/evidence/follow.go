package evidence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// refusal is why a release cannot be counted.
type refusal struct {
	number  int64
	message string
}

// Expect tells that a release has traffic whose last counted request is of that time, and will be followed. Until Follow is called for it, it makes
// the evidence of the default source as old.
func (l *Loop) Expect(key types.NamespacedName, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, followed := l.releases[key]; !followed {
		l.expected[key] = since
	}
}

// Follow tells all that the record of a TrafficShift says now; what was told before and is not in it ends. It is called after each
// decision, before the proxies can know of a weight or right after, and saying the same again changes nothing:
//
//   - The same release again keeps what was counted, whatever the Target says; only a From that was not known is taken over, and that the
//     version is judged or had its last request.
//   - Another release replaces the one before.
//   - Counting waits for the first Weight.
//
// A release that cannot be counted, for its configuration, its source or a name, has Readings that say what is in the way, and the shift
// is woken to read the first of them.
func (l *Loop) Follow(key types.NamespacedName, f Following) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.expected, key)
	before := l.refused[key]
	delete(l.refused, key)
	if err := l.track(key, f); err != nil {
		now := refusal{f.Release, fmt.Sprintf("tracking release %d of %s: %s", f.Release, key, err)}
		if l.refused[key] = now; now != before {
			l.unread = append(l.unread, key)
		}
	}
	if r, ok := l.releases[key]; ok && !f.Weight.WrittenAt.IsZero() {
		r.told = f.Weight
		l.weigh(r)
	}
	l.suspect(key, f)
}

// track makes the target of f the release that is counted for the key, or none.
func (l *Loop) track(key types.NamespacedName, f Following) error {
	r, ok := l.releases[key]
	if ok && f.Count != nil && r.number == f.Release {
		if r.From.IsZero() {
			r.From = f.Count.From
		}
		r.Over, r.End = f.Count.Over, f.Count.End
		return nil
	}
	delete(l.releases, key)
	if f.Count == nil {
		return nil
	}
	r, err := l.newRelease(key, f)
	if err == nil {
		l.releases[key] = r
	}
	return err
}

// sourceOf is the source that is named, or the default one.
func (l *Loop) sourceOf(f Following) (*source, error) {
	s, ok := l.sources[cmp.Or(f.Source, DefaultSource)]
	if !ok {
		return nil, fmt.Errorf("no source is named %q; name it in the operator's configuration", cmp.Or(f.Source, DefaultSource))
	}
	return s, nil
}

func (l *Loop) newRelease(key types.NamespacedName, f Following) (*release, error) {
	s, err := l.sourceOf(f)
	if err != nil {
		return nil, err
	}
	t := *f.Count
	r := &release{Target: t, key: key, number: f.Release, source: s, pastKnown: t.PastKnown || !t.From.IsZero()}
	r.missed.Gaps = slices.Clone(t.Gaps)
	r.Indicators = make([]counting.Indicator, len(t.Config.Objectives))
	copy(r.Indicators, t.Indicators)
	if err := s.Counter.Check(r.pair()); err != nil {
		return nil, err
	}
	if r.tests, err = pkgevidence.New(t.Config); err != nil {
		return nil, err
	}
	if len(t.ClientErrors.Objectives) > 0 {
		if r.clientErrors, err = pkgevidence.New(t.ClientErrors); err != nil {
			return nil, err
		}
	}
	if err := r.restore(); err != nil {
		l.log.Info("Checkpoint cannot be read: the tests of this step begin again", "shift", key, "release", f.Release, "problem", err.Error())
	}
	return r, nil
}

// restore goes on from the checkpoint; when it cannot be read everything stays as it is.
func (r *release) restore() error {
	if r.Checkpoint == "" {
		return nil
	}
	first, rest, _ := strings.Cut(r.Checkpoint, " ")
	moves, err := pkgevidence.ParseMoves(first)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	rest, ofClientErrors, _ := strings.Cut(rest, clientErrorsFollow)
	tests, err := pkgevidence.Restore(r.Config, rest)
	if err != nil {
		return err
	}
	if r.clientErrors != nil && ofClientErrors != "" {
		restored, err := pkgevidence.Restore(r.ClientErrors, ofClientErrors)
		if err != nil {
			return fmt.Errorf("restoring the client errors: %w", err)
		}
		r.clientErrors = restored
	}
	r.moves, r.tests, r.through = moves, tests, tests.Through()
	return nil
}

// clientErrorsFollow stands before the checkpoint of the client errors.
const clientErrorsFollow = " client-errors "

// checkpoint begins with the moves; what the tests themselves have to say follows, and what those of the client errors have.
func (r *release) checkpoint() string {
	c := r.moves.String() + " " + r.tests.Checkpoint()
	if r.clientErrors != nil {
		c += clientErrorsFollow + r.clientErrors.Checkpoint()
	}
	return c
}
