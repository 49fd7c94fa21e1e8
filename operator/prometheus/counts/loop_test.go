package counts

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// asksFor runs the loop of slices with this source for a release that begins now, until it has a reading that will do.
func asksFor(t *testing.T, p *store, enough func(evidence.Reading) bool) evidence.Reading {
	t.Helper()
	c, err := New(Config{Name: "default", Querier: p})
	if err != nil {
		t.Fatal(err)
	}
	l, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: Kind, Counter: c}}})
	if err != nil {
		t.Fatal(err)
	}
	key, begin := types.NamespacedName{Namespace: "shop", Name: "checkout"}, time.Now()
	l.Follow(key, evidence.Following{
		Release: 1, Weight: evidence.Weight{WrittenAt: begin, Move: 1},
		Count: &evidence.Target{
			Stable: stable, Canary: canary, From: begin, Indicators: []counting.Indicator{{}},
			Config: pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "availability", Limit: 0.01}}},
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- l.Start(ctx) }()
	var r evidence.Reading
	for !enough(r) {
		<-l.Events()
		r, _ = l.Reading(key, 1, pkgevidence.Question{NextWeight: 0.25})
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	return r
}

// served is a store that both arms' requests are observed in, each second for so long.
func served(long time.Duration) *store {
	begin, p := time.Now(), newStore()
	p.observe(stable, begin.Add(-time.Hour), "200", 1)
	for at := begin.Add(time.Second); at.Before(begin.Add(long)); at = at.Add(time.Second) {
		p.observe(stable, at, "200", 19)
		p.observe(canary, at, "200", 1)
	}
	return p
}

// The loop of slices with this source: what reaches the tests of a release is what was observed.
func TestTheLoopCountsEachRequestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, p := time.Now(), served(5*time.Minute)
		r := asksFor(t, p, func(r evidence.Reading) bool { return !r.Through.Before(begin.Add(2 * time.Minute)) })
		want, _ := p.total(canary, begin, r.Through)
		if got := r.Verdict.Exposed.Requests; !r.Fresh || got != want {
			t.Errorf("fresh %t (%s): counted %v requests, observed %v", r.Fresh, r.Message, got, want)
		}
		if late := time.Since(r.Through); late > 5*time.Second+leastLag {
			t.Errorf("the newest count is %s old", late)
		}
	})
}

// A Prometheus that is scraped each 15 s and was empty when the release began.
func TestAnEmptiedPrometheusIsBelievedAfterThreeScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, p := time.Now(), served(5*time.Minute)
		p.born, p.interval = begin, 15
		r := asksFor(t, p, func(r evidence.Reading) bool { return r.Fresh })
		const settle, slice = 3*15*time.Second + 10*time.Second, 5 * time.Second
		if took := time.Since(begin); took < settle+slice || took > settle+2*slice+leastLag {
			t.Errorf("it is fresh after %s, want %s and a slice or two", took, settle)
		}
		want, _ := p.total(canary, begin.Add(settle), r.Through)
		if got := r.Verdict.Exposed.Requests; got != want {
			t.Errorf("up to %s %v requests are counted, %v were observed since %s", r.Through.Sub(begin), got, want, settle)
		}
	})
}
