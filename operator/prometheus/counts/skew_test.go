package counts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// scraper is a Prometheus with a clock of its own, which scrapes callers in turn. What a scrape has counted has the time at which the scrape began,
// and can be seen when it has ended.
type scraper struct {
	*store
	// ahead is by how much the operator's clock is ahead of its.
	ahead   time.Duration
	callers []caller
}

// caller is scraped since a time, at each interval.
type caller struct{ since time.Time }

const (
	scrapes     = 400 * time.Millisecond
	runs        = 6 * time.Minute
	perSecond   = 20.0 // requests of each caller to the stable; a fifth of that to the canary
	onceAtFirst = 1000 // how many requests a caller sends before it is scraped for the first time
)

// newScraper has two callers that were there for long, and one more every 20 s: pods come and go. The canary answers with this code.
func newScraper(ahead, interval time.Duration, code string) *scraper {
	s := &scraper{store: newStore(), ahead: ahead}
	s.interval, s.lag = interval.Seconds(), scrapes.Seconds()
	s.now = func() time.Time { return time.Now().Add(-ahead) }
	begin := s.now()
	s.callers = []caller{{begin.Add(interval/7 - 100*interval)}, {begin.Add(interval/2 - 100*interval)}}
	for n := range int(runs / (20 * time.Second)) {
		s.callers = append(s.callers, caller{begin.Add(time.Duration(n)*20*time.Second + time.Duration(n*n%int(interval.Milliseconds()))*time.Millisecond)})
	}
	for n, c := range s.callers {
		for at := c.since; at.Before(begin.Add(runs)); at = at.Add(interval) {
			sent := math.Round(perSecond * interval.Seconds())
			if n > 1 && at.Equal(c.since) {
				sent = onceAtFirst
			}
			s.observe(stable, at, "200", sent)
			if at.After(begin) {
				s.observe(canary, at, code, math.Round(sent/5))
			}
		}
	}
	for _, arm := range []counting.Service{stable, canary} {
		slices.SortStableFunc(s.requests[arm], func(a, b observation) int { return a.at.Compare(b.at) })
	}
	return s
}

func (s *scraper) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	if at.IsZero() {
		at = s.now()
	}
	if kindOf(expr) == asksComplete {
		return s.completeAt(expr, at), nil
	}
	s.mu.Lock()
	s.until = s.now().Add(-scrapes)
	s.mu.Unlock()
	return s.store.Query(ctx, expr, at)
}

// visible are the counts of what can be seen, which was sampled up to a time.
func (p *store) visible(expr string, at time.Time) model.Vector {
	if p.until.IsZero() || !at.After(p.until) {
		return p.counts(expr, at)
	}
	return p.countsOf(expr, at.Add(-sliceOf(expr)), p.until)
}

// completeAt is up to when the next scrape of no caller that is known yet is due.
func (s *scraper) completeAt(expr string, at time.Time) model.Vector {
	interval, seen := time.Duration(s.interval*float64(time.Second)), s.now().Add(-scrapes)
	upTo := at
	for _, c := range s.callers {
		if seen.Before(c.since) {
			continue
		}
		if next := c.since.Add(seen.Sub(c.since).Truncate(interval) + interval); next.Before(upTo) {
			upTo = next
		}
	}
	var v model.Vector
	for arm := range arms(expr) {
		if s.carried(arm, seen) {
			v = append(v, &model.Sample{Metric: labels(arm, "", ""), Value: model.SampleValue(upTo.UnixMilli()) / 1000})
		}
	}
	return v
}

// skewed runs a release against it, and hands each of its readings to look, until the end.
func (s *scraper) skewed(t *testing.T, look func(evidence.Reading)) {
	c, err := New(Config{Name: "default", Querier: s})
	if err != nil {
		t.Fatal(err)
	}
	l, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: Kind, Counter: c}}})
	if err != nil {
		t.Fatal(err)
	}
	key, begin := types.NamespacedName{Namespace: "shop", Name: "checkout"}, time.Now()
	l.Follow(key, evidence.Following{
		Release: 1, Weight: evidence.Weight{WrittenAt: begin, SettledAt: &begin, Move: 1},
		Count: &evidence.Target{
			Stable: stable, Canary: canary, From: begin, Indicators: []counting.Indicator{{}}, PastKnown: true,
			Config: pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "availability", Limit: 0.01}}},
		},
	})
	ctx, stop := context.WithTimeout(t.Context(), runs-time.Minute-max(0, -s.ahead))
	defer stop()
	stopped := make(chan error)
	go func() { stopped <- l.Start(ctx) }()
	for ctx.Err() == nil {
		select {
		case <-l.Events():
			r, _ := l.Reading(key, 1, pkgevidence.Question{NextWeight: 0.25})
			look(r)
		case <-ctx.Done():
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What is counted is exact whatever the clocks say, and fresh only where they agree and the counts are new.
func TestClocksThatDifferLoseNoRequest(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 15 * time.Second, time.Minute} {
		for _, ahead := range []int{-60, -20, -6, -5, -3, -1, 0, 1, 2, 3, 5, 6, 20, 60} {
			t.Run(fmt.Sprintf("scraped each %s, ahead by %d s", interval, ahead), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					apart := time.Duration(ahead) * time.Second
					s := newScraper(apart, interval, "200")
					fresh, counts := false, 0
					s.skewed(t, func(r evidence.Reading) {
						if r.Through.IsZero() || t.Failed() {
							return
						}
						through := r.Through.Add(-apart)
						want, _ := s.total(canary, time.Time{}, through)
						if got := r.Verdict.Exposed.Requests; got != want {
							t.Errorf("fresh %t (%s): %v requests are counted, %v were sent up to %s ago there", r.Fresh, r.Message, got, want, s.now().Sub(through))
						}
						if old := s.now().Sub(through); r.Fresh && old > interval+20*time.Second {
							t.Errorf("it is fresh and %s old", old)
						}
						fresh, counts = fresh || r.Fresh, counts+1
						if said := r.Reason == v1alpha1.ReasonClockSkew; said != (apart.Abs() > mostSkew) {
							t.Errorf("fresh %t: %s: %s", r.Fresh, r.Reason, r.Message)
						}
					})
					if fresh != (apart.Abs() <= mostSkew) || counts < 10 {
						t.Errorf("it was fresh: %t, in one of %d readings", fresh, counts)
					}
				})
			})
		}
	}
}

func TestAFailureIsSeenWhateverTheClocksSay(t *testing.T) {
	for _, ahead := range []int{-60, -5, 5, 60} {
		t.Run(fmt.Sprintf("ahead by %d s", ahead), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, seen := time.Now(), time.Duration(0)
				newScraper(time.Duration(ahead)*time.Second, 15*time.Second, "500").skewed(t, func(r evidence.Reading) {
					if r.Verdict.State == pkgevidence.Breach && seen == 0 {
						seen = time.Since(begin)
					}
				})
				if seen == 0 || seen > 75*time.Second {
					t.Errorf("the breach is seen after %s", seen)
				}
			})
		})
	}
}

// answers is a Prometheus whose answers take a time, and have the time of its clock at the middle of it.
type answers struct {
	clock *testclock.FakeClock
	take  time.Duration
	ahead time.Duration
	v     model.Vector
	err   error
}

func (a *answers) Query(context.Context, string, time.Time) (model.Vector, error) {
	a.clock.Step(a.take / 2)
	for _, s := range a.v {
		s.Timestamp = model.TimeFromUnixNano(a.clock.Now().Add(-a.ahead).UnixNano())
	}
	a.clock.Step(a.take - a.take/2)
	return a.v, a.err
}

func (a *answers) QueryRange(context.Context, string, time.Time, time.Time, time.Duration) (model.Matrix, error) {
	return nil, a.err
}

func TestHowFarTheClocksAreApart(t *testing.T) {
	type answer struct{ ahead, take, wait time.Duration }
	const s, ms = time.Second, time.Millisecond
	cases := map[string]struct {
		answers []answer
		ahead   time.Duration
		says    string
	}{
		"at once":                              {[]answer{{3 * s, 0, 0}}, 3 * s, ""},
		"behind":                               {[]answer{{-3 * s, 0, 0}}, -3 * s, ""},
		"as far as they may be":                {[]answer{{5 * s, 0, 0}}, 5 * s, ""},
		"farther":                              {[]answer{{5001 * ms, 0, 0}}, 5001 * ms, "has a clock that is 5s behind the operator's; nothing is raised until they are within 5s"},
		"farther, and behind":                  {[]answer{{-61 * s, 0, 0}}, -61 * s, "has a clock that is 1m1s ahead of the operator's"},
		"rather too much than too little":      {[]answer{{3 * s, 4 * s, 0}}, 4500 * ms, ""},
		"what may be the question's way":       {[]answer{{5100 * ms, 1 * s, 0}}, 5100 * ms, ""},
		"a quick answer tells it":              {[]answer{{3 * s, 4 * s, 0}, {3 * s, 0, 0}, {3 * s, 4 * s, 0}}, 3 * s, ""},
		"until it is old":                      {[]answer{{3 * s, 0, 0}, {3 * s, 4 * s, time.Minute}}, 4500 * ms, ""},
		"of several clocks the one behind":     {[]answer{{0, 0, 0}, {900 * ms, 0, 0}, {0, 0, 0}}, 900 * ms, ""},
		"clocks that differ":                   {[]answer{{0, 0, 0}, {1100 * ms, 0, 0}}, 1100 * ms, "is answered for by clocks that are 1.1s apart"},
		"a clock that was set":                 {[]answer{{30 * s, 0, 0}, {0, 0, 5 * s}}, 30 * s, "is answered for by clocks that are 30s apart"},
		"a clock that was set a minute before": {[]answer{{30 * s, 0, 0}, {0, 0, time.Minute}}, 0, ""},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			p := &answers{clock: testclock.NewFakeClock(noon), v: model.Vector{{Value: 1}}}
			c := counter(t, Config{Querier: p, Clock: p.clock})
			for _, a := range x.answers {
				p.clock.Step(a.wait)
				if p.take, p.ahead = a.take, a.ahead; c.Probe(t.Context()) != nil {
					t.Fatal("it is not answered")
				}
			}
			got := c.Timing(pair())
			if !got.Dated || got.Ahead != x.ahead {
				t.Errorf("ahead by %s, want %s", got.Ahead, x.ahead)
			}
			if (got.Skew != nil) != (x.says != "") || got.Skew != nil && (got.Skew.Reason != v1alpha1.ReasonClockSkew || !strings.Contains(got.Skew.Message, x.says)) {
				t.Errorf("it says %+v, want %q", got.Skew, x.says)
			}
		})
	}
}

// Without a time of Prometheus's nothing is asked about any moment.
func TestAPrometheusWithoutATimeIsNotCountedAt(t *testing.T) {
	cases := map[string]struct {
		v     model.Vector
		err   error
		ahead time.Duration
		says  string
	}{
		"an empty answer":     {says: "does not say which time it is there"},
		"a partial answer":    {err: partial{[]string{"a store did not answer"}}, says: "does not say which time it is there"},
		"a clock of long ago": {v: model.Vector{{Value: 1}}, ahead: 2 * time.Hour, says: "has a clock that is 2h0m0s behind the operator's"},
		"a clock far ahead":   {v: model.Vector{{Value: 1}}, ahead: -time.Hour, says: "has a clock that is 1h0m0s ahead of the operator's"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			p := &answers{clock: testclock.NewFakeClock(noon), v: x.v, err: x.err, ahead: x.ahead}
			c := counter(t, Config{Querier: p, Clock: p.clock})
			err := c.Measure(t.Context(), []counting.Pair{pair()})
			u, ok := errors.AsType[counting.Unanswered](err)
			if !ok || u.Reason != v1alpha1.ReasonClockSkew || !strings.Contains(u.Message, x.says) {
				t.Errorf("got %v, want %q", err, x.says)
			}
			if err := c.Probe(t.Context()); err != nil {
				t.Errorf("it answers: %v", err)
			}
		})
	}
}

// An answer speaks for a minute. Beyond that nobody knows what a clock has done meanwhile.
func TestATimeThatWasToldLongAgoIsNotSure(t *testing.T) {
	p := &answers{clock: testclock.NewFakeClock(noon), v: model.Vector{{Value: 1}}}
	c := counter(t, Config{Querier: p, Clock: p.clock})
	for _, x := range []struct {
		wait time.Duration
		err  error
		says string
	}{{0, nil, ""}, {59 * time.Second, partial{[]string{"a store did not answer"}}, ""}, {time.Second, partial{[]string{"a store did not answer"}}, "has not said for 1m0s"}, {0, nil, ""}} {
		p.clock.Step(x.wait)
		if p.err = x.err; c.Probe(t.Context()) != nil {
			t.Fatal("it is not answered")
		}
		if got := c.Timing(pair()).Skew; (got != nil) != (x.says != "") || got != nil && !strings.Contains(got.Message, x.says) {
			t.Errorf("it says %+v, want %q", got, x.says)
		}
	}
}
