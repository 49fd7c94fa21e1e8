package counts

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/counting"
)

var _ evidence.Counter = (*Counter)(nil)

var (
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	stable = counting.Service{Namespace: "shop", Name: "checkout"}
	canary = stable.Canary()
	// five is a slice of five seconds in which both arms are asked.
	five = counting.Interval{Start: noon, End: noon.Add(5 * time.Second)}
	// latency and orders are indicators of the two kinds beside requests.
	latency = counting.Indicator{Kind: counting.Duration, Threshold: 500 * time.Millisecond}
	orders  = counting.Indicator{Kind: counting.Custom, Total: `orders_total{{{selector}}}`, Bad: `orders_total{{{selector}},result="bad"}`}
)

// pair is the release of shop/checkout by some indicators; by requests when there are none.
func pair(by ...counting.Indicator) counting.Pair {
	if len(by) == 0 {
		by = []counting.Indicator{{}}
	}
	return counting.Pair{Stable: stable, Canary: canary, Indicators: by}
}

func named(i int) counting.Pair {
	s := counting.Service{Namespace: fmt.Sprintf("team-%02d", i%20), Name: fmt.Sprintf("service-%04d", i)}
	return counting.Pair{Stable: s, Canary: s.Canary(), Indicators: []counting.Indicator{{}}}
}

// newCounter asks a store in which both arms have been scraped for long, and are asked in the slice.
func newCounter(t *testing.T) (*Counter, *store) {
	p := newStore()
	for _, arm := range []counting.Service{stable, canary} {
		p.observe(arm, noon.Add(-time.Hour), "200", 1e6)
	}
	p.observe(stable, noon.Add(2*time.Second), "200", 95)
	p.observe(stable, noon.Add(2*time.Second), "503", 2)
	p.observe(canary, noon.Add(2*time.Second), "200", 5)
	p.observe(canary, noon.Add(2*time.Second), "late", 2)
	p.observe(canary, noon.Add(2*time.Second), "500", 1)
	return counter(t, Config{Querier: p}), p
}

func counter(t *testing.T, c Config) *Counter {
	t.Helper()
	c.Name = "default"
	if c.Clock == nil {
		c.Clock = testclock.NewFakePassiveClock(noon)
	}
	if p, ok := c.Querier.(*store); ok {
		p.now = c.Clock.Now
	}
	x, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// asked is the answer to one call for all pairs; the test fails when it is of some other length, or given twice.
func asked(t *testing.T, n int, ask func(take func(int, [][]counting.Answer)) error) ([][]counting.Answer, error) {
	t.Helper()
	type part struct {
		first   int
		answers [][]counting.Answer
	}
	parts := make(chan part, n+1)
	err := ask(func(first int, answers [][]counting.Answer) { parts <- part{first, answers} })
	close(parts)
	all := make([][]counting.Answer, n)
	for p := range parts {
		for i, a := range p.answers {
			if all[p.first+i] != nil {
				t.Errorf("pair %d is answered twice", p.first+i)
			}
			all[p.first+i] = a
		}
	}
	return all, err
}

// counted asks about the slice.
func counted(t *testing.T, c *Counter, of ...counting.Pair) ([][]counting.Answer, error) {
	t.Helper()
	return asked(t, len(of), func(take func(int, [][]counting.Answer)) error { return c.Counts(t.Context(), five, of, take) })
}

// seconds are what is known of each arm, where it is more than 0.
func (p *store) seconds(expr string, of func(counting.Service) float64) model.Vector {
	var v model.Vector
	for arm := range arms(expr) {
		if n := of(arm); n > 0 {
			v = append(v, &model.Sample{Metric: labels(arm, "", ""), Value: model.SampleValue(n)})
			delete(v[len(v)-1].Metric, "")
		}
	}
	return v
}

func labels(s counting.Service, name model.LabelName, value model.LabelValue) model.Metric {
	return model.Metric{
		"destination_service_namespace": model.LabelValue(s.Namespace), "destination_service_name": model.LabelValue(s.Name),
		name: value,
	}
}
