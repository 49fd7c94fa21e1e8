package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func TestNothingIsCountedBeforeTheFirstWeight(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(2*time.Minute))
	waiting := target()
	waiting.From = time.Time{}
	b.track(waiting)
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if !r.Fresh || r.Reason != v1alpha1.ReasonCurrent || r.Seen || r.Verdict.Exposed.Requests != 0 {
		t.Errorf("fresh %v (%s), seen %v, exposed %v", r.Fresh, r.Reason, r.Seen, r.Verdict.Exposed)
	}
	if n := b.store.questions()[asksRequests]; n != 0 {
		t.Errorf("%d questions for requests", n)
	}
	written := noon.Add(62 * time.Second)
	waiting.From = written
	b.track(waiting)
	b.loop.Weight(shop, step(1, 0.05, written))
	b.until(noon.Add(2 * time.Minute))
	r = b.reading()
	want, _ := b.store.total(canary, noon.Add(time.Minute), r.Through)
	if r.Verdict.Exposed.Requests != want || !r.Seen {
		t.Errorf("counted %v of %v requests since the slice of the first weight", r.Verdict.Exposed.Requests, want)
	}
}

func TestAReleaseThatIsTrackedWaitsForItsWeight(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	b.track(target())
	b.until(noon.Add(time.Minute))
	if r := b.reading(); r.Verdict.Exposed.Requests != 0 || !r.Through.IsZero() {
		t.Errorf("counted %v through %s without knowing the weight", r.Verdict.Exposed, r.Through)
	}
}

// journey drives a release through four weights, the third without a stable, and replaces the process at the given times.
func journey(t *testing.T, restarts ...time.Time) Reading {
	b := newBench(t)
	b.traffic(noon, noon.Add(6*time.Minute))
	b.track(target())
	weights := []Weight{step(1, 0.05, noon), step(2, 0.25, noon.Add(2*time.Minute)), step(3, 1, noon.Add(3*time.Minute)), step(4, 0.05, noon.Add(4*time.Minute))}
	var w Weight
	for b.clock.Now().Before(noon.Add(5 * time.Minute)) {
		if now := b.clock.Now(); len(weights) > 0 && !now.Before(weights[0].WrittenAt) {
			w, weights = weights[0], weights[1:]
			b.loop.Weight(shop, w)
			if c := b.reading().Verdict.Covered; c != 0 {
				t.Errorf("a new step has already %s of its hold", c)
			}
		}
		b.loop.Weight(shop, w)
		if len(restarts) > 0 && !b.clock.Now().Before(restarts[0]) {
			restarts = restarts[1:]
			again := target()
			again.Checkpoint = b.reading().Checkpoint
			b.restart()
			b.track(again)
			b.loop.Weight(shop, w)
		}
		b.clock.SetTime(b.tick())
	}
	b.tick()
	r := b.reading()
	// Slices that begin with or after the settling are held.
	if want := r.Through.Sub(w.SettledAt.Add(slice - 1).Truncate(slice)); r.Verdict.Covered != want {
		t.Errorf("%s of the last step are held, want %s", r.Verdict.Covered, want)
	}
	beside, _ := b.store.total(stable, noon, noon.Add(3*time.Minute))
	after, _ := b.store.total(stable, noon.Add(4*time.Minute), r.Through)
	if got := r.Verdict.Objectives[0].Release.Stable.Requests; got != beside+after {
		t.Errorf("%v requests of the stable were counted, want the %v of when it stood beside the canary", got, beside+after)
	}
	return r
}

func TestAStepBeginsOnceAlsoOverRestarts(t *testing.T) {
	want := journey(t)
	got := journey(t, noon.Add(time.Minute), noon.Add(2*time.Minute), noon.Add(126*time.Second), noon.Add(3*time.Minute), noon.Add(4*time.Minute), noon.Add(4*time.Minute+5*time.Second))
	if diff := cmp.Diff(want.Verdict, got.Verdict); diff != "" {
		t.Errorf("verdict (-one process +seven):\n%s", diff)
	}
	if want.Checkpoint != got.Checkpoint {
		t.Errorf("checkpoint %q, with restarts %q", want.Checkpoint, got.Checkpoint)
	}
}

func TestStepsCountedFromZeroAreStepsToo(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(2*time.Minute))
	b.track(target())
	b.loop.Weight(shop, step(0, 0.01, noon))
	b.until(noon.Add(time.Minute))
	if b.reading().Verdict.Covered == 0 {
		t.Fatal("nothing is held in the first step")
	}
	b.loop.Weight(shop, step(1, 0.05, b.clock.Now()))
	if c := b.reading().Verdict.Covered; c != 0 {
		t.Errorf("a new step has already %s of its hold", c)
	}
}

func TestSlicesBeforeTheSettlingAreNotHeld(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(2*time.Minute))
	weight := step(1, 0.05, noon)
	weight.SettledAt = nil
	b.track(target())
	b.loop.Weight(shop, weight)
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if r.Verdict.Covered != 0 {
		t.Errorf("%s are held before the weight is live", r.Verdict.Covered)
	}
	n, bad := b.store.total(canary, noon.Add(5*time.Second), r.Through) // the first slice shows the old weight too
	if want := (pkgevidence.Counts{Requests: n, Bad: bad}); r.Since.Canary != want {
		t.Errorf("since the weight was written %v, want %v", r.Since.Canary, want)
	}
	lately, _ := b.store.total(canary, r.Through.Add(-30*time.Second), r.Through)
	if r.Lately.Canary.Requests != lately {
		t.Errorf("lately %v, want %v", r.Lately.Canary.Requests, lately)
	}
}

func TestACanaryAloneIsJudgedByTheCeilingOnly(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	for at := noon.Add(62 * time.Second); at.Before(noon.Add(4 * time.Minute)); at = at.Add(slice) {
		b.store.observe(canary, at, "500", 100)
	}
	b.track(target())
	b.loop.Weight(shop, step(1, 0.5, noon))
	b.until(noon.Add(time.Minute))
	b.loop.Weight(shop, step(2, 1, noon.Add(time.Minute)))
	b.until(noon.Add(3 * time.Minute))
	v := b.reading().Verdict
	if v.State == pkgevidence.Breach || !v.AloneBreach || v.Reason != pkgevidence.NoConcurrentControl {
		t.Errorf("alone and failing: %s", v)
	}
	n, _ := b.store.total(canary, noon, b.reading().Through)
	if v.Exposed.Requests != n {
		t.Errorf("exposed %v, want %v", v.Exposed.Requests, n)
	}
}

func TestACanaryWithoutSeriesHadNoRequests(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(2 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 10)
	}
	b.track(target())
	b.loop.Weight(shop, step(1, 0.01, noon))
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if !r.Fresh || r.Reason != v1alpha1.ReasonCurrent || r.Verdict.Reason != pkgevidence.NoTraffic || r.Verdict.Covered == 0 {
		t.Errorf("fresh %v (%s), %s, held %s", r.Fresh, r.Reason, r.Verdict, r.Verdict.Covered)
	}
}

func TestSilenceIsToldFromMissingData(t *testing.T) {
	b := newBench(t)
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	if r := b.reading(); !r.Fresh || r.Reason != v1alpha1.ReasonNoTraffic || !strings.Contains(r.Message, "No request reached shop/checkout") {
		t.Errorf("without requests: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	key, unknown := named(1)
	b.track(unknown)
	b.loop.Weight(key, step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	if r, _ := b.loop.Reading(key, next); r.Fresh || r.Reason != v1alpha1.ReasonNoData || !strings.Contains(r.Message, "no istio_requests_total of callers of "+key.String()) {
		t.Errorf("without series: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
}

func TestAnotherReleaseReplacesTheOneBefore(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	b.track(target())
	b.loop.Weight(shop, step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	before := b.reading()
	same := target()
	same.Checkpoint = "not read"
	b.track(same)
	if diff := cmp.Diff(before, b.reading()); diff != "" {
		t.Errorf("tracking the same release again changed (-before +after):\n%s", diff)
	}
	other := target()
	other.Release, other.From = 8, noon.Add(time.Minute)
	b.track(other)
	if r := b.reading(); r.Verdict.Exposed.Requests != 0 || r.Seen {
		t.Errorf("a new release begins with %v", r.Verdict.Exposed)
	}
	bad := target()
	bad.Release, bad.Checkpoint = 9, "1/0/false/false 1 altered"
	if err := b.loop.Track(bad); err == nil {
		t.Error("an altered checkpoint is taken")
	}
	if _, ok := b.loop.Reading(shop, next); ok {
		t.Error("a release is read that could not be tracked")
	}
}

func TestWhatCannotBeTrackedIsNamed(t *testing.T) {
	cases := map[string]struct {
		change func(*Target)
		says   string
	}{
		"no objective":     {func(t *Target) { t.Config.Objectives = nil }, "Objectives must hold"},
		"unknown source":   {func(t *Target) { t.Source = "eu" }, `no source is named "eu"`},
		"empty canary":     {func(t *Target) { t.Canary.Name = "" }, "name of shop/ is empty"},
		"no checkpoint":    {func(t *Target) { t.Checkpoint = "rubbish" }, "reading the checkpoint: reading the move"},
		"cut checkpoint":   {func(t *Target) { t.Checkpoint = "-" }, "checkpoint has version"},
		"other objectives": {func(t *Target) { t.Checkpoint = otherCheckpoint }, "altered or is of other objectives"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			one := target()
			c.change(&one)
			err := b.loop.Track(one)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "release 7 of shop/checkout") {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

var otherCheckpoint = func() string {
	tests, err := pkgevidence.New(pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "other", Limit: 0.01}}})
	if err != nil {
		return err.Error()
	}
	return "- " + tests.Checkpoint()
}()
