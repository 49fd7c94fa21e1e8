package evidence

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

var (
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	shop   = types.NamespacedName{Namespace: "shop", Name: "checkout"}
	stable = counting.Service{Namespace: "shop", Name: "checkout"}
	canary = stable.Canary()
	next   = pkgevidence.Question{NextWeight: 0.25}
)

const slice = 5 * time.Second

// bench is a Loop that is driven by hand: a tick for each slice.
type bench struct {
	*testing.T
	store *ledger
	ahead time.Duration // by how much the operator's clock is ahead of the ledger's
	clock *testclock.FakeClock
	loop  *Loop
	lines []string
	woken map[types.NamespacedName]int
}

// newBench returns a Loop at noon, a ledger in which the stable has been reported for long, and a second before the first slice.
func newBench(t *testing.T) *bench {
	b := &bench{T: t, store: newLedger(), clock: testclock.NewFakeClock(noon), woken: map[types.NamespacedName]int{}}
	b.store.observe(stable, noon.Add(-time.Hour), "200", 1e6)
	b.restart()
	return b
}

// restart replaces the Loop by one that knows nothing.
func (b *bench) restart() {
	b.Helper()
	log := funcr.New(func(_, line string) { b.lines = append(b.lines, line) }, funcr.Options{})
	var err error
	b.loop, err = New(Settings{Sources: []Source{{Name: DefaultSource, Kind: "Ledger", Counter: elsewhere{b.store, b.ahead}}}, Clock: b.clock, Log: log})
	if err != nil {
		b.Fatal(err)
	}
}

// tick asks once, and receives the events.
func (b *bench) tick() time.Time {
	done := make(chan time.Time)
	go func() {
		s := b.loop.sources[DefaultSource]
		next := s.tick(context.Background())
		s.askPasts(context.Background())
		s.askPods(context.Background())
		done <- next
	}()
	for {
		select {
		case e := <-b.loop.Events():
			b.woken[types.NamespacedName{Namespace: e.Object.GetNamespace(), Name: e.Object.GetName()}]++
		case at := <-done:
			for len(b.loop.Events()) > 0 {
				e := <-b.loop.Events()
				b.woken[types.NamespacedName{Namespace: e.Object.GetNamespace(), Name: e.Object.GetName()}]++
			}
			return at
		}
	}
}

// until ticks for every slice until a time.
func (b *bench) until(end time.Time) {
	for b.clock.Now().Before(end) {
		b.clock.SetTime(b.tick())
	}
	b.tick()
}

// finish lets everything up to a little after the end be counted.
func (b *bench) finish(end time.Time) {
	b.clock.SetTime(end.Add(time.Minute))
	b.tick()
}

func ledgerOf(p *ledger) Source { return Source{Name: DefaultSource, Kind: "Ledger", Counter: p} }

func target() Target {
	return Target{
		Stable: stable, Canary: canary, From: noon,
		Config: pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "availability", Limit: 0.01}}},
	}
}

// following is release 7 with its target and weight.
func following(t Target, w Weight) Following { return Following{Release: 7, Count: &t, Weight: w} }

func step(n int32, share float64, at time.Time) Weight {
	settled := at.Add(10 * time.Second)
	return Weight{WrittenAt: at, SettledAt: &settled, Alone: share == 1, Move: n}
}

// follow counts the release at the weight; without one it is only watched.
func (b *bench) follow(t Target, w Weight) { b.loop.Follow(shop, following(t, w)) }

func (b *bench) reading() Reading {
	b.Helper()
	r, ok := b.loop.Reading(shop, 7, next)
	if !ok {
		b.Fatal("the release is not counted")
	}
	return r
}

// traffic is counted every five seconds, two seconds after the grid: about 100 requests, a twentieth of them at the canary.
func (b *bench) traffic(from, to time.Time) {
	i := 0
	for at := from.Add(2 * time.Second); at.Before(to); at = at.Add(slice) {
		b.store.observe(stable, at, "200", float64(90+i%9))
		b.store.observe(canary, at, "200", float64(3+i%4))
		if i%50 == 17 {
			b.store.observe(canary, at, "500", 1)
			b.store.observe(stable, at, "503", 2)
		}
		i++
	}
}

// counted fails the test when the reading does not hold exactly what was observed from noon to its watermark.
func (b *bench) counted(r Reading) {
	b.Helper()
	got := r.Verdict.Objectives[0].Release
	n, bad := b.store.total(canary, noon, r.Through)
	if want := (pkgevidence.Counts{Requests: n, Bad: bad}); got.Canary != want || n == 0 {
		b.Errorf("canary counted %v, observed %v", got.Canary, want)
	}
	n, _ = b.store.total(stable, noon, r.Through)
	if got.Stable.Requests != n {
		b.Errorf("stable counted %v requests, observed %v", got.Stable.Requests, n)
	}
}

func named(i int) (types.NamespacedName, Target) {
	t := target()
	key := types.NamespacedName{Namespace: fmt.Sprintf("team-%02d", i%20), Name: fmt.Sprintf("service-%04d", i)}
	t.Stable = counting.Service{Namespace: key.Namespace, Name: key.Name}
	t.Canary = t.Stable.Canary()
	return key, t
}
