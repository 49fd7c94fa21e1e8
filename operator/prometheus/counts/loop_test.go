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

// The loop of slices with this source: what reaches the tests of a release is what was observed.
func TestTheLoopCountsEachRequestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, p := time.Now(), newStore()
		p.observe(stable, begin.Add(-time.Hour), "200", 1)
		for at := begin.Add(time.Second); at.Before(begin.Add(5 * time.Minute)); at = at.Add(time.Second) {
			p.observe(stable, at, "200", 19)
			p.observe(canary, at, "200", 1)
		}
		c, err := New(Config{Name: "default", Querier: p})
		if err != nil {
			t.Fatal(err)
		}
		l, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: Kind, Counter: c}}})
		if err != nil {
			t.Fatal(err)
		}
		key := types.NamespacedName{Namespace: "shop", Name: "checkout"}
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
		for r.Through.Before(begin.Add(2 * time.Minute)) {
			<-l.Events()
			r, _ = l.Reading(key, 1, pkgevidence.Question{NextWeight: 0.25})
		}
		want, _ := p.total(canary, begin, r.Through)
		if got := r.Verdict.Exposed.Requests; !r.Fresh || got != want {
			t.Errorf("fresh %t (%s): counted %v requests, observed %v", r.Fresh, r.Message, got, want)
		}
		if late := time.Since(r.Through); late > 5*time.Second+leastLag {
			t.Errorf("the newest count is %s old", late)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}
