package dashboard

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// board is what the watch shows: the newest of each TrafficShift, and what was seen of its release since the watch began, or its
// record tells.
type board struct {
	now func() time.Time

	mu     sync.Mutex
	shifts map[string]*v1alpha1.TrafficShift
	traces map[string]*view.Trace
	// samples names the last sample of each trace, taken counts all.
	samples map[string]int
	taken   int
	// asks says when the past of a trace is to be asked for, now where it is not in it, and hint what is said of a past that nobody asks for.
	asks map[string]time.Time
	hint string
	// odd are the objects that cannot be read, and why.
	odd map[string]string
	// listed says that there was a first list, trouble why the cluster does not answer.
	listed  bool
	trouble string
	// known is what is known beside the TrafficShifts.
	known view.Beside
	// changed is closed and replaced with each change.
	changed chan struct{}
}

func newBoard(now func() time.Time) *board {
	return &board{now: now, shifts: map[string]*v1alpha1.TrafficShift{}, traces: map[string]*view.Trace{}, samples: map[string]int{},
		asks: map[string]time.Time{}, odd: map[string]string{}, changed: make(chan struct{})}
}

// news tells those who wait; the lock is held.
func (b *board) news() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// heard keeps whether the cluster answers; "" when it does.
func (b *board) heard(trouble string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trouble != trouble {
		b.trouble = trouble
		b.news()
	}
}

// take keeps one object; the lock is held.
func (b *board) take(object any) error {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("watching TrafficShifts: %T is none", object)
	}
	key := u.GetNamespace() + "/" + u.GetName()
	switch shift, err := cli.Decode(u); {
	case err != nil: // the others can be shown all the same
		b.forget(key)
		b.odd[key] = err.Error()
	default:
		delete(b.odd, key)
		b.shifts[key] = shift
		b.record(key, shift)
	}
	return nil
}

// record keeps what is new of a release. The trace of one that another has replaced is forgotten.
func (b *board) record(key string, shift *v1alpha1.TrafficShift) {
	t := b.traces[key]
	if r := shift.Status.Release; t != nil && (r == nil || r.Number != t.Number) {
		b.forgetTrace(key)
		t = nil
	}
	if t == nil {
		begun, known := view.NewTrace(shift, b.now())
		if !known {
			return
		}
		t = begun
		if from, to := t.Asks(); from.Before(to) {
			t.Trouble = b.hint
		}
		b.traces[key] = t
		b.again(key)
	}
	if t.Add(shift, b.now()) {
		b.again(key)
	}
}

func (b *board) forget(key string) {
	delete(b.shifts, key)
	delete(b.odd, key)
	b.forgetTrace(key)
}

func (b *board) forgetTrace(key string) {
	delete(b.traces, key)
	delete(b.samples, key)
	delete(b.asks, key)
}

// never is when a past is asked for again that is known.
func never() time.Time { return time.Unix(math.MaxInt32, 0) }

// due is the trace whose past is to be asked for now; false where there is nothing to ask, or it is not time. Until it is known, asking says so.
func (b *board) due(key, asking string) (view.Trace, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.traces[key]
	if t == nil || b.asks[key].After(b.now()) {
		return view.Trace{}, false
	}
	b.asks[key] = never()
	from, to := t.Asks()
	if !from.Before(to) || len(t.Names) == 0 {
		return view.Trace{}, false
	}
	t.Trouble = asking
	b.again(key)
	return *t, true
}

// recalled takes what became known of the past of a release, and when it is to be asked for again.
func (b *board) recalled(key string, number int64, take func(*view.Trace) time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.traces[key]; t != nil && t.Number == number {
		b.asks[key] = take(t)
		b.again(key)
		b.news()
	}
}

// again has a trace be drawn anew; the lock is held.
func (b *board) again(key string) {
	b.taken++
	b.samples[key] = b.taken
}

// Add takes a new object. With the methods below it makes the board the store of a reflector.
func (b *board) Add(object any) error { return b.Update(object) }

// Update takes the newest of an object.
func (b *board) Update(object any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.news()
	return b.take(object)
}

// Delete forgets an object.
func (b *board) Delete(object any) error {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		return fmt.Errorf("watching TrafficShifts: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(key)
	b.news()
	return nil
}

// Replace takes a whole list.
func (b *board) Replace(objects []any, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.news()
	b.listed = true
	kept := map[string]bool{}
	var errs []error
	for _, object := range objects {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			kept[key] = true
		}
		errs = append(errs, b.take(object))
	}
	for key := range b.shifts {
		if !kept[key] {
			b.forget(key)
		}
	}
	for key := range b.odd {
		if !kept[key] {
			b.forget(key)
		}
	}
	return errors.Join(errs...)
}

// Resync is nothing here: all is shown at once.
func (b *board) Resync() error { return nil }

// looked keeps what is known beside the TrafficShifts, which is not changed any more.
func (b *board) looked(known view.Beside) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known = known
}

func (b *board) beside() view.Beside {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// all is what is known now; the objects are not changed any more.
func (b *board) all() (shifts []v1alpha1.TrafficShift, odd []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.shifts {
		shifts = append(shifts, *s)
	}
	for _, why := range b.odd {
		odd = append(odd, why)
	}
	slices.Sort(odd)
	return shifts, odd
}

func (b *board) one(key string) (*v1alpha1.TrafficShift, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shifts[key], b.odd[key]
}

// plots draws what was seen of a release; false when nothing was.
func (b *board) plots(key string) (view.Plots, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.traces[key]
	if t == nil {
		return view.Plots{}, false
	}
	return view.PlotsOf(t, b.now()), true
}

// version is another number after each sample of a release; 0 when there is none.
func (b *board) version(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.samples[key]
}

// health says whether there was a list, why the cluster does not answer, and what is closed with the next change.
func (b *board) health() (listed bool, trouble string, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listed, b.trouble, b.changed
}
