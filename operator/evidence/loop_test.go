package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func TestEachSampleIsCountedOnceWhateverFails(t *testing.T) {
	end := noon.Add(10 * time.Minute)
	calm := newBench(t)
	calm.traffic(noon, end)
	calm.track(target())
	calm.loop.Weight(shop, step(1, 0.05, noon))
	calm.until(end)
	calm.finish(end)
	want := calm.reading()
	calm.counted(want)

	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t)
			b.traffic(noon, end)
			b.store.fail = func(kind, time.Time) error {
				if b.clock.Now().Before(end) && dice.IntN(8) == 0 {
					return errDown
				}
				return nil
			}
			b.track(target())
			b.loop.Weight(shop, step(1, 0.05, noon))
			for b.clock.Now().Before(end) {
				b.clock.SetTime(b.tick())
				if dice.IntN(20) == 0 {
					// At most a minute: longer gaps are caught up with in longer slices, which make other evidence ticks.
					b.clock.SetTime(b.clock.Now().Add(time.Duration(dice.IntN(60)) * time.Second))
					restored := target()
					restored.Checkpoint = b.reading().Checkpoint
					b.restart()
					b.track(restored)
					b.loop.Weight(shop, step(1, 0.05, noon))
				}
			}
			b.finish(end)
			b.counted(b.reading())
			if diff := cmp.Diff(want.Verdict, b.reading().Verdict); diff != "" {
				t.Errorf("the verdict differs from that of a calm day (-calm +this):\n%s", diff)
			}
		})
	}
}

func TestAnEarlierCheckpointCountsAgainWhatCameAfterIt(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(5*time.Minute))
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	written := b.reading()
	b.until(noon.Add(3 * time.Minute))
	want := b.reading()

	b.restart()
	restored := target()
	restored.Checkpoint = written.Checkpoint
	b.track(restored)
	b.loop.Weight(shop, step(1, 0.05, noon))
	if r := b.reading(); r.Seen || r.Fresh || r.Reason != v1alpha1.ReasonPending {
		t.Errorf("before it has asked, a new process says %v (%s), seen %v", r.Fresh, r.Reason, r.Seen)
	}
	b.tick()
	got := b.reading()
	if diff := cmp.Diff(want.Verdict, got.Verdict); diff != "" {
		t.Errorf("verdict (-before +after the restart):\n%s", diff)
	}
	if !got.Fresh || !got.Seen {
		t.Errorf("fresh %v, seen %v: %s", got.Fresh, got.Seen, got.Message)
	}
}

func TestLongOutagesAreCaughtUpWithInLongSlices(t *testing.T) {
	b := newBench(t)
	end := noon.Add(40 * time.Minute)
	b.traffic(noon, end)
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	b.clock.SetTime(end)
	b.store.reset()
	b.tick()
	b.counted(b.reading())
	if n := b.store.questions()[asksRequests]; n > 120 {
		t.Errorf("%d questions were asked for 39 minutes", n)
	}
	if r := b.reading(); !r.Fresh {
		t.Errorf("after catching up: %s: %s", r.Reason, r.Message)
	}
}

func TestWhatIsOlderThanTheBackfillIsVoid(t *testing.T) {
	b := newBench(t)
	end := noon.Add(5 * time.Hour)
	b.traffic(noon, end)
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.clock.SetTime(end)
	b.tick()
	r := b.reading()
	want, _ := b.store.total(canary, r.Through.Add(-time.Hour), r.Through)
	if got := r.Verdict.Exposed.Requests; got != want {
		t.Errorf("%v requests were counted of the %v of the last hour", got, want)
	}
}

func TestTheNewestSliceIsAskedForFirst(t *testing.T) {
	b := newBench(t)
	key, behind := named(1)
	b.traffic(noon, noon.Add(10*time.Minute))
	b.store.observe(behind.Stable, noon.Add(-time.Hour), "200", 1)
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(3 * time.Minute))
	b.track(behind)
	b.loop.Weight(key, step(1, 0.05, noon))
	b.store.reset()
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	now := b.reading().Through
	if len(b.store.times) < 30 || !b.store.times[0].Equal(now) {
		t.Fatalf("asked for %d slices, the first ending at %s; want the newest, %s", len(b.store.times), b.store.times[0], now)
	}
	if got, _ := b.loop.Reading(key, next); !got.Through.Equal(now) {
		t.Errorf("the release behind has caught up to %s of %s", got.Through, now)
	}
}

// The gap in which slices cannot be believed.
var gapFrom, gapTo = noon.Add(60 * time.Second), noon.Add(90 * time.Second)

func inGap(at time.Time) bool { return at.After(gapFrom) && !at.After(gapTo) }

// spoilt makes the store answer badly in the gap.
type spoilt struct {
	spoil  func(p *store)
	reason v1alpha1.Reason
	says   string
}

func halfFresh(p *store) {
	p.fresh = func(at time.Time) int {
		if inGap(at) {
			return p.targets / 2
		}
		return p.targets
	}
}

func warns(p *store) {
	p.fail = func(k kind, at time.Time) error {
		if k == asksRequests && inGap(at) {
			return partial{[]string{"store a did not answer"}}
		}
		return nil
	}
}

func forgets(p *store) {
	p.fail = func(k kind, at time.Time) error {
		p.targets = 10
		if k == asksBase && inGap(at) {
			p.targets = 0
		}
		return nil
	}
}

// startsAnew leaves an arm without counts, as when its series come back after a gap longer than the look-back.
func startsAnew(arm counting.Service) func(p *store) {
	return func(p *store) {
		p.hide = func(s counting.Service, at time.Time) bool { return s == arm && inGap(at) }
	}
}

// adds makes the store add series to every answer in the gap.
func adds(rogue model.Vector) func(p *store) {
	return func(p *store) {
		p.fail = func(_ kind, at time.Time) error {
			p.rogue = nil
			if inGap(at) {
				p.rogue = rogue
			}
			return nil
		}
	}
}

func TestSlicesThatCannotBeBelievedAreNoEvidence(t *testing.T) {
	notANumber := model.Vector{{Metric: labels(canary, "response_code", "404"), Value: model.SampleValue(math.NaN())}}
	cases := map[string]spoilt{
		"half of the targets are not scraped": {halfFresh, v1alpha1.ReasonStale, "Only 5 of 10 proxies that call shop/checkout"},
		"the answer has a warning":            {warns, v1alpha1.ReasonStale, "store a did not answer"},
		"Prometheus has no history":           {forgets, v1alpha1.ReasonNoData, "no scrapes from before"},
		"the answer is huge":                  {adds(make(model.Vector, counting.MaxSeries+1)), v1alpha1.ReasonStale, "at most 50000 are read"},
		"the stable's series begin anew":      {startsAnew(stable), v1alpha1.ReasonNoData, "no earlier sample of istio_requests_total of the callers of shop/checkout to"},
		"the canary's series begin anew":      {startsAnew(canary), v1alpha1.ReasonNoData, "no earlier sample of istio_requests_total of the callers of shop/checkout-canary"},
		"a count is no number":                {adds(notANumber), v1alpha1.ReasonStale, "NaN"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.traffic(noon, noon.Add(3*time.Minute))
			b.track(target())
			b.loop.Weight(shop, step(1, 0.05, noon))
			c.spoil(b.store)
			b.until(gapFrom.Add(10 * time.Second))
			r := b.reading()
			if r.Fresh || r.Reason != c.reason || !strings.Contains(r.Message, c.says) {
				t.Errorf("in the gap: fresh %v, %s: %q; want %s, a message with %q", r.Fresh, r.Reason, r.Message, c.reason, c.says)
			}
			b.until(noon.Add(2 * time.Minute))
			r = b.reading()
			before, _ := b.store.total(canary, noon, gapFrom)
			after, _ := b.store.total(canary, gapTo, r.Through)
			if got := r.Verdict.Exposed.Requests; got != before+after || !r.Fresh {
				t.Errorf("counted %v, want %v without the gap; fresh %v (%s)", got, before+after, r.Fresh, r.Message)
			}
			if want := r.Through.Sub(noon) - 10*time.Second - gapTo.Sub(gapFrom); r.Verdict.Covered != want {
				t.Errorf("%s count as held, want %s", r.Verdict.Covered, want)
			}
		})
	}
}

func TestPrometheusThatDoesNotAnswerHoldsEverything(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(10*time.Minute))
	down := true
	b.store.fail = func(kind, time.Time) error {
		if down {
			return errDown
		}
		return nil
	}
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	r := b.reading()
	if r.Fresh || r.Reason != v1alpha1.ReasonPrometheusUnreachable || !strings.Contains(r.Message, "connection refused") {
		t.Errorf("while it is down: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	if r.Verdict.State != pkgevidence.Undetermined || r.Verdict.Covered != 0 || b.woken[shop] != 1 {
		t.Errorf("while it is down: %s, covered %s, woken %d times", r.Verdict, r.Verdict.Covered, b.woken[shop])
	}
	down = false
	b.until(noon.Add(3 * time.Minute))
	if r = b.reading(); !r.Fresh {
		t.Errorf("after it is back: %s: %s", r.Reason, r.Message)
	}
	b.counted(r)
	down = true
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	if r = b.reading(); r.Fresh {
		t.Errorf("right after a question failed: %s: %s", r.Reason, r.Message)
	}
	if len(b.lines) != 3 {
		t.Errorf("logged %d lines for three changes of state:\n%s", len(b.lines), strings.Join(b.lines, "\n"))
	}
}

func TestQuestionsDoNotGrowWithReleases(t *testing.T) {
	b := newBench(t)
	for i := range 600 {
		key, one := named(i)
		b.store.observe(one.Stable, noon.Add(-time.Hour), "200", 1)
		b.track(one)
		b.loop.Weight(key, step(1, 0.05, noon))
	}
	b.until(noon.Add(time.Minute))
	b.store.reset()
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	want := map[kind]int{asksRequests: 3, asksFreshness: 3, asksBase: 1}
	if diff := cmp.Diff(want, b.store.questions()); diff != "" {
		t.Errorf("questions of one slice (-want +got):\n%s", diff)
	}
	if len(b.woken) != 600 {
		t.Errorf("%d shifts were woken", len(b.woken))
	}
}

func TestNothingIsAskedWhenNoReleaseRuns(t *testing.T) {
	b := newBench(t)
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	b.loop.Forget(shop)
	b.store.reset()
	b.until(noon.Add(2 * time.Minute))
	if got := b.store.questions(); len(got) > 0 {
		t.Errorf("asked %v", got)
	}
	if _, ok := b.loop.Reading(shop, next); ok {
		t.Error("a forgotten release is read")
	}
}

func TestBadVersionsAreSeenSoon(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(2 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 475)
		b.store.observe(canary, at, "500", 25)
	}
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(50 * time.Second))
	if v := b.reading().Verdict; v.State != pkgevidence.Breach {
		t.Errorf("after 50 s of failures only: %s", v)
	}
}
