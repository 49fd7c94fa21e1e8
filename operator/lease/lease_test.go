package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	testclock "k8s.io/utils/clock/testing"
)

const length = 15 * time.Second

// lock is one whose writes take some time by the clock, and fail as they are told to.
type lock struct {
	resourcelock.Interface
	clock *testclock.FakePassiveClock
	takes time.Duration
	err   error
}

func (l *lock) Identity() string { return "me" }

func (l *lock) Update(context.Context, resourcelock.LeaderElectionRecord) error {
	l.clock.SetTime(l.clock.Now().Add(l.takes))
	return l.err
}

func (l *lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, r)
}

func held(t *testing.T, l *Lease) bool {
	t.Helper()
	_, stop, err := l.Guard(t.Context())
	stop()
	if err != nil && !errors.Is(err, ErrNotHeld) {
		t.Fatal(err)
	}
	return err == nil
}

func TestALeaseIsHeldFromTheBeginningOfItsLastRenewalForItsLength(t *testing.T) {
	me, nobody := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}, resourcelock.LeaderElectionRecord{}
	refused := errors.New("conflict")
	cases := map[string]struct {
		write  func(context.Context, resourcelock.Interface) error
		takes  time.Duration
		err    error
		passes time.Duration // until it is looked at
		want   bool
	}{
		"never taken":           {func(context.Context, resourcelock.Interface) error { return nil }, 0, nil, 0, false},
		"made":                  {func(ctx context.Context, l resourcelock.Interface) error { return l.Create(ctx, me) }, 0, nil, length - 1, true},
		"renewed":               {func(ctx context.Context, l resourcelock.Interface) error { return l.Update(ctx, me) }, 0, nil, length - 1, true},
		"renewed too long ago":  {func(ctx context.Context, l resourcelock.Interface) error { return l.Update(ctx, me) }, 0, nil, length, false},
		"renewed by a slow API": {func(ctx context.Context, l resourcelock.Interface) error { return l.Update(ctx, me) }, 4 * time.Second, nil, length - 4*time.Second, false},
		"renewed in vain":       {func(ctx context.Context, l resourcelock.Interface) error { return l.Update(ctx, me) }, 0, refused, 0, false},
		"given up": {func(ctx context.Context, l resourcelock.Interface) error {
			return errors.Join(l.Update(ctx, me), l.Update(ctx, nobody))
		}, 0, nil, 0, false},
	}
	for name, c := range cases {
		k := testclock.NewFakePassiveClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
		l := New(length, k)
		if err := c.write(t.Context(), l.Watched(&lock{clock: k, takes: c.takes, err: c.err})); !errors.Is(err, c.err) {
			t.Fatalf("%s: %v", name, err)
		}
		k.SetTime(k.Now().Add(c.passes))
		if got := held(t, l); got != c.want {
			t.Errorf("%s: held is %t, want %t", name, got, c.want)
		}
	}
}

func TestAWriteEndsBeforeOthersMayWork(t *testing.T) {
	k := testclock.NewFakePassiveClock(time.Now())
	l := New(time.Hour, k)
	if err := l.Watched(&lock{clock: k}).Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
		t.Fatal(err)
	}
	k.SetTime(k.Now().Add(20 * time.Minute))
	ctx, stop, err := l.Guard(t.Context())
	defer stop()
	deadline, bounded := ctx.Deadline()
	if left := time.Until(deadline); err != nil || !bounded || left > 40*time.Minute || left < 30*time.Minute {
		t.Errorf("bounded %t, in %s, %v; want within the 40 minutes that are left", bounded, left, err)
	}
	var alone *Lease
	if !held(t, alone) {
		t.Error("an operator that needs no Lease has none")
	}
}
