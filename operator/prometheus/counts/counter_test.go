package counts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"

	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

func TestASourceThatCannotBeUsedIsNamed(t *testing.T) {
	cases := map[string]struct {
		config Config
		says   string
	}{
		"nothing to ask":     {Config{}, "nothing to ask"},
		"matcher of our own": {Config{Querier: newStore(), Scope: promql.Scope{Matchers: map[string]string{"reporter": "x"}}}, "matchers"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

func TestWhatCannotBeAskedAboutIsNamed(t *testing.T) {
	c, _ := newCounter(t)
	nameless := pair()
	nameless.Canary.Name = ""
	cases := map[string]struct {
		of   counting.Pair
		says string
	}{
		"a name":        {nameless, "name of shop/ is empty"},
		"an indicator":  {pair(counting.Indicator{Kind: counting.Custom, Total: "up"}), "total lacks {{selector}}"},
		"two schemes":   {counting.Pair{Stable: stable, Canary: counting.Service{Namespace: "shop", Name: "checkout", Revision: "v2"}}, "told apart by different labels"},
		"no indicators": {counting.Pair{Stable: stable}, "is empty"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			if err := c.Check(x.of); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("got %v, want an error with %q", err, x.says)
			}
		})
	}
	if err := c.Check(pair(counting.Indicator{}, latency, orders)); err != nil {
		t.Error(err)
	}
}

func TestLagAndScrapeIntervalAreMeasured(t *testing.T) {
	second := time.Second
	cases := map[string]struct {
		lag, interval float64
		config        Config
		want          counting.Timing
	}{
		"as measured":       {lag: 2, interval: 15, want: counting.Timing{Lag: 3 * second, Interval: 15 * second}},
		"bounded below":     {lag: 0.01, interval: 1, want: counting.Timing{Lag: second, Interval: 5 * second}},
		"bounded above":     {lag: 90, interval: 4000, want: counting.Timing{Lag: 15 * second, Interval: 5 * time.Minute}},
		"nothing to find":   {want: counting.Timing{Lag: 15 * second, Interval: time.Minute}},
		"as configured":     {lag: 2, interval: 15, config: Config{Lag: 40 * second, Scope: promql.Scope{ScrapeInterval: 30 * second}}, want: counting.Timing{Lag: 40 * second, Interval: 30 * second}},
		"one is configured": {lag: 2, interval: 15, config: Config{Lag: 40 * second}, want: counting.Timing{Lag: 40 * second, Interval: 15 * second}},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			p := newStore()
			p.lag, p.interval = x.lag, x.interval
			x.config.Querier = p
			c := counter(t, x.config)
			if err := c.Measure(t.Context(), []counting.Pair{pair()}); err != nil {
				t.Fatal(err)
			}
			x.want.Dated = true
			if got := c.Timing(pair()); got != x.want {
				t.Errorf("got %+v, want %+v", got, x.want)
			}
			if err := c.scopesOf(pair())(counting.Indicator{}).Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhileAJobsIntervalIsNotKnownItIsAssumedAndMeasuredAgain(t *testing.T) {
	p, clock := newStore(), testclock.NewFakePassiveClock(noon)
	p.interval, p.unmeasured = 15, 20
	c := counter(t, Config{Querier: p, Clock: clock})
	measure := func() promql.Scope {
		clock.SetTime(clock.Now().Add(5 * time.Second))
		if err := c.Measure(t.Context(), []counting.Pair{pair()}); err != nil {
			t.Fatal(err)
		}
		return c.scopesOf(pair())(counting.Indicator{})
	}
	for _, x := range []struct {
		since  float64
		settle time.Duration
	}{{20, 190 * time.Second}, {100, 310 * time.Second}, {4000, 910 * time.Second}, {0, 55 * time.Second}, {100, 55 * time.Second}} {
		p.unmeasured = x.since
		if got := measure(); got.Settle() != x.settle || got.ScrapeInterval != 15*time.Second || got.Validate() != nil {
			t.Errorf("%v s after the first scrape of a job it settles for %s by %+v, %v; want %s", x.since, got.Settle(), got, got.Validate(), x.settle)
		}
	}
	configured := counter(t, Config{Querier: p, Scope: promql.Scope{ScrapeInterval: 30 * time.Second}})
	if err := configured.Measure(t.Context(), []counting.Pair{pair()}); err != nil || configured.scopesOf(pair())(counting.Indicator{}).Unmeasured != 0 {
		t.Errorf("%v, the longest interval is configured: %+v", err, configured.scopesOf(pair())(counting.Indicator{}))
	}
}

func TestItIsMeasuredAgainWhenNothingIsKnownFromBefore(t *testing.T) {
	c, p := newCounter(t)
	for range 2 {
		if err := c.Measure(t.Context(), []counting.Pair{pair()}); err != nil {
			t.Fatal(err)
		}
		p.targets = 0
		if _, err := counted(t, c, pair()); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.questions()[asksInterval]; n != 2 {
		t.Errorf("it was measured %d times", n)
	}
}

func TestItIsMeasuredOnceAMinute(t *testing.T) {
	p, clock := newStore(), testclock.NewFakePassiveClock(noon)
	c := counter(t, Config{Querier: p, Clock: clock})
	for range 25 { // two minutes and a bit
		if err := c.Measure(t.Context(), []counting.Pair{pair()}); err != nil {
			t.Fatal(err)
		}
		clock.SetTime(clock.Now().Add(5 * time.Second))
	}
	if diff := cmp.Diff(map[kind]int{asksLag: 3, asksInterval: 3, asksUnknown: 3, asksCopies: 3, asksClock: 25}, p.questions()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	p.fail = func(kind, time.Time) error { return errDown }
	clock.SetTime(clock.Now().Add(time.Minute))
	err := c.Measure(t.Context(), []counting.Pair{pair()})
	if u, ok := errors.AsType[counting.Unanswered](err); !ok || u.Reason != v1alpha1.ReasonPrometheusUnreachable {
		t.Errorf("without an answer: %v", err)
	}
	if got := c.Timing(pair()); got.Lag != time.Second || got.Interval != 5*time.Second {
		t.Errorf("without an answer: %+v, want what was measured before", got)
	}
}

func TestMetricsTellOutcomes(t *testing.T) {
	set := metrics.New(metrics.Settings{Build: []string{"v", "r", "g"}})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(set)
	p := newStore()
	p.observe(stable, noon.Add(-time.Hour), "200", 1)
	c := counter(t, Config{Name: "default", Querier: p, Metrics: set})
	if _, err := counted(t, c, pair()); err != nil { // base, freshness and requests
		t.Fatal(err)
	}
	p.fail = func(k kind, _ time.Time) error {
		switch k {
		case asksFreshness:
			return partial{[]string{"a store did not answer"}}
		case asksRequests:
			return errDown
		}
		return nil
	}
	if _, err := counted(t, c, pair()); err == nil {
		t.Error("a question that was not answered is no error")
	}
	want := `# HELP stagger_evidence_queries_total Queries for evidence. partial: something was missing in the answer, and it is not used; error: it is asked again.
# TYPE stagger_evidence_queries_total counter
stagger_evidence_queries_total{kind="slice",outcome="error",source="default"} 1
stagger_evidence_queries_total{kind="slice",outcome="ok",source="default"} 4
stagger_evidence_queries_total{kind="slice",outcome="partial",source="default"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), table.EvidenceQueries); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, table.EvidenceQueryDuration); err != nil || n != 1 {
		t.Errorf("%d histograms of how long queries took (%v), want 1", n, err)
	}
}

func reportedBy(pod, code string, values ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{"pod": model.LabelValue(pod), "response_code": model.LabelValue(code)}}
	for i, v := range values {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnix(int64(60 * i)), Value: model.SampleValue(v)})
	}
	return s
}

// byJob are rows of an answer to the question which proxies come more than once: two jobs scrape the same one.
func byJob(jobs ...string) model.Vector {
	var v model.Vector
	for _, job := range jobs {
		v = append(v, &model.Sample{Metric: model.Metric{"proxy": "10.0.0.1", "source_workload": "front", "job": model.LabelValue(job)}, Value: 1})
	}
	return v
}

// doubtful is a row of that answer: a job by which it is not certain that an arm's requests are counted once.
func doubtful(fact, job string, arm counting.Service) *model.Sample {
	s := &model.Sample{Metric: labels(arm, "fact", model.LabelValue(fact)), Value: 1}
	s.Metric["job"] = model.LabelValue(job)
	return s
}

// listening tells of every question.
type listening struct {
	Querier
	hears func(expr string)
}

func (l listening) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	v, err := l.Querier.Query(ctx, expr, at)
	l.hears(expr)
	return v, err
}

func TestProxiesThatAreScrapedTwiceAreCountedOnce(t *testing.T) {
	c, p := newCounter(t)
	p.copies = byJob("envoy-stats", "kubernetes-pods")
	if err := c.Measure(t.Context(), []counting.Pair{pair()}); err != nil {
		t.Fatal(err)
	}
	got, err := counted(t, c, pair(counting.Indicator{}, latency, orders))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the jobs envoy-stats and kubernetes-pods scrape the same proxies: job kubernetes-pods is left out"}
	for i, a := range got[0] {
		if i == 2 {
			want = nil // the user's own counters come by other jobs
		}
		if diff := cmp.Diff(want, a.Remarks); diff != "" {
			t.Errorf("indicator %d remarks (-want +got):\n%s", i, diff)
		}
	}
	if !strings.Contains(p.exprs[0], `job!~"kubernetes-pods"`) {
		t.Errorf("it is counted all the same: %s", p.exprs[0])
	}
}

// How late what is left out comes delays nobody.
func TestTheLagIsThatOfWhatIsCounted(t *testing.T) {
	c, p := newCounter(t)
	p.copies = byJob("envoy-stats", "kubernetes-pods")
	var lags []string
	c.Querier = listening{p, func(expr string) {
		if kindOf(expr) == asksLag {
			lags = append(lags, expr)
		}
	}}
	for i := range 2 {
		if err := c.Measure(t.Context(), []counting.Pair{named(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(lags[0], "job!~") || strings.Count(lags[1], `job!~"kubernetes-pods"`) != 2 {
		t.Errorf("asked %q", lags)
	}
}

func TestWhatComesTwiceIsLookedForAgainForOtherReleases(t *testing.T) {
	c, p := newCounter(t)
	for range 2 {
		for i := range 2 {
			if err := c.Measure(t.Context(), []counting.Pair{named(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := p.questions()[asksCopies]; n != 4 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestTargetsThatCannotBeToldApartAreCountedAndProveNothing(t *testing.T) {
	c, p := newCounter(t)
	p.copies = model.Vector{doubtful("ambiguous", "envoy-stats", stable)}
	other := named(3)
	p.observe(other.Stable, noon.Add(-time.Hour), "200", 1)
	if err := c.Measure(t.Context(), []counting.Pair{pair(), other}); err != nil {
		t.Fatal(err)
	}
	got, err := counted(t, c, pair(), other)
	if err != nil {
		t.Fatal(err)
	}
	a := got[0][0]
	if b := got[1][0]; b.Doubt != nil || !b.Stable.Reported {
		t.Errorf("another release, which others report about: %+v, %+v", b, b.Doubt)
	}
	if a.Stable.Counts.Requests != 97 || a.Doubt == nil || a.Doubt.Reason != v1alpha1.ReasonNoData ||
		!strings.Contains(a.Doubt.Message, "job envoy-stats has several samples of up for the same instance at a time") {
		t.Errorf("%+v, %+v", a, a.Doubt)
	}
}
