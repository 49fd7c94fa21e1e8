package counts

import (
	"context"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// neighbours is a Prometheus in which what is asked about one of many releases has an answer of its own.
type neighbours struct {
	*store
	bad counting.Service
	// spoils is the answer to a question with the bad one in it; nil: there is no bad one.
	spoils atomic.Pointer[func(context.Context, model.Vector) (model.Vector, error)]
}

func (n *neighbours) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	v, err := n.store.Query(ctx, expr, at)
	if spoils := n.spoils.Load(); err == nil && spoils != nil && strings.Contains(expr, n.bad.Name) {
		return (*spoils)(ctx, v)
	}
	return v, err
}

// refuses are the ways in which a question is answered by an error, or by too much.
var refuses = map[string]func(context.Context, model.Vector) (model.Vector, error){
	"is refused": func(context.Context, model.Vector) (model.Vector, error) {
		return nil, &prometheus.Unreachable{Address: "http://prometheus", Status: http.StatusBadRequest}
	},
	"takes too long": func(ctx context.Context, _ model.Vector) (model.Vector, error) {
		<-ctx.Done()
		return nil, &prometheus.Unreachable{Address: "http://prometheus", Err: context.Cause(ctx)}
	},
	"has more series than are read": func(_ context.Context, v model.Vector) (model.Vector, error) {
		if len(v) > 0 && v[0].Metric["response_code"] == "" {
			return v, nil
		}
		return make(model.Vector, promql.MaxSeries+1), nil
	},
}

// street is a loop that counts many releases, whose stables have 19 requests a second and whose canaries have one.
type street struct {
	*testing.T
	*neighbours
	loop *evidence.Loop
	keys []types.NamespacedName
}

const houses, lasts = 250, 3 * time.Minute

// house is one of the releases; all are in one namespace, which is the least work for the store.
func house(i int) counting.Pair {
	p := named(i)
	p.Stable.Namespace, p.Canary.Namespace = "street", "street"
	return p
}

func newStreet(t *testing.T) *street {
	s := &street{T: t, neighbours: &neighbours{store: newStore(), bad: house(17).Stable}}
	begin := time.Now()
	c, err := New(Config{Name: "default", Querier: s})
	if err != nil {
		t.Fatal(err)
	}
	if s.loop, err = evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: Kind, Counter: c}}}); err != nil {
		t.Fatal(err)
	}
	for i := range houses {
		p := house(i)
		s.observe(p.Stable, begin.Add(-time.Hour), "200", 1)
		for at := begin.Add(time.Second); at.Before(begin.Add(lasts)); at = at.Add(time.Second) {
			s.observe(p.Stable, at, "200", 19)
			s.observe(p.Canary, at, "200", 1)
		}
		s.keys = append(s.keys, types.NamespacedName{Namespace: p.Stable.Namespace, Name: p.Stable.Name})
		s.loop.Follow(s.keys[i], evidence.Following{
			Release: 1, Weight: evidence.Weight{WrittenAt: begin, Move: 1},
			Count: &evidence.Target{Stable: p.Stable, Canary: p.Canary, From: begin, Indicators: p.Indicators, PastKnown: true,
				Config: pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "availability", Limit: 0.01}}}},
		})
	}
	return s
}

// runs has the loop run while something is done.
func (s *street) runs(do func()) {
	ctx, stop := context.WithCancel(s.Context())
	var work sync.WaitGroup
	work.Go(func() {
		if err := s.loop.Start(ctx); err != nil {
			s.Error(err)
		}
	})
	work.Go(func() {
		for {
			select {
			case <-s.loop.Events():
			case <-ctx.Done():
				return
			}
		}
	})
	do()
	stop()
	work.Wait()
}

// others fails the test where one of the others is not fresh, has counts that are older than so long, or is not counted exactly.
func (s *street) others(old time.Duration) {
	s.Helper()
	for i, key := range s.keys {
		r, known := s.loop.Reading(key, 1, pkgevidence.Question{NextWeight: 0.25})
		if p := house(i); p.Stable != s.bad {
			want, _ := s.total(p.Canary, time.Time{}, r.Through)
			if late := time.Since(r.Through); !known || !r.Fresh || late > old || r.Verdict.Exposed.Requests != want {
				s.Fatalf("%s: fresh %t (%s: %s), counts are %s old, %v of %v requests are counted", key, r.Fresh, r.Reason, r.Message, late, r.Verdict.Exposed.Requests, want)
			}
		}
	}
}

// An arm that is not known is that of its release alone, in whatever way it is not.
func TestAnUnknownArmStopsNobody(t *testing.T) {
	bad := house(17)
	odd := func(value float64) func(*street) {
		return func(s *street) {
			s.rogue = model.Vector{{Metric: labels(bad.Canary, "response_code", "200"), Value: model.SampleValue(value)}}
			s.rogue[0].Metric["request_protocol"] = "http"
		}
	}
	ways := map[string]func(*street){
		"it is no number": odd(math.NaN()), "it is infinite": odd(math.Inf(1)), "it is a fraction": odd(0.5), "it is negative": odd(-3),
		"it is not there": func(s *street) { s.hide = func(arm counting.Service, _ time.Time) bool { return arm == bad.Canary } },
	}
	for name, spoil := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreet(t)
				spoil(s)
				s.runs(func() {
					time.Sleep(30 * time.Second)
					s.others(7 * time.Second)
				})
				if r, _ := s.loop.Reading(s.keys[17], 1, pkgevidence.Question{NextWeight: 0.25}); r.Fresh || r.Reason != v1alpha1.ReasonNoData {
					t.Errorf("the bad one: fresh %t, %s: %s", r.Fresh, r.Reason, r.Message)
				}
			})
		})
	}
}

// A release that Prometheus does not answer about stops no other: two slices later all others are counted as before.
func TestABadNeighbourStopsNobody(t *testing.T) {
	const slice = 5 * time.Second
	for name, spoils := range refuses {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreet(t)
				s.runs(func() {
					time.Sleep(30 * time.Second)
					s.others(slice + 2*time.Second)
					s.spoils.Store(&spoils)
					time.Sleep(slice)
					for range 20 { // as long as it is asked about again
						time.Sleep(slice)
						s.others(3 * slice)
					}
					r, _ := s.loop.Reading(s.keys[17], 1, pkgevidence.Question{NextWeight: 0.25})
					if r.Fresh || !strings.Contains(r.Message, "not what is asked about "+s.bad.String()) {
						t.Errorf("the bad one: fresh %t, %s: %s", r.Fresh, r.Reason, r.Message)
					}
				})
			})
		})
	}
}

// A tenant's job that is scraped slowly, seldom, or for the first time makes his own release wait, and no other, be it fast or slow.
func TestASlowJobSlowsItsOwnReleaseAlone(t *testing.T) {
	const slice = 5 * time.Second
	bad := house(17).Stable
	for name, slow := range map[string]timed{
		"a scrape lasts long": {lag: 14}, "it is scraped each five minutes": {interval: 300}, "it is scraped for the first time": {unmeasured: 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreet(t)
				s.slow = map[counting.Service]timed{bad: slow}
				s.born = time.Now().Add(-2 * time.Minute) // long for those who are scraped each 5 s alone
				s.runs(func() {
					time.Sleep(30 * time.Second)
					before := s.questions()
					time.Sleep(time.Minute)
					s.others(slice + 2*time.Second)
					after := s.questions()
					for _, k := range []kind{asksRequests, asksFreshness, asksBase} {
						if n := after[k] - before[k]; n > 2*13 {
							t.Errorf("for %s it was asked %d times a minute", k, n)
						}
					}
					r, _ := s.loop.Reading(s.keys[17], 1, pkgevidence.Question{NextWeight: 0.25})
					if late := time.Since(r.Through); slow.lag > 0 && (late < 15*time.Second || late > 15*time.Second+slice) {
						t.Errorf("counts of the slow one are %s old", late)
					}
					if slow.lag == 0 && r.Fresh {
						t.Errorf("nobody knows so soon what is new to whom is scraped so seldom, and it is fresh: %s", r.Message)
					}
				})
			})
		})
	}
}

// Who brings other counts of a proxy than another job does, or says so of a proxy that he made up, keeps nobody else's job from being counted: the
// releases that he reports about are in doubt, and all is counted of them.
func TestADishonestCopyReplacesNoHonestOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreet(t)
		s.copies = append(byJob("envoy-stats", "evil"), doubtful("differ", "evil", s.bad), doubtful("differ", "envoy-stats", s.bad))
		s.runs(func() {
			time.Sleep(30 * time.Second)
			s.others(7 * time.Second)
		})
		r, _ := s.loop.Reading(s.keys[17], 1, pkgevidence.Question{NextWeight: 0.25})
		if want := "counts of " + s.bad.String() + " by the jobs envoy-stats and evil differ"; r.Fresh || !strings.Contains(r.Message, want) {
			t.Errorf("the one it reports about: fresh %t, %s", r.Fresh, r.Message)
		}
		if want, _ := s.total(house(17).Canary, time.Time{}, r.Through); r.Verdict.Exposed.Requests != want {
			t.Errorf("%v of %v requests are counted", r.Verdict.Exposed.Requests, want)
		}
		for _, expr := range s.exprs[len(s.exprs)-2:] {
			if of, left := strings.Contains(expr, s.bad.Name), strings.Contains(expr, "job!~"); of == left {
				t.Errorf("of the one in doubt (%t) something is left out: %t", of, left)
			}
		}
	})
}
