package evidence

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

var (
	_ manager.Runnable               = &Loop{}
	_ manager.LeaderElectionRunnable = &Loop{}
)

func TestTheLoopCountsInRealTimeAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := newStore()
		p.observe(stable, begin.Add(-time.Hour), "200", 1)
		for at := begin; at.Before(begin.Add(3 * time.Minute)); at = at.Add(time.Second) {
			p.observe(stable, at, "200", 19)
			p.observe(canary, at, "200", 1)
		}
		var up atomic.Bool
		p.fail = func(kind, time.Time) error {
			if up.Load() {
				return nil
			}
			return errDown
		}
		l, err := New(Settings{Sources: []Source{{Name: DefaultSource, Querier: p}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- l.Start(ctx) }()
		one := target()
		one.From = begin
		if err := l.Track(one); err != nil {
			t.Fatal(err)
		}
		l.Weight(shop, step(1, 0.05, begin))

		<-l.Events() // the source's state has changed
		if r, _ := l.Reading(shop, next); r.Reason != v1alpha1.ReasonPrometheusUnreachable {
			t.Errorf("Prometheus is down at the start: %s: %s", r.Reason, r.Message)
		}
		up.Store(true)
		for r := (Reading{}); !r.Fresh; r, _ = l.Reading(shop, next) {
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
		r, _ := l.Reading(shop, next)
		if late := time.Since(r.Through); late > slice+leastLag {
			t.Errorf("the newest count is %s old", late)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestMetricsTellOutcomesAndAge(t *testing.T) {
	b := newBench(t)
	registry := prometheus.NewPedanticRegistry()
	var err error
	b.loop, err = New(Settings{Sources: []Source{{Name: DefaultSource, Querier: b.store}}, Clock: b.clock, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.clock.SetTime(noon.Add(20*time.Second + 100*time.Millisecond))
	b.tick() // lag and interval, then base, freshness and requests of four slices
	b.store.fail = func(k kind, _ time.Time) error {
		if k == asksFreshness {
			return partial{[]string{"a store did not answer"}}
		}
		return errDown
	}
	b.clock.SetTime(noon.Add(26 * time.Second))
	b.tick()
	want := `# HELP stagger_evidence_age_seconds Age of the newest counts of the running release that was counted least; 0 while no release has traffic.
# TYPE stagger_evidence_age_seconds gauge
stagger_evidence_age_seconds 11
# HELP stagger_evidence_queries_total Queries to Prometheus for evidence, by outcome: ok, partial (not used) or error (asked again).
# TYPE stagger_evidence_queries_total counter
stagger_evidence_queries_total{outcome="error"} 1
stagger_evidence_queries_total{outcome="ok"} 11
stagger_evidence_queries_total{outcome="partial"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	if _, err := New(Settings{Sources: []Source{{Name: DefaultSource, Querier: b.store}}, Metrics: registry}); err == nil {
		t.Error("a second loop took the same registry without an error")
	}
}

func TestSettingsThatCannotBeUsedAreNamed(t *testing.T) {
	ok := Source{Name: "a", Querier: newStore()}
	cases := map[string]struct {
		settings Settings
		says     string
	}{
		"no source":          {Settings{}, "sources is empty"},
		"crooked slice":      {Settings{Sources: []Source{ok}, Slice: 7 * time.Second}, "slice is 7s"},
		"short backfill":     {Settings{Sources: []Source{ok}, Backfill: time.Second}, "backfill is 1s"},
		"source twice":       {Settings{Sources: []Source{ok, ok}}, `sources[1].name is "a"`},
		"nothing to ask":     {Settings{Sources: []Source{{Name: "a"}}}, "sources[0] (a) has nothing to ask"},
		"matcher of our own": {Settings{Sources: []Source{{Name: "a", Querier: newStore(), Scope: counting.Scope{Matchers: map[string]string{"reporter": "x"}}}}}, "sources[0] (a): matchers"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.settings); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

func TestLagAndScrapeIntervalAreMeasured(t *testing.T) {
	cases := map[string]struct {
		lag, interval         float64
		source                Source
		wantLag, wantInterval time.Duration
	}{
		"as measured":       {lag: 2, interval: 15, wantLag: 2500 * time.Millisecond, wantInterval: 15 * time.Second},
		"bounded below":     {lag: 0.01, interval: 1, wantLag: time.Second, wantInterval: 5 * time.Second},
		"bounded above":     {lag: 90, interval: 4000, wantLag: 15 * time.Second, wantInterval: 5 * time.Minute},
		"nothing to find":   {wantLag: 15 * time.Second, wantInterval: time.Minute},
		"as configured":     {lag: 2, interval: 15, source: Source{Lag: 40 * time.Second, Scope: counting.Scope{ScrapeInterval: 30 * time.Second}}, wantLag: 40 * time.Second, wantInterval: 30 * time.Second},
		"one is configured": {lag: 2, interval: 15, source: Source{Lag: 40 * time.Second}, wantLag: 40 * time.Second, wantInterval: 15 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.lag, b.store.interval = c.lag, c.interval
			c.source.Name, c.source.Querier = DefaultSource, b.store
			var err error
			if b.loop, err = New(Settings{Sources: []Source{c.source}, Clock: b.clock}); err != nil {
				t.Fatal(err)
			}
			b.track(target())
			b.tick()
			s := b.loop.sources[DefaultSource]
			if s.lag != c.wantLag || s.scope.ScrapeInterval != c.wantInterval {
				t.Errorf("lag %s and scrape interval %s, want %s and %s", s.lag, s.scope.ScrapeInterval, c.wantLag, c.wantInterval)
			}
			if err := s.scope.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}
