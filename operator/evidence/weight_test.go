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
	b.follow(waiting, Weight{})
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if !r.Fresh || r.Reason != v1alpha1.ReasonCurrent || r.Seen || r.Verdict.Exposed.Requests != 0 || len(b.store.slices) == 0 {
		t.Errorf("fresh %v (%s), seen %v, exposed %v", r.Fresh, r.Reason, r.Seen, r.Verdict.Exposed)
	}
	written := noon.Add(62 * time.Second)
	waiting.From = written
	b.follow(waiting, step(1, 0.05, written))
	b.until(noon.Add(2 * time.Minute))
	r = b.reading()
	want, _ := b.store.total(canary, noon.Add(time.Minute), r.Through)
	if r.Verdict.Exposed.Requests != want || !r.Seen {
		t.Errorf("counted %v of %v requests since the slice of the first weight", r.Verdict.Exposed.Requests, want)
	}
}

func TestRequestsOfTheSecondInWhichTheFirstWeightWasWrittenAreCounted(t *testing.T) {
	b := newBench(t)
	recorded := noon.Add(time.Minute) // The record says the next whole second.
	first := recorded.Add(-900 * time.Millisecond)
	b.traffic(noon, first)
	b.store.observe(canary, first, "500", 11)
	b.traffic(recorded, noon.Add(2*time.Minute))
	waiting := target()
	waiting.From = recorded
	b.follow(waiting, step(1, 0.05, recorded))
	b.until(noon.Add(2 * time.Minute))
	r := b.reading()
	want, bad := b.store.total(canary, first.Truncate(slice), r.Through)
	if got := r.Verdict.Exposed; got.Requests != want || got.Bad != bad {
		t.Errorf("counted %v, want %v requests, %v of them bad", got, want, bad)
	}
}

func TestAReleaseThatIsTrackedWaitsForItsWeight(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	b.follow(target(), Weight{})
	b.until(noon.Add(time.Minute))
	if r := b.reading(); r.Verdict.Exposed.Requests != 0 || !r.Through.IsZero() {
		t.Errorf("counted %v through %s without knowing the weight", r.Verdict.Exposed, r.Through)
	}
}

// journey drives a release through four weights, the third without a stable, and replaces the process at the given times.
func journey(t *testing.T, restarts ...time.Time) Reading {
	b := newBench(t)
	b.traffic(noon, noon.Add(6*time.Minute))
	b.follow(target(), Weight{})
	weights := []Weight{step(1, 0.05, noon), step(2, 0.25, noon.Add(2*time.Minute)), step(3, 1, noon.Add(3*time.Minute)), step(4, 0.05, noon.Add(4*time.Minute))}
	var w Weight
	for b.clock.Now().Before(noon.Add(5 * time.Minute)) {
		if now := b.clock.Now(); len(weights) > 0 && !now.Before(weights[0].WrittenAt) {
			w, weights = weights[0], weights[1:]
			b.follow(target(), w)
			if c := b.reading().Verdict.Covered; c != 0 {
				t.Errorf("a new step has already %s of its hold", c)
			}
		}
		b.follow(target(), w)
		if len(restarts) > 0 && !b.clock.Now().Before(restarts[0]) {
			restarts = restarts[1:]
			again := target()
			again.Checkpoint = b.reading().Checkpoint
			b.restart()
			b.follow(again, w)
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
	b.follow(target(), step(0, 0.01, noon))
	b.until(noon.Add(time.Minute))
	if b.reading().Verdict.Covered == 0 {
		t.Fatal("nothing is held in the first step")
	}
	b.follow(target(), step(1, 0.05, b.clock.Now()))
	if c := b.reading().Verdict.Covered; c != 0 {
		t.Errorf("a new step has already %s of its hold", c)
	}
}

func TestSlicesBeforeTheSettlingAreNotHeld(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(2*time.Minute))
	weight := step(1, 0.05, noon)
	weight.SettledAt = nil
	b.follow(target(), weight)
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
	b.follow(target(), step(1, 0.5, noon))
	b.until(noon.Add(time.Minute))
	b.follow(target(), step(2, 1, noon.Add(time.Minute)))
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
	b.follow(target(), step(1, 0.01, noon))
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if !r.Fresh || r.Reason != v1alpha1.ReasonCurrent || r.Verdict.Reason != pkgevidence.NoTraffic || r.Verdict.Covered == 0 {
		t.Errorf("fresh %v (%s), %s, held %s", r.Fresh, r.Reason, r.Verdict, r.Verdict.Covered)
	}
}

func TestSilenceIsToldFromMissingData(t *testing.T) {
	b := newBench(t)
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(20 * time.Second))
	if r := b.reading(); !r.Fresh || r.Reason != v1alpha1.ReasonCurrent {
		t.Errorf("before the time of which silence is told: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	b.until(noon.Add(time.Minute))
	if r := b.reading(); !r.Fresh || r.Reason != v1alpha1.ReasonNoTraffic || !strings.Contains(r.Message, "No request of shop/checkout or its canary has ended with an answer in the last 30s; requests are counted when they end") {
		t.Errorf("without requests: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	key, unknown := named(1)
	b.loop.Follow(key, following(unknown, step(1, 0.05, noon)))
	b.until(noon.Add(2 * time.Minute))
	if r, _ := b.loop.Reading(key, 7, next); r.Fresh || r.Reason != v1alpha1.ReasonNoData || !strings.Contains(r.Message, "nobody reports about "+key.String()) {
		t.Errorf("without series: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
}

func TestAnotherReleaseReplacesTheOneBefore(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	before := b.reading()
	same := target()
	same.Checkpoint, same.Canary.Name, same.Config.Objectives = "not read", "", nil
	b.follow(same, step(1, 0.05, noon))
	if diff := cmp.Diff(before, b.reading()); diff != "" {
		t.Errorf("following the same release again changed (-before +after):\n%s", diff)
	}
	other := target()
	other.From = noon.Add(time.Minute)
	b.loop.Follow(shop, Following{Release: 8, Count: &other})
	if _, counted := b.loop.Reading(shop, 7, next); counted {
		t.Error("the release before is read")
	}
	if r, counted := b.loop.Reading(shop, 8, next); !counted || r.Verdict.Exposed.Requests != 0 || r.Seen {
		t.Errorf("a new release begins with %v", r.Verdict.Exposed)
	}
}

func TestReadingChangesNothing(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(3*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	if diff := cmp.Diff(b.reading(), b.reading()); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}
	b.loop.Reading(shop, 8, next)
	key, _ := named(1)
	b.loop.Reading(key, 7, next)
	if len(b.loop.releases) != 1 || len(b.loop.suspects) != 0 || len(b.loop.refused) != 0 {
		t.Errorf("reading began to follow: %v %v %v", b.loop.releases, b.loop.suspects, b.loop.refused)
	}
}

func TestWhatCannotBeCountedIsNamed(t *testing.T) {
	cases := map[string]struct {
		change func(*Following)
		says   string
	}{
		"no objective":   {func(f *Following) { f.Count.Config.Objectives = nil }, "Objectives must hold"},
		"unknown source": {func(f *Following) { f.Source = "eu" }, `no source is named "eu"`},
		"empty canary":   {func(f *Following) { f.Count.Canary.Name = "" }, errNoName.Error()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			f := following(target(), step(1, 0.05, noon))
			c.change(&f)
			b.loop.Follow(shop, f)
			r := b.reading()
			if r.Fresh || r.Reason != v1alpha1.ReasonNoData || !strings.Contains(r.Message, c.says) || !strings.Contains(r.Message, "release 7 of shop/checkout") {
				t.Errorf("fresh %v, %s: %s; want a message with %q", r.Fresh, r.Reason, r.Message, c.says)
			}
			b.loop.Follow(shop, f)
			b.tick()
			b.loop.Follow(shop, f)
			b.tick()
			if b.woken[shop] != 1 {
				t.Errorf("the shift was woken %d times", b.woken[shop])
			}
			b.follow(target(), step(1, 0.05, noon))
			if r := b.reading(); r.Reason != v1alpha1.ReasonPending {
				t.Errorf("when it can be counted: %s: %s", r.Reason, r.Message)
			}
			b.loop.Follow(shop, f)
			b.loop.Follow(shop, Following{})
			if r, counted := b.loop.Reading(shop, 7, next); counted {
				t.Errorf("forgotten, and read: %s", r.Message)
			}
		})
	}
}

func TestTheTestsOfAStepBeginAgainWhenTheCheckpointCannotBeRead(t *testing.T) {
	cases := map[string]string{
		"rubbish":             "rubbish",
		"cut":                 "-",
		"altered":             "1/0/false/false 1 altered",
		"of other objectives": otherCheckpoint,
	}
	for name, checkpoint := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.traffic(noon, noon.Add(time.Minute))
			broken := target()
			broken.Checkpoint = checkpoint
			b.follow(broken, step(1, 0.05, noon))
			b.until(noon.Add(time.Minute))
			b.counted(b.reading())
			if len(b.lines) == 0 || !strings.Contains(b.lines[0], "Checkpoint cannot be read") {
				t.Errorf("nobody was told: %s", b.lines)
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

func TestRequestsThatNoPodCouldAnswerSayNothingAboutTheVersion(t *testing.T) {
	b := newBench(t)
	away, back := noon.Add(2*time.Minute), noon.Add(150*time.Second)
	b.traffic(noon, away)
	for at := away.Add(-2 * time.Second); at.Before(back); at = at.Add(slice) { // The pod has ended before anybody noticed.
		b.store.observe(canary, at, "503", 50)
		b.store.observe(stable, at, "200", 950)
	}
	b.traffic(back, noon.Add(5*time.Minute))
	w := step(1, 0.05, noon)
	b.follow(target(), w)
	b.until(away)
	w.AwayFrom = away
	b.follow(target(), w)
	b.until(back)
	if v := b.reading().Verdict; v.State == pkgevidence.Breach || v.Suspicious {
		t.Errorf("evidence of %.0f against a version of which no pod could answer", v.Against)
	}
	w = step(2, 0.05, back)
	w.AwayFrom, w.AwayUntil = away, back
	b.follow(target(), w)
	b.until(noon.Add(5 * time.Minute))
	got := b.reading()
	all, bad := b.store.total(canary, noon, got.Through)
	if e := got.Verdict.Exposed; e.Requests != all || e.Bad != bad || bad == 0 {
		t.Errorf("users met %v of %v requests, %v of %v bad ones", e.Requests, all, e.Bad, bad)
	}
}

// A brake cuts short what the next reports tell of: they have the bad requests of before, and lack the good ones of after.
func TestWhatABrakeCutShortIsNoEvidence(t *testing.T) {
	for name, braked := range map[string]bool{"a brake": true, "a weight like any other": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			lowered := noon.Add(time.Minute)
			b.traffic(noon, lowered)
			b.store.observe(canary, lowered.Add(time.Second), "500", 120) // as is reported of the second before
			b.traffic(lowered, noon.Add(5*time.Minute))
			b.follow(target(), step(1, 0.5, noon))
			b.until(lowered)
			w := step(2, 0.01, lowered)
			w.Braked = braked
			b.follow(target(), w)
			b.until(noon.Add(2 * time.Minute))
			r := b.reading()
			if blamed := r.Verdict.Against > 2; blamed == braked {
				t.Errorf("the evidence against it is %v", r.Verdict)
			}
			if r.Verdict.Exposed.Bad < 120 {
				t.Errorf("%v bad requests are in the record", r.Verdict.Exposed.Bad)
			}
		})
	}
}
