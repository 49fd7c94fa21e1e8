package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// threefold is a release with an objective of each kind.
func threefold() Target {
	t := target()
	for _, name := range []string{"latency", "orders"} {
		t.Config.Objectives = append(t.Config.Objectives, pkgevidence.Objective{Name: name, Limit: 0.01})
	}
	t.Indicators = []counting.Indicator{
		{}, {Kind: counting.Duration, Threshold: 500 * time.Millisecond},
		{Kind: counting.Custom, Total: `orders_total{{{selector}}}`, Bad: `orders_total{{{selector}},result="bad"}`},
	}
	return t
}

func TestEachObjectiveIsCountedByItsIndicator(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(2 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 95)
		b.store.observe(canary, at, "200", 5)
		b.store.observe(canary, at, "late", 2)
		b.store.observe(canary, at, "500", 1)
	}
	b.follow(threefold(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	r := b.reading()
	slices := r.Through.Sub(noon).Seconds() / slice.Seconds()
	for i, bad := range []float64{1, 2, 1} {
		want := pkgevidence.Counts{Requests: 8 * slices, Bad: bad * slices}
		if got := r.Verdict.Objectives[i].Release.Canary; got != want {
			t.Errorf("%s: counted %v, want %v", r.Verdict.Objectives[i].Name, got, want)
		}
	}
	if got := r.Since.Canary.Requests; got != 8*(slices-1) { // all but the slice in which the weight was written
		t.Errorf("traffic of %v requests at the canary, want %v", got, 8*(slices-1))
	}
}

// withoutDurations has no answer by a histogram that can be used.
func withoutDurations(_ time.Time, i counting.Indicator) *counting.Trouble {
	if i.Kind == counting.Duration {
		return trouble(v1alpha1.ReasonNoData, "there is no bucket")
	}
	return nil
}

func TestAnObjectiveThatCannotBeCountedKeepsFromRaisingAndTheOthersAreJudged(t *testing.T) {
	b := newBench(t)
	b.store.observe(stable, noon.Add(-time.Hour), "200", 1)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(2 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 475)
		b.store.observe(canary, at, "500", 25)
	}
	b.follow(threefold(), step(1, 0.05, noon))
	b.store.unusable = withoutDurations
	b.until(noon.Add(2 * time.Minute))
	r := b.reading()
	if want := "latency is not counted: there is no bucket"; r.Fresh || r.Message != want {
		t.Errorf("fresh %v: %s, want %s", r.Fresh, r.Message, want)
	}
	if r.Verdict.State != pkgevidence.Breach || r.Verdict.Objectives[0].State != pkgevidence.Breach {
		t.Errorf("a version of which every request fails is %s", r.Verdict)
	}
	if got := r.Verdict.Objectives[1].Release; got != (pkgevidence.Arms{}) {
		t.Errorf("without a histogram %v was counted by it", got)
	}
}

func TestAnObjectiveThatCannotBeCountedIsToldBeforeTheFirstWeight(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(2*time.Minute))
	waiting := threefold()
	waiting.From = time.Time{}
	b.follow(waiting, Weight{})
	b.store.unusable = withoutDurations
	b.until(noon.Add(time.Minute))
	if r := b.reading(); r.Fresh || !strings.Contains(r.Message, "latency is not counted") {
		t.Errorf("fresh %v: %s", r.Fresh, r.Message)
	}
	b.store.unusable = nil
	b.until(noon.Add(90 * time.Second))
	if r := b.reading(); !r.Fresh {
		t.Errorf("with the histogram: %s", r.Message)
	}
}

func TestRequestsOfWhichNobodyKnowsWhetherTheyFailedKeepFromRaising(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.store.change = func(_ time.Time, arm counting.Service, a *counting.ArmAnswer) {
		if arm == canary {
			a.Untold = trouble(v1alpha1.ReasonNoData, "the status is not reported")
		}
	}
	b.until(noon.Add(2 * time.Minute))
	r := b.reading()
	if r.Fresh || r.Reason != v1alpha1.ReasonNoData || r.Message != "the status is not reported" {
		t.Errorf("fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	b.counted(r)
}

func TestWhoDoesNotNeedAnAnswerIsNotHarmedByIt(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	key, other := named(1)
	b.store.observe(other.Stable, noon.Add(-time.Hour), "200", 1)
	b.follow(threefold(), step(1, 0.05, noon))
	b.loop.Follow(key, following(other, step(1, 0.05, noon)))
	b.store.unusable = withoutDurations
	b.until(noon.Add(time.Minute))
	if r, _ := b.loop.Reading(key, 7, next); !r.Fresh || r.Verdict.Covered == 0 {
		t.Errorf("fresh %v, covered %s: %s", r.Fresh, r.Verdict.Covered, r.Message)
	}
}
