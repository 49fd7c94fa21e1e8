package shift

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written remembers, of each write of a TrafficShift's passes, what the API server answered, until the caches have it. By it a pass reads
// what the operator wrote before, object by object: no read waits for a cache, or for the write of another object.
//
//	the cache has                    the pass reads
//	the object as written, or newer  the cache
//	an older one                     the answer to the write, for as long as answerCounts; then the API server
//	none, after it was made          the API server
//	it still, after it was deleted   the API server
//	any, and the write had no answer the API server
type written struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	answers map[objectID]answer
	byShift map[types.NamespacedName]map[objectID]bool
}

// objectID names an object.
type objectID struct {
	kind string
	key  types.NamespacedName
}

// answer is what is known of an object after a write.
type answer struct {
	// object is what the API server answered. Of an object that was deleted, or of a write without an answer, it is what was read before.
	object  client.Object
	deleted bool
	unknown bool
	at      time.Time
	// writers are the TrafficShifts that wrote it.
	writers []types.NamespacedName
}

// overtook says whether the answer is to a later write than another one, which arrived after it.
func (a answer) overtook(b answer) bool {
	if a.unknown || b.unknown || a.deleted || b.deleted {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(a.object.GetResourceVersion(), b.object.GetResourceVersion())
	return err == nil && order > 0
}

func newWritten(c clock.PassiveClock) *written {
	return &written{clock: c, answers: map[objectID]answer{}, byShift: map[types.NamespacedName]map[objectID]bool{}}
}

// note remembers an object as the API server answered to the write that made or changed it. Nobody changes it afterwards.
func (w *written) note(shift types.NamespacedName, o client.Object) {
	w.put(shift, answer{object: o, at: w.clock.Now()})
}

// gone remembers that an object was deleted.
func (w *written) gone(shift types.NamespacedName, o client.Object) {
	w.put(shift, answer{object: o, deleted: true, at: w.clock.Now()})
}

// unsure remembers that a write had no answer: it may have been done.
func (w *written) unsure(shift types.NamespacedName, o client.Object) {
	w.put(shift, answer{object: o, unknown: true, at: w.clock.Now()})
}

func (w *written) put(shift types.NamespacedName, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := idOf(a.object)
	before, found := w.answers[id]
	writers := slices.Clone(before.writers)
	if !slices.Contains(writers, shift) {
		writers = append(writers, shift)
	}
	if found && before.overtook(a) {
		a = before // two writes at a time: their answers may arrive in either order
	}
	a.writers = writers
	w.answers[id] = a
	if w.byShift[shift] == nil {
		w.byShift[shift] = map[objectID]bool{}
	}
	w.byShift[shift][id] = true
}

// forget drops what a TrafficShift alone has written.
func (w *written) forget(shift types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.byShift[shift] {
		a := w.answers[id]
		a.writers = slices.DeleteFunc(slices.Clone(a.writers), func(s types.NamespacedName) bool { return s == shift })
		if w.answers[id] = a; len(a.writers) == 0 {
			delete(w.answers, id)
		}
	}
	delete(w.byShift, shift)
}

// drop forgets an answer that the caches have caught up with, provided there was no write since.
func (w *written) drop(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := idOf(a.object)
	now, found := w.answers[id]
	if !found || now.object != a.object {
		return
	}
	delete(w.answers, id)
	for _, shift := range now.writers {
		if delete(w.byShift[shift], id); len(w.byShift[shift]) == 0 {
			delete(w.byShift, shift)
		}
	}
}

// of are the answers to writes of a TrafficShift that the caches may lack.
func (w *written) of(shift types.NamespacedName) []answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []answer
	for id := range w.byShift[shift] {
		if a, found := w.answers[id]; found {
			out = append(out, a)
		}
	}
	return out
}

// to is the answer to whoever's last write of an object that the caches may lack.
func (w *written) to(o client.Object) (answer, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, found := w.answers[idOf(o)]
	return a, found
}

func idOf(o client.Object) objectID {
	kind := reflect.TypeOf(o).String()
	if u, ok := o.(*unstructured.Unstructured); ok {
		kind = u.GetKind()
	}
	return objectID{kind, client.ObjectKeyFromObject(o)}
}

// empty is a new object of the same kind.
func empty(o client.Object) (client.Object, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return ofKind(u.GroupVersionKind()), nil
	}
	fresh, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(client.Object)
	if !ok {
		return nil, fmt.Errorf("making a %T: not an object", o)
	}
	return fresh, nil
}

// latest is the object that a write was about, at least as new as the write; nil when it is not there. False when the caches have it.
func (w *written) latest(ctx context.Context, cached, direct client.Reader, a answer) (client.Object, bool, error) {
	have, err := empty(a.object)
	if err != nil {
		return nil, false, err
	}
	found, err := read(ctx, cached, have, a.object.GetNamespace(), a.object.GetName())
	if err != nil {
		return nil, false, err
	}
	if !found {
		have = nil
	}
	switch {
	case a.unknown:
	case a.caughtUp(have):
		w.drop(a)
		return nil, false, nil
	case !a.deleted && have != nil && w.clock.Since(a.at) < answerCounts:
		return a.object, true, nil
	}
	return w.ask(ctx, direct, a)
}

// caughtUp says whether a cache that has this object, or none, knows of the write.
func (a answer) caughtUp(have client.Object) bool {
	if a.deleted {
		return have == nil || have.GetUID() != a.object.GetUID() || have.GetDeletionTimestamp() != nil
	}
	if have == nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(have.GetResourceVersion(), a.object.GetResourceVersion())
	return err == nil && order >= 0
}

// ask reads the object past the caches, and remembers what it read until these have it.
func (w *written) ask(ctx context.Context, direct client.Reader, a answer) (client.Object, bool, error) {
	into, err := empty(a.object)
	if err != nil {
		return nil, false, err
	}
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	found, err := read(ctx, direct, into, a.object.GetNamespace(), a.object.GetName())
	if err != nil {
		return nil, false, fmt.Errorf("past the caches: %w", err)
	}
	if !found {
		into = nil
	}
	w.renew(a, into)
	return into, true, nil
}

// renew puts what was read past the caches in the place of an answer, provided there was no write since.
func (w *written) renew(a answer, now client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := idOf(a.object)
	last, found := w.answers[id]
	if !found || last.object != a.object {
		return
	}
	next := answer{object: now, at: w.clock.Now(), writers: last.writers}
	if now == nil {
		next.object, next.deleted = a.object, true
	}
	w.answers[id] = next
}
