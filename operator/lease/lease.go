// Package lease knows for how long this operator is the one of several that works, by its own clock.
//
//	leader election ── renews ──► resourcelock (Watched) ── "held since" ──► Lease ── Guard ──► a write, or ErrNotHeld
//
// Leader election stops who cannot renew. Who was stopped himself, by a debugger, a starved node or a frozen virtual machine, goes on where he was
// when he wakes: before each write he looks at his own clock first.
package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
)

// ErrNotHeld says that another operator may be the one that works by now.
var ErrNotHeld = errors.New("the Lease was not renewed in time, so another operator may work now")

// Lease is what is known of the last renewal. A nil Lease is always held: one operator alone needs none. Make it with New. All methods may be called
// at any time from any goroutine.
type Lease struct {
	length time.Duration
	clock  clock.PassiveClock

	mu      sync.Mutex
	renewed time.Time // when the last renewal was begun that was accepted; zero: there is none
}

// New returns a Lease of a length that nobody holds yet.
func New(length time.Duration, c clock.PassiveClock) *Lease { return &Lease{length: length, clock: c} }

// Guard bounds a context by the time at which others may begin to work, or returns ErrNotHeld where that is over. Others count from when they saw the
// renewal, which is later than when it was begun. The time that passed is the longer one by the wall clock and by the monotonic one: the first may be
// set back, the second stands still while a virtual machine does.
func (l *Lease) Guard(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if l == nil {
		return ctx, func() {}, nil
	}
	l.mu.Lock()
	renewed := l.renewed
	l.mu.Unlock()
	now := l.clock.Now()
	left := l.length - max(now.Sub(renewed), now.Round(0).Sub(renewed.Round(0)))
	if renewed.IsZero() || left <= 0 {
		return ctx, func() {}, ErrNotHeld
	}
	bounded, stop := context.WithTimeoutCause(ctx, left, ErrNotHeld)
	return bounded, stop, nil
}

// Watched is the lock of leader election, whose accepted writes renew the Lease; one that gives it up ends it.
func (l *Lease) Watched(lock resourcelock.Interface) resourcelock.Interface { return &watched{lock, l} }

type watched struct {
	resourcelock.Interface
	lease *Lease
}

// Create notes that the lock was taken where there was none.
func (w *watched) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return w.note(r, func() error { return w.Interface.Create(ctx, r) })
}

// Update notes that the lock was taken, renewed or given up.
func (w *watched) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return w.note(r, func() error { return w.Interface.Update(ctx, r) })
}

func (w *watched) note(r resourcelock.LeaderElectionRecord, write func() error) error {
	held := r.HolderIdentity == w.Identity()
	begun := w.lease.clock.Now()
	if !held {
		w.lease.set(time.Time{}) // whoever gives it up works no more, whether that is seen or not
	}
	err := write()
	if err == nil && held {
		w.lease.set(begun)
	}
	return err
}

func (l *Lease) set(renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = renewed
}
