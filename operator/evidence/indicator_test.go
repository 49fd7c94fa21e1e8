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

func TestAnAnswerThatCannotBeUsedIsVoidForThoseWhoNeedIt(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	key, other := named(1)
	b.store.observe(other.Stable, noon.Add(-time.Hour), "200", 1)
	b.follow(threefold(), step(1, 0.05, noon))
	b.loop.Follow(key, following(other, step(1, 0.05, noon)))
	b.store.unusable = func(_ time.Time, i counting.Indicator) *counting.Trouble {
		if i.Kind == counting.Duration {
			return trouble(v1alpha1.ReasonStale, "a page is missing")
		}
		return nil
	}
	b.until(noon.Add(time.Minute))
	if r := b.reading(); r.Fresh || !strings.Contains(r.Message, "a page is missing") {
		t.Errorf("with the histogram: fresh %v: %s", r.Fresh, r.Message)
	}
	if r, _ := b.loop.Reading(key, 7, next); !r.Fresh || r.Verdict.Covered == 0 {
		t.Errorf("without: fresh %v, covered %s: %s", r.Fresh, r.Verdict.Covered, r.Message)
	}
}
