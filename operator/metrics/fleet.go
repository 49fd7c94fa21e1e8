package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	// readLimit bounds the reading of the caches for a scrape.
	readLimit = 5 * time.Second
	// kept is how long the counters of a namespace stay when it has no managed Service any more: long enough for its last release to be
	// scraped, and seen by an alert.
	kept = time.Hour
)

// Fleet tells of all TrafficShifts and Services.
type Fleet struct {
	// Cache is where they are listed; the lists are not copied.
	Cache client.Reader
	// Detail says which releases have series of their own.
	Detail metrics.Detail
	// Set is told of the namespaces with managed Services.
	Set *Set
	// Clock tells the time.
	Clock clock.PassiveClock
	// Log is told what could not be read.
	Log logr.Logger

	mu   sync.Mutex
	seen map[string]time.Time // when a namespace last had a managed Service
}

// State gives the samples. What cannot be read is not told.
func (f *Fleet) State(emit metrics.Emit) {
	ctx, stop := context.WithTimeout(context.Background(), readLimit)
	defer stop()
	var shifts v1alpha1.TrafficShiftList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&shifts, &services} {
		if err := f.Cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			f.Log.Error(err, "Reading caches for the metrics failed")
			return
		}
	}
	f.note(shifts.Items)
	for i := range shifts.Items {
		s := &shifts.Items[i] // the list's own, but for what it points to
		s.Status.Release = f.Set.bring(client.ObjectKeyFromObject(s), s.Status.Release)
	}
	metrics.State(metrics.Fleet{Shifts: shifts.Items, Services: services.Items}, f.Detail, emit)
}

// note keeps the counters of namespaces with managed Services, and drops those of the others some time after.
func (f *Fleet) note(shifts []v1alpha1.TrafficShift) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Clock.Now()
	if f.seen == nil {
		f.seen = map[string]time.Time{}
	}
	for i := range shifts {
		namespace := shifts[i].Namespace
		if f.seen[namespace] != now {
			f.seen[namespace] = now
			f.Set.Namespace(namespace)
		}
	}
	for namespace, at := range f.seen {
		if now.Sub(at) > kept {
			delete(f.seen, namespace)
			f.Set.Leave(namespace)
		}
	}
}

// Labels reads custom labels from namespaces.
type Labels struct {
	// Cache is where a namespace is read.
	Cache client.Reader
	// Keys are the labels to read.
	Keys []string
}

// Of returns the values of the labels of a namespace; those that it has not, or that cannot be read, are empty.
func (l Labels) Of(namespace string) []string {
	ctx, stop := context.WithTimeout(context.Background(), readLimit)
	defer stop()
	values := make([]string, len(l.Keys))
	if len(l.Keys) == 0 {
		return values
	}
	var n corev1.Namespace
	if err := l.Cache.Get(ctx, client.ObjectKey{Name: namespace}, &n, client.UnsafeDisableDeepCopy); err != nil {
		return values
	}
	for i, k := range l.Keys {
		values[i] = n.Labels[k]
	}
	return values
}
