package shift

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/stagger-dev/stagger/pkg/release"
)

// ask checks by how many dry runs the guard asks, and whether that raises a doubt.
func (g *guarded) ask(after time.Duration, dryRuns int, want bool) {
	g.t.Helper()
	g.clock.SetTime(g.clock.Now().Add(after))
	before := g.dryRuns
	doubt, err := g.guard.ask(g.t.Context())
	if (err != nil) != (g.err != nil && dryRuns > 0) || doubt != want || g.dryRuns-before != dryRuns {
		g.t.Errorf("%s later: doubt %v by %d dry runs, %v; want %v by %d", after, doubt, g.dryRuns-before, err, want, dryRuns)
	}
}

// An API server that was started without its admission plugin has the policy still, as it was, and holds nothing.
func TestAnAPIServerThatHoldsNothingAnyMoreIsFound(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	g.ask(pulseEvery, 1, false)
	g.renew(0, 0, release.HoldOnChange, proofRenewed) // what was asked is proven
	g.follows = false
	g.ask(pulseEvery, 1, true)
	g.kept(0)
	g.is(0, release.HoldUnknown)
	g.ask(0, 0, false) // nothing is proven that could be doubted
	g.renew(0, 1, release.HoldAlways, proveAgain[1]-proveAgain[0])
	g.follows = true
	g.ask(pulseEvery, 1, true)
	g.renew(0, 1, release.HoldOnChange, proveAgain[1]-proveAgain[0])
}

// One Deployment is asked about for all of them, each in its turn.
func TestDeploymentsAreAskedAboutInTurn(t *testing.T) {
	g := newGuarded(t)
	for _, name := range []string{"a", "b", "c"} {
		if _, _, err := g.guard.renew(t.Context(), client.ObjectKey{Namespace: name, Name: "checkout"}, g.d); err != nil {
			t.Fatal(err)
		}
		g.clock.SetTime(g.clock.Now().Add(time.Second))
	}
	for range 4 {
		g.ask(pulseEvery, 1, false)
	}
	if want := []string{"a/checkout", "b/checkout", "c/checkout", "a/checkout"}; !slices.Equal(g.asked, want) {
		t.Errorf("asked about %v", g.asked)
	}
}

// No answer is no doubt, nor is what passes prove by themselves.
func TestWhatIsNoDoubt(t *testing.T) {
	for name, change := range map[string]func(*guarded) (dryRuns int){
		"nothing is proven":        func(g *guarded) int { g.guard.forget(shop); return 0 },
		"no answer":                func(g *guarded) int { g.err = errors.New("no answer"); return 1 },
		"the policy was changed":   func(g *guarded) int { g.policy = "2"; return 0 },
		"the policy is gone":       func(g *guarded) int { g.policy = ""; return 0 },
		"the Deployment is gone":   func(g *guarded) int { g.gone = true; return 0 },
		"it is another":            func(g *guarded) int { g.d.UID = "2"; return 0 },
		"its label was taken away": func(g *guarded) int { g.d.Labels = nil; return 0 },
		"no proof was ever answered": func(g *guarded) int {
			g.guard.forget(shop)
			g.err = errors.New("no answer")
			_, _, _ = g.guard.renew(g.t.Context(), shop, g.d)
			return 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			g.renew(0, 1, release.HoldOnChange, proofRenewed)
			g.follows = false
			dryRuns := change(g)
			g.ask(pulseEvery, dryRuns, false)
		})
	}
}

// beats are a pulse by a clock that is moved by hand, and the watches that it has begun.
type beats struct {
	*pulse
	clock   *clocktesting.FakeClock
	watches chan *watch.FakeWatcher
}

func newBeats(t *testing.T, g *guarded) *beats {
	t.Helper()
	b := &beats{clock: clocktesting.NewFakeClock(g.clock.Now()), watches: make(chan *watch.FakeWatcher)}
	b.pulse = &pulse{guard: g.guard, clock: b.clock, doubt: make(chan event.GenericEvent, 1)}
	b.watch = func(ctx context.Context) (watch.Interface, error) {
		w := watch.NewFake()
		select {
		case b.watches <- w:
			return w, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	done := make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	go func() { done <- b.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return b
}

// passes lets a time pass that the pulse waits for.
func (b *beats) passes(d time.Duration) {
	for !b.clock.HasWaiters() {
		runtime.Gosched()
	}
	b.clock.Step(d)
}

// It is asked when a watch begins, each minute, and when the API server has ended the watch; a doubt wakes everybody.
func TestThePulse(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	b := newBeats(t, g)
	w := <-b.watches
	b.passes(pulseEvery)
	b.passes(pulseEvery)
	for !b.clock.HasWaiters() {
		runtime.Gosched()
	}
	if g.dryRuns != 4 { // that of the pass, of the beginning, and of two minutes
		t.Errorf("%d dry runs", g.dryRuns)
	}
	g.follows = false
	w.Stop() // it is started anew
	for begun := false; !begun; {
		select {
		case <-b.watches:
			begun = true
		default:
			b.clock.Step(pulseFirst)
			runtime.Gosched()
		}
	}
	if woken := <-b.doubt; woken.Object.GetName() != holdPolicy {
		t.Errorf("%s is doubted", woken.Object.GetName())
	}
	g.is(0, release.HoldUnknown)
}
