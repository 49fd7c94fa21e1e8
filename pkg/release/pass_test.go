package release_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// passesAtOnce is how many passes may follow each other before one has nothing to do: more is a livelock.
const passesAtOnce = 20

// settle repeats passes until one has nothing to do. What cannot be written now is tried again later.
func (w *world) settle(t *testing.T) {
	t.Helper()
	if w.stopped {
		return
	}
	for range passesAtOnce {
		if w.pass(t) {
			w.out.state(w)
			w.watch.atRest(t, w)
			return
		}
	}
	t.Fatalf("%s: no end of passes at one instant\n%s", w.since(), w.out.tail())
}

// observe is what a pass knows of the world; nil where there is no TrafficShift.
func (w *world) observe() *cluster.View {
	objects, found := w.store.Objects(namespace, web)
	if !found {
		return nil
	}
	objects.Hold = w.mode
	shuffle(objects.ReplicaSets, w.order)
	shuffle(objects.Pods, w.order)
	shuffle(objects.Routes, w.order)
	shuffle(objects.Rules, w.order)
	shuffle(objects.Siblings, w.order)
	v := cluster.Observe(objects, cluster.Settings{Bounds: w.bounds, Manager: operator}, w.store.Now)
	v.Facts.Denied = w.denied
	v.Weigh(w.evidence(v.Facts))
	v.Facts.Direct = w.direct(v.Facts)
	return v
}

// shuffle puts a list in another order.
func shuffle[T any](list []T, r *rand.Rand) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// pass observes, decides and writes once, and tells whether there is nothing more to do now.
func (w *world) pass(t *testing.T) bool {
	t.Helper()
	v := w.observe()
	if v == nil {
		return true
	}
	o := v.Facts
	before := o.Release.DeepCopy()
	d := release.Decide(o, w.store.Now)
	if w.compared != w.store.Version() { // the objects are others than before: they say the same in any order
		w.compared = w.store.Version()
		if again := release.Decide(w.observe().Facts, w.store.Now); !reflect.DeepEqual(d, again) {
			t.Fatalf("%s: two passes over the same facts differ:\n%s", w.since(), cmp.Diff(d, again))
		}
	}
	if !reflect.DeepEqual(before, o.Release) {
		t.Fatalf("%s: rule %q changed the record it was given", w.since(), d.Rule)
	}
	w.out.decision(w, d)
	w.watch.decided(t, w, o, d)
	failure, killed := w.send(t, v, d)
	if killed {
		w.restart()
		return false
	}
	stored := w.report(t, v, d, failure)
	w.controllers.Run(w.store)
	release.CheckConditions(t, w.since()+"\n"+w.out.tail(), o, d)
	if w.failed = failure != nil; !w.failed {
		w.out.success(w, d)
	}
	return failure != nil || len(d.Writes()) == 0 && !stored
}

// send carries out the writes of a decision, and returns the first that failed.
func (w *world) send(t *testing.T, v *cluster.View, d release.Decision) (first *cluster.Failure, killed bool) {
	t.Helper()
	var failed []int
	writes := cluster.Plan(v, d)
	checkOrder(t, w, writes)
	if w.denied != nil && !slices.ContainsFunc(writes, func(write cluster.Write) bool { return !write.Lever && write.Action.Verb == w.deniedVerb }) {
		w.denied = nil
	}
	for i := range writes {
		write := &writes[i]
		if !write.Due(failed) {
			continue
		}
		if err := w.write(t, v, d, write); err != nil {
			failed = append(failed, i)
			if first == nil {
				first = &cluster.Failure{Write: *write, Err: err}
			}
			failure := &cluster.Failure{Write: *write, Err: err}
			w.out.failure(w, failure)
			w.noteDenial(failure)
			continue
		}
		if w.denied != nil && !write.Lever && write.Kind != cluster.Status {
			w.denied = nil
		}
		w.death.made++
		w.controllers.Run(w.store)
		last := i == len(writes)-1 || writes[i+1].Action != write.Action
		if last {
			w.watch.written(t, w, write.Action)
		}
		if w.dies(write.Action.Verb, last) {
			w.out.printf("  %7s   the operator is killed after: %s", w.since(), write.Action)
			return first, true
		}
	}
	return first, false
}

// checkOrder fails where a write that is no lever stands before one, or a lever waits for anything.
func checkOrder(t *testing.T, w *world, writes []cluster.Write) {
	t.Helper()
	others := false
	for _, write := range writes {
		if write.Lever && (others || write.Needs > 0) {
			w.watch.fail(t, w, "%s waits for what is no lever", write.Action)
		}
		others = others || !write.Lever
	}
}

// noteDenial remembers a write that is denied, as the operator's process does.
func (w *world) noteDenial(f *cluster.Failure) {
	if !f.Denied() || f.Write.Lever {
		return
	}
	since := w.store.Now
	if w.denied != nil {
		since = w.denied.Since
	}
	w.deniedVerb = f.Write.Action.Verb
	w.denied = &release.Denial{Reason: f.Reason(), Message: f.Message(), Since: since}
}

var errRefused = errors.New("refused by the API server")

// write is one write, unless it is to be refused.
func (w *world) write(t *testing.T, v *cluster.View, d release.Decision, write *cluster.Write) error {
	t.Helper()
	verb := write.Action.Verb
	if w.faults[verb] > 0 {
		w.faults[verb]--
		if w.deny != nil {
			return w.deny
		}
		return errRefused
	}
	w.watch.writes(t, w, v.Facts, d, write.Action)
	if write.Kind == cluster.Status {
		stored, err := w.store.PatchStatus(v.Shift, *write.Status)
		if err == nil {
			v.Stored(stored)
			w.wroteStatus()
		}
		return err
	}
	if err := w.store.Send(write, operator); err != nil {
		return err
	}
	w.written.objects++
	switch verb {
	case release.GiveSet:
		if s, found := w.handedOver(v); found {
			w.watch.judged[s.version] = true
		}
		if w.onGive != nil {
			w.onGive(w)
			w.onGive = nil
		}
	case release.Hold:
		w.watch.pausedBefore = w.deployment().Spec.Paused
	case release.Forget:
		w.memory, w.saved = memory{}, memory{}
		if w.again {
			w.again = false
			w.manage()
		}
	}
	return nil
}

// handedOver is the ReplicaSet that the Deployment has been given.
func (w *world) handedOver(v *cluster.View) (set, bool) {
	for _, s := range w.owned() {
		if s.hash == v.Facts.Release.Revision {
			return s, true
		}
	}
	return set{}, false
}

// dies says whether the operator is to be killed after this write, which may be the last of its action.
func (w *world) dies(v release.Verb, last bool) bool {
	if w.death.verb == v && last {
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
	w.memory = memory{covered: w.saved.covered, step: w.saved.step}
	if r := w.record(); r != nil && r.Outcome == nil {
		w.watch.proven = max(w.watch.proven, r.Weight.Millionths())
	}
}

// report stores what a pass says, and tells whether anything but numbers has changed, which are written only now and then.
func (w *world) report(t *testing.T, v *cluster.View, d release.Decision, failure *cluster.Failure) bool {
	t.Helper()
	if w.forgotten() || !w.shift().DeletionTimestamp.IsZero() && v.Shift.UID != w.shift().UID {
		return false
	}
	rec := d.Release
	if failure != nil {
		d, rec = failure.After(v, d)
	}
	status := cluster.StatusOf(v, d, rec)
	if left, changed := w.memory.told.Due(v.Shift.Status, status, w.store.Now); !changed || left > 0 {
		return false
	}
	before := v.Shift.Status
	stored, err := w.store.PatchStatus(v.Shift, status)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return true // the next pass sees the newer one
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wroteStatus()
	if sameRecord(before, stored.Status) {
		return false // only what is told has changed
	}
	w.death.made++
	return true
}

// wroteStatus notes that a status was written, and what it remembers.
func (w *world) wroteStatus() {
	w.memory.told.Wrote(w.store.Now)
	w.saved = w.memory
	w.written.statuses++
}

func sameRecord(a, b v1alpha1.TrafficShiftStatus) bool {
	strip := func(s v1alpha1.TrafficShiftStatus) v1alpha1.TrafficShiftStatus {
		s = *s.DeepCopy()
		s.Conditions, s.ObservedGeneration = nil, 0
		return s
	}
	return cluster.SameButNumbers(strip(a), strip(b))
}
