package evidence

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

var (
	_ manager.Runnable               = &Loop{}
	_ manager.LeaderElectionRunnable = &Loop{}
)

func TestTheLoopCountsInRealTimeAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := newLedger()
		p.observe(stable, begin.Add(-time.Hour), "200", 1)
		for at := begin; at.Before(begin.Add(3 * time.Minute)); at = at.Add(time.Second) {
			p.observe(stable, at, "200", 19)
			p.observe(canary, at, "200", 1)
		}
		var open atomic.Bool
		p.fail = func(time.Time) error {
			if open.Load() {
				return nil
			}
			return closed
		}
		l, err := New(Settings{Sources: []Source{ledgerOf(p)}})
		if err != nil {
			t.Fatal(err)
		}
		one := target()
		one.From = begin
		l.Follow(shop, following(one, step(1, 0.05, begin))) // before the loop asks: who is not followed yet is not woken
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- l.Start(ctx) }()

		<-l.Events() // the source's state has changed
		if r, _ := l.Reading(shop, 7, next); r.Reason != closed.Reason {
			t.Errorf("the source is closed at the start: %s: %s", r.Reason, r.Message)
		}
		open.Store(true)
		for r := (Reading{}); !r.Fresh; r, _ = l.Reading(shop, 7, next) {
			<-l.Events()
		}
		begun := time.Now()
		for range 12 {
			e := <-l.Events()
			if got := (types.NamespacedName{Namespace: e.Object.GetNamespace(), Name: e.Object.GetName()}); got != shop {
				t.Errorf("woken was %s", got)
			}
		}
		if waited := time.Since(begun); waited < 50*time.Second || waited > 65*time.Second {
			t.Errorf("twelve slices of 5 s came in %s", waited)
		}
		r, _ := l.Reading(shop, 7, next)
		if late := time.Since(r.Through); late > slice+p.timing.Lag {
			t.Errorf("the newest count is %s old", late)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsThatCannotBeUsedAreNamed(t *testing.T) {
	ok := Source{Name: "a", Counter: newLedger()}
	cases := map[string]struct {
		settings Settings
		says     string
	}{
		"no source":      {Settings{}, "sources is empty"},
		"crooked slice":  {Settings{Sources: []Source{ok}, Slice: 7 * time.Second}, "slice is 7s"},
		"short backfill": {Settings{Sources: []Source{ok}, Backfill: MinBackfill - 1}, "backfill is 2m59.999999999s; it must be at least 3m0s"},
		"source twice":   {Settings{Sources: []Source{ok, ok}}, `sources[1].name is "a"`},
		"nothing to ask": {Settings{Sources: []Source{{Name: "a"}}}, "sources[0] (a) has nothing to ask"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.settings); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}
