package counts

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

func TestEachIndicatorIsCounted(t *testing.T) {
	c, p := newCounter(t)
	got, err := counted(t, c, pair(counting.Indicator{}, latency, orders))
	if err != nil {
		t.Fatal(err)
	}
	arm := func(requests, bad float64) counting.ArmAnswer {
		return counting.ArmAnswer{Reported: true, Counts: counting.Counts{Requests: requests, Bad: bad}}
	}
	plain := func(a counting.ArmAnswer) counting.ArmAnswer {
		a.Counts.Plain = a.Counts.Requests - a.Counts.Bad
		return a
	}
	want := [][]counting.Answer{{
		{Stable: plain(arm(97, 2)), Canary: plain(arm(8, 1))},
		{Stable: arm(97, 0), Canary: arm(8, 2)},
		{Stable: arm(97, 0), Canary: arm(8, 1)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Freshness is asked of the proxies and of those who carry the user's own counters.
	asked := map[kind]int{asksRequests: 1, asksDurations: 1, asksCustom: 1, asksFreshness: 2, asksBase: 1}
	if diff := cmp.Diff(asked, p.questions()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

func TestQueriesDoNotGrowWithReleases(t *testing.T) {
	c, p := newCounter(t)
	var of []counting.Pair
	for i := range 600 {
		of = append(of, named(i))
		p.observe(of[i].Stable, noon.Add(-time.Hour), "200", 1)
		p.observe(of[i].Stable, noon.Add(time.Second), "200", float64(i))
	}
	got, err := counted(t, c, of...)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if len(a) != 1 || a[0].Stable.Counts.Requests != float64(i) {
			t.Fatalf("release %d: %+v", i, a)
		}
	}
	if diff := cmp.Diff(map[kind]int{asksRequests: 3, asksFreshness: 3, asksBase: 1}, p.questions()); diff != "" {
		t.Errorf("queries for one slice (-want +got):\n%s", diff)
	}
}

// slow answers after a second.
type slow struct{ Querier }

func (s slow) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	time.Sleep(time.Second)
	return s.Querier.Query(ctx, expr, at)
}

func TestASlowPrometheusIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := newCounter(t)
		c := counter(t, Config{Querier: slow{p}})
		asked := time.Now()
		answers, err := counted(t, c, pair(counting.Indicator{}, latency, orders))
		if err != nil || answers[0][0].Canary.Counts.Requests == 0 {
			t.Fatalf("%v, %v", answers, err)
		}
		if took := time.Since(asked); took != time.Second {
			t.Errorf("it took %s for answers that take a second each", took)
		}
	})
}

func TestNobodyIsAskedAboutNothing(t *testing.T) {
	c, p := newCounter(t)
	if _, err := counted(t, c); err != nil || len(p.questions()) > 0 {
		t.Errorf("%v, asked %v", err, p.questions())
	}
}

func TestArmsThatAreToldApartByDifferentLabelsAreAskedAboutApart(t *testing.T) {
	c, p := newCounter(t)
	revisions := pair()
	revisions.Stable.Revision, revisions.Canary = "v1", counting.Service{Namespace: "shop", Name: "checkout", Revision: "v2"}
	got, err := counted(t, c, pair(), revisions)
	if err != nil || got[0][0].Stable.Counts.Requests != 97 || got[1][0].Stable.Reported {
		t.Errorf("%v, %+v", err, got)
	}
	if diff := cmp.Diff(map[kind]int{asksRequests: 2, asksFreshness: 2, asksBase: 1}, p.questions()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

// verdict is what an answer says first about the canary, or about the stable.
func verdict(a counting.Answer) *counting.Trouble {
	for _, t := range []*counting.Trouble{a.Unusable, a.Stable.Late, a.Canary.Uncounted, a.Stable.Uncounted, a.Canary.Untold} {
		if t != nil {
			return t
		}
	}
	return &counting.Trouble{Reason: v1alpha1.ReasonCurrent}
}

func TestWhatCannotBeBelievedIsSaid(t *testing.T) {
	answers := func(rogue ...*model.Sample) func(*store) { return func(p *store) { p.rogue = rogue } }
	hides := func(arm counting.Service) func(*store) {
		return func(p *store) { p.hide = func(s counting.Service, _ time.Time) bool { return s == arm } }
	}
	fails := func(k kind, err error) func(*store) {
		return func(p *store) {
			p.fail = func(asked kind, _ time.Time) error {
				if asked == k {
					return err
				}
				return nil
			}
		}
	}
	warning := partial{[]string{"store a did not answer", "nor did b"}}
	mute := &model.Sample{Metric: labels(canary, "response_code", "200"), Value: 25}
	mute.Metric["request_protocol"] = "grpc"
	shifted := &model.Sample{Metric: model.Metric{"fact": "at"}, Value: model.SampleValue(five.End.Add(-30 * time.Second).Unix())}
	notANumber := &model.Sample{Metric: labels(canary, "response_code", "404"), Value: model.SampleValue(math.NaN())}
	cases := map[string]struct {
		spoil func(*store)
		by    counting.Indicator
		want  counting.Trouble
	}{
		"nothing": {func(*store) {}, counting.Indicator{}, counting.Trouble{Reason: v1alpha1.ReasonCurrent}},
		"half of the targets are not scraped": {func(p *store) { p.fresh = func(time.Time) int { return 5 } }, counting.Indicator{}, counting.Trouble{
			Reason:  v1alpha1.ReasonStale,
			Message: "Only 5 of 10 proxies that call shop/checkout are scraped with success; nothing is counted until nine tenths are"}},
		"the counts have a warning": {fails(asksRequests, warning), counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonStale, Message: "Prometheus (source default) gave an answer that is not counted: store a did not answer; nor did b"}},
		"the freshness has a warning": {fails(asksFreshness, warning), latency, counting.Trouble{
			Reason: v1alpha1.ReasonStale, Message: "Prometheus (source default) gave an answer that is not counted: store a did not answer; nor did b"}},
		"there is no history": {func(p *store) { p.targets = 0 }, counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "Prometheus (source default) has no up from before 2026-03-02T12:00:00Z: it is new, or up is not kept there; counting begins anew when it has some"}},
		"two of ten callers are of a job that has just begun": {func(p *store) { p.begins = 2 }, counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "Prometheus has only begun to scrape the jobs of 2 of the 10 proxies that call shop/checkout; " +
				"counting begins anew when it has scraped each for some time"}},
		"one of ten callers is": {func(p *store) { p.begins = 1 }, counting.Indicator{}, counting.Trouble{Reason: v1alpha1.ReasonCurrent}},
		"the answer is huge": {answers(make(model.Vector, promql.MaxSeries+1)...), counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "Prometheus (source default) answers, but not what is asked about shop/checkout by istio_requests_total; " +
				"others are counted: counts: the answer has 50005 series; at most 50000 are read"}},
		"a count is no number": {answers(notANumber), counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "istio_requests_total of callers of shop/checkout-canary cannot be counted (series {"}},
		"the answer is about another time": {answers(shifted), counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonStale, Message: "gave an answer that is not counted: it is about a time 30s away from the one that was asked for"}},
		"the canary's calls have no status": {answers(mute), counting.Indicator{}, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "istio_requests_total has no label grpc_response_status for 25 requests that callers of shop/checkout-canary reported"}},
		"the stable's series begin anew": {hides(stable), counting.Indicator{}, counting.Trouble{
			Reason:  v1alpha1.ReasonNoData,
			Message: "Prometheus has no earlier sample of istio_requests_total of the callers of shop/checkout to count from; counting begins with the next"}},
		"the canary's series begin anew": {hides(canary), counting.Indicator{}, counting.Trouble{
			Reason:  v1alpha1.ReasonNoData,
			Message: "Prometheus has no earlier sample of istio_requests_total of the callers of shop/checkout-canary to count from"}},
		"a bucket is missing": {hides(canary), latency, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "Prometheus has no bucket of istio_request_duration_milliseconds at 500ms of the callers of shop/checkout-canary; " +
				"make the objective's threshold an edge of that histogram, and see that it is scraped"}},
		"nobody has an up": {func(p *store) {
			clear(p.requests)
			p.unknown = model.Vector{{Metric: labels(stable, "fact", "unknown"), Value: 3}}
			p.unknown[0].Metric["job"] = "federate"
		}, counting.Indicator{}, counting.Trouble{
			Reason:  v1alpha1.ReasonNoData,
			Message: "istio_requests_total of callers of shop/checkout is there, but no up of its job and instance: 3 of job \"federate\"; nobody knows when these were scraped"}},
		"nobody reports about the arms": {func(p *store) { clear(p.requests) }, orders, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "Prometheus has no orders_total of callers of shop/checkout; send it requests through the mesh, " +
				"or check that the callers' proxies are scraped"}},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			c, p := newCounter(t)
			x.spoil(p)
			got, err := counted(t, c, pair(x.by))
			if err != nil {
				t.Fatal(err)
			}
			if v := verdict(got[0][0]); v.Reason != x.want.Reason || !strings.Contains(v.Message, x.want.Message) {
				t.Errorf("got  %s: %s\nwant %s: %s", v.Reason, v.Message, x.want.Reason, x.want.Message)
			}
		})
	}
}

func TestWhoseReportsAreBelievedIsSaidWhereThereAreNone(t *testing.T) {
	c, p := newCounter(t)
	c.Scope.Reporters = []string{"edge", "web"}
	clear(p.requests)
	got, err := counted(t, c, pair())
	if err != nil {
		t.Fatal(err)
	}
	const want = "Prometheus has no istio_requests_total of callers of shop/checkout that are believed: pods of shop and of edge, web, by the label namespace of " +
		"their up; send it requests from there, or name the namespaces of its callers in the source's reporters"
	if v := verdict(got[0][0]); v.Reason != v1alpha1.ReasonNoData || v.Message != want {
		t.Errorf("got  %s: %s\nwant %s", v.Reason, v.Message, want)
	}
}

func TestACanaryThatNobodyReportsAboutHasNoCounts(t *testing.T) {
	c, p := newCounter(t)
	delete(p.requests, canary)
	got, err := counted(t, c, pair())
	if err != nil {
		t.Fatal(err)
	}
	if a := got[0][0]; a.Canary.Reported || a.Canary.Uncounted != nil || a.Canary.Late == nil || a.Stable.Late != nil {
		t.Errorf("%+v", a)
	}
}

func TestWhatCannotBeUsedIsUnusableForThatIndicatorAlone(t *testing.T) {
	c, p := newCounter(t)
	p.fail = func(k kind, _ time.Time) error {
		if k == asksDurations {
			return partial{[]string{"store a did not answer"}}
		}
		return nil
	}
	got, err := counted(t, c, pair(counting.Indicator{}, latency, orders))
	if err != nil || got[0][0].Unusable != nil || got[0][1].Unusable == nil || got[0][2].Unusable != nil {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestAPartThatIsNotAnsweredTakesNoOtherWithIt(t *testing.T) {
	c, p := newCounter(t)
	var of []counting.Pair
	for i := range 600 {
		of = append(of, named(i))
	}
	var asked atomic.Int64
	p.fail = func(k kind, _ time.Time) error {
		if k == asksFreshness && asked.Add(1) == 2 {
			return errDown
		}
		return nil
	}
	got, err := counted(t, c, of...)
	u, ok := errors.AsType[counting.Unanswered](err)
	if want := "Prometheus (source default) does not answer: connection refused"; !ok || u.Reason != v1alpha1.ReasonPrometheusUnreachable || u.Message != want {
		t.Errorf("got %v, want %s", err, want)
	}
	missing := 0
	for _, a := range got {
		if a == nil {
			missing++
		}
	}
	if missing != perQuery && missing != 600-2*perQuery {
		t.Errorf("%d of 600 releases are not answered, want one part", missing)
	}
}
