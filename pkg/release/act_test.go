package release

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// passesAtOnce is how many passes may follow each other before one has nothing to do: more is a livelock.
const passesAtOnce = 20

var errRefused = errors.New("refused by the API server")

// settle repeats passes until one has nothing to do. What cannot be written now is tried again later.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for range passesAtOnce {
		if w.forgotten || w.pass(t) {
			w.out.state(w)
			w.watch.atRest(t, w)
			return
		}
	}
	t.Fatalf("%s: no end of passes at one instant\n%s", w.since(), w.out.tail())
}

// pass observes, decides and acts once, and tells whether there is nothing more to do now.
func (w *world) pass(t *testing.T) bool {
	t.Helper()
	o := w.observe()
	before := o.Release.DeepCopy()
	d := Decide(o, w.now)
	if again := Decide(w.observe(), w.now); !reflect.DeepEqual(d, again) {
		t.Fatalf("%s: two passes over the same facts differ:\n%s", w.since(), cmp.Diff(d, again))
	}
	if !reflect.DeepEqual(before, o.Release) {
		t.Fatalf("%s: rule %q changed the record it was given", w.since(), d.Rule)
	}
	if d.Release != nil && len(o.Evidence.Verdict.Objectives) > 0 {
		Count(d.Release, o.Evidence, d.Message)
	}
	w.out.decision(w, o, d)
	w.watch.decided(t, w, o, d)
	failed, killed := w.act(t, o, d)
	if killed {
		w.restart()
		return false
	}
	stored := w.report(d, failed)
	w.controllers()
	checkConditions(t, w, o, d)
	w.failed = failed
	return failed || len(d.Writes()) == 0 && !stored
}

// act carries out the writes of a decision: every lever, and the others up to the first that fails.
func (w *world) act(t *testing.T, o Observation, d Decision) (failed, killed bool) {
	t.Helper()
	for i, a := range d.Writes() {
		lever := i < len(d.Levers)
		if failed && !lever {
			return failed, false
		}
		err := errRefused
		if w.faults[a.Verb] == 0 {
			w.watch.writes(t, w, o, d, a)
			err = w.write(d, a)
		} else {
			w.faults[a.Verb]--
		}
		if err != nil {
			failed = true
			w.out.printf("  %7s   %s fails: %v", w.since(), a, err)
			if !lever {
				return failed, false
			}
			continue
		}
		w.death.made++
		w.controllers()
		w.watch.written(t, w, o, d, a)
		if w.dies(a.Verb) {
			w.out.printf("  %7s   the operator is killed after: %s", w.since(), a)
			return failed, true
		}
		if w.forgotten {
			return failed, false
		}
	}
	return failed, false
}

// dies says whether the operator is to be killed after this write.
func (w *world) dies(v Verb) bool {
	if w.death.verb == v {
		w.death.verb = ""
		return true
	}
	if w.death.writes > 0 {
		w.death.writes--
		return w.death.writes == 0
	}
	return false
}

// restart begins with an empty memory and what the status remembers.
func (w *world) restart() {
	w.memory = memory{covered: w.status.covered, step: w.status.step}
	if r := w.status.release; r != nil && r.Outcome == nil {
		w.watch.proven = max(w.watch.proven, r.Weight.Millionths())
	}
}

// report stores the record of a pass, and tells whether anything changed. What was not done is not recorded; the beginning of
// an abort is.
func (w *world) report(d Decision, failed bool) bool {
	if w.forgotten {
		return false
	}
	r := d.Release
	if failed && (r == nil || r.Outcome == nil || r.Outcome.Result != v1alpha1.StateAborted || r.State.Ended()) {
		r, d.Answer = nil, nil
	}
	before := w.status
	w.store(r, d)
	changed := !reflect.DeepEqual(before.release, w.status.release) || before.refused != w.status.refused || before.handled != w.status.handled
	if !changed {
		w.status.covered, w.status.step = before.covered, before.step // numbers alone are written only now and then
	}
	w.death.made += btoi(changed)
	return changed
}

func (w *world) store(r *v1alpha1.Release, d Decision) {
	if r != nil {
		w.status.release = r.DeepCopy()
	}
	w.status.refused, w.status.covered, w.status.step = d.Refused, w.memory.covered, w.memory.step
	if d.Answer != nil {
		w.status.handled = d.Answer.Token
	}
}

// write is one write as the API server would take it.
func (w *world) write(d Decision, a Action) error {
	switch a.Verb {
	case Save:
		w.store(d.Release, d)
	case Hold:
		w.dep.held, w.dep.pausedBefore = true, w.dep.paused
		w.watch.pausedBefore = w.dep.paused
	case Pause:
		w.dep.paused = true
	case Unpause:
		if w.waits() && w.dep.replicas > 0 {
			return errRefused
		}
		w.dep.paused = false
	case PutBack:
		w.push(w.running())
	case Unhold:
		w.dep.paused = w.dep.pausedBefore || w.dep.paused && w.waits()
		w.dep.held, w.dep.pausedBefore = false, false
	case Forget:
		w.forgotten = true
		w.status = status{}
		w.memory = memory{}
	case Raise, Lower, AbortRoutes, RestoreRoutes:
		w.writeRoutes(d, a)
	case GiveSet:
		return w.give()
	default:
		return w.writeArms(d, a)
	}
	return nil
}

// running is the template of the ReplicaSet that the Deployment runs.
func (w *world) running() string {
	for _, s := range w.owned() {
		if s.replicas > 0 {
			return s.template
		}
	}
	return w.dep.template
}

// waits says whether the Deployment's template is another than the one that runs.
func (w *world) waits() bool {
	for _, s := range w.owned() {
		if s.replicas > 0 && s.template == w.dep.template {
			return false
		}
	}
	return true
}

func (w *world) writeArms(d Decision, a Action) error {
	switch a.Verb {
	case MakeService:
		w.canary.exists, w.canary.aborted, w.canary.selects, w.canary.number = true, false, d.Release.Revision, d.Release.Number
	case AbortService:
		w.canary.aborted, w.canary.selects = true, a.Hash
	case RemoveService:
		w.canary.exists, w.canary.aborted, w.canary.selects, w.canary.number = false, false, "", 0
	case MakeRule:
		w.copied = true
	case RemoveRule:
		w.copied = false
	case Narrow:
		if !w.service.exists {
			return nil
		}
		w.service.narrowed, w.service.marked = a.Hash, true
	case Widen:
		w.service.narrowed, w.service.marked = "", false
	case RemoveTwin:
		for _, s := range w.owned() {
			if s.replicas == 0 && s.template == w.dep.template {
				w.remove(s)
			}
		}
	case MakeSet:
		if !w.canary.exists {
			return errRefused
		}
		w.sets = append(w.sets, &podSet{name: "web-" + d.Release.Revision, hash: d.Release.Revision, template: w.dep.template, owner: "release", replicas: a.Replicas})
	default:
		return w.scale(d, a)
	}
	return nil
}

func (w *world) scale(d Decision, a Action) error {
	ours := slices.IndexFunc(w.sets, func(s *podSet) bool { return s.owner == "release" })
	switch a.Verb {
	case RemoveSet:
		if ours >= 0 {
			w.remove(w.sets[ours])
		}
	case ScaleSet:
		if ours < 0 {
			return errRefused
		}
		w.sets[ours].replicas = a.Replicas
	case ScaleStable, ScaleRogue:
		for _, s := range w.owned() {
			if (s.hash == d.Release.Stable) == (a.Verb == ScaleStable) && (s.hash != d.Release.Revision || a.Verb == ScaleRogue) {
				s.replicas = a.Replicas
			}
		}
	default:
		return fmt.Errorf("no write is known for %q", a.Verb)
	}
	return nil
}

func (w *world) writeRoutes(d Decision, a Action) {
	w.foreign = nil
	if a.Verb == Raise && len(w.routes) == 0 {
		w.routes = []*route{{name: "shop/web-canary", made: true}}
	}
	kept := w.routes[:0]
	for _, r := range w.routes {
		switch {
		case a.Verb == Raise:
			r.share, r.marked, r.aborted = a.Share, true, false
		case a.Verb == Lower:
			r.share = min(r.share, a.Share)
		case a.Verb == AbortRoutes:
			r.share, r.aborted, r.marked = 0, true, true
		case r.made:
			continue
		default:
			if w.arms != nil {
				w.arms.rest(r, d.Release)
			}
			r.share, r.aborted, r.marked = 0, false, false
		}
		kept = append(kept, r)
	}
	w.routes = kept
}

// give hands the release's ReplicaSet over, after one more look.
func (w *world) give() error {
	ours := slices.IndexFunc(w.sets, func(s *podSet) bool { return s.owner == "release" })
	if ours < 0 || !w.dep.exists {
		return errRefused
	}
	s := w.sets[ours]
	if s.template != w.dep.template || s.replicas != w.dep.replicas || w.available(s) != w.dep.replicas {
		return errRefused
	}
	s.owner, s.desired = "deployment", w.dep.replicas
	w.watch.judged[s.template] = true
	if w.onGive != nil {
		w.onGive(w)
		w.onGive = nil
	}
	return nil
}
