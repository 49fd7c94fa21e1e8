package evidence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func TestEachSampleIsCountedOnceWhateverFails(t *testing.T) {
	end := noon.Add(10 * time.Minute)
	calm := newBench(t)
	calm.traffic(noon, end)
	calm.follow(target(), step(1, 0.05, noon))
	calm.until(end)
	calm.finish(end)
	want := calm.reading()
	calm.counted(want)

	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t)
			b.traffic(noon, end)
			b.store.fail = func(time.Time) error {
				if b.clock.Now().Before(end) && dice.IntN(8) == 0 {
					return closed
				}
				return nil
			}
			b.follow(target(), step(1, 0.05, noon))
			for b.clock.Now().Before(end) {
				b.clock.SetTime(b.tick())
				if dice.IntN(20) == 0 {
					// At most a minute: longer gaps are caught up with in longer slices, which make other evidence ticks.
					b.clock.SetTime(b.clock.Now().Add(time.Duration(dice.IntN(60)) * time.Second))
					restored := target()
					restored.Checkpoint = b.reading().Checkpoint
					b.restart()
					b.follow(restored, step(1, 0.05, noon))
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
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	written := b.reading()
	b.until(noon.Add(3 * time.Minute))
	want := b.reading()

	b.restart()
	restored := target()
	restored.Checkpoint = written.Checkpoint
	b.follow(restored, step(1, 0.05, noon))
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
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	b.clock.SetTime(end)
	b.store.reset()
	b.tick()
	b.counted(b.reading())
	if n := len(b.store.slices); n > 120 {
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
	b.follow(target(), step(1, 0.05, noon))
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
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(3 * time.Minute))
	b.loop.Follow(key, following(behind, step(1, 0.05, noon)))
	b.store.reset()
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	now := b.reading().Through
	if asked := b.store.slices; len(asked) < 10 || !asked[0].End.Equal(now) {
		t.Fatalf("asked for %d slices, the first %v; want the newest, which ends at %s", len(asked), asked[0], now)
	}
	if got, _ := b.loop.Reading(key, 7, next); !got.Through.Equal(now) {
		t.Errorf("the release behind has caught up to %s of %s", got.Through, now)
	}
}

// The gap in which slices cannot be believed.
var gapFrom, gapTo = noon.Add(60 * time.Second), noon.Add(90 * time.Second)

func inGap(at time.Time) bool { return at.After(gapFrom) && !at.After(gapTo) }

// spoil makes the ledger answer about an arm badly in the gap.
func spoil(arm counting.Service, how func(*counting.ArmAnswer)) func(p *ledger) {
	return func(p *ledger) {
		p.change = func(at time.Time, s counting.Service, a *counting.ArmAnswer) {
			if s == arm && inGap(at) {
				how(a)
			}
		}
	}
}

func trouble(reason v1alpha1.Reason, message string) *counting.Trouble {
	return &counting.Trouble{Reason: reason, Message: message}
}

func TestSlicesThatCannotBeBelievedAreNoEvidence(t *testing.T) {
	cases := map[string]struct {
		spoil  func(p *ledger)
		reason v1alpha1.Reason
		says   string
		met    bool // what met the canary is known all the same
	}{
		"reports about the stable are late": {
			spoil(stable, func(a *counting.ArmAnswer) { a.Late = trouble(v1alpha1.ReasonStale, "half of it") }), v1alpha1.ReasonStale, "half of it", true,
		},
		"reports about the canary are late": {
			spoil(canary, func(a *counting.ArmAnswer) { a.Late = trouble(v1alpha1.ReasonStale, "half of it") }), v1alpha1.ReasonStale, "half of it", true,
		},
		"the stable is not counted": {
			spoil(stable, func(a *counting.ArmAnswer) { a.Uncounted = trouble(v1alpha1.ReasonNoData, "begins anew") }), v1alpha1.ReasonNoData, "begins anew", true,
		},
		"the canary is not counted": {
			spoil(canary, func(a *counting.ArmAnswer) { a.Uncounted = trouble(v1alpha1.ReasonNoData, "begins anew") }), v1alpha1.ReasonNoData, "begins anew", false,
		},
		"the answer cannot be used": {
			func(p *ledger) {
				p.unusable = func(at time.Time, _ counting.Indicator) *counting.Trouble {
					if !inGap(at) {
						return nil
					}
					return trouble(v1alpha1.ReasonStale, "a page is missing")
				}
			}, v1alpha1.ReasonStale, "a page is missing", false,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.traffic(noon, noon.Add(3*time.Minute))
			b.follow(target(), step(1, 0.05, noon))
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
			want := before + after
			if c.met {
				want, _ = b.store.total(canary, noon, r.Through)
			}
			if got := r.Verdict.Exposed.Requests; got != want || !r.Fresh {
				t.Errorf("users met %v, want %v; fresh %v (%s)", got, want, r.Fresh, r.Message)
			}
			if c.met == (len(r.Gaps) == 1) {
				t.Errorf("gaps %v", r.Gaps)
			}
			if want := r.Through.Sub(noon) - 10*time.Second - gapTo.Sub(gapFrom); r.Verdict.Covered != want {
				t.Errorf("%s count as held, want %s", r.Verdict.Covered, want)
			}
		})
	}
}

func TestASourceThatDoesNotAnswerHoldsEverything(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(10*time.Minute))
	open := false
	b.store.fail = func(time.Time) error {
		if !open {
			return closed
		}
		return nil
	}
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(2 * time.Minute))
	r := b.reading()
	if r.Fresh || r.Reason != closed.Reason || r.Message != closed.Message {
		t.Errorf("while it is closed: fresh %v, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	if r.Verdict.State != pkgevidence.Undetermined || r.Verdict.Covered != 0 || b.woken[shop] != 1 {
		t.Errorf("while it is closed: %s, covered %s, woken %d times", r.Verdict, r.Verdict.Covered, b.woken[shop])
	}
	open = true
	b.until(noon.Add(3 * time.Minute))
	if r = b.reading(); !r.Fresh {
		t.Errorf("after it is back: %s: %s", r.Reason, r.Message)
	}
	b.counted(r)
	open = false
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	if r = b.reading(); r.Fresh {
		t.Errorf("right after a question failed: %s: %s", r.Reason, r.Message)
	}
	if len(b.lines) != 3 {
		t.Errorf("logged %d lines for three changes of state:\n%s", len(b.lines), strings.Join(b.lines, "\n"))
	}
}

func TestTheWordsForTroubleAreThoseOfTheSource(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(10*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	var said []string
	see := func() {
		r := b.reading()
		said = append(said, fmt.Sprintf("%s: %s", r.Reason, r.Message))
	}
	see()
	b.clock.SetTime(noon.Add(time.Minute))
	answers := []error{closed, errors.New("the ink is dry")}
	b.store.fail = func(time.Time) error { return answers[0] }
	for range 2 {
		b.clock.SetTime(b.tick())
		see()
		answers = append(answers[1:], nil)
	}
	b.store.unusable = func(time.Time, counting.Indicator) *counting.Trouble {
		return trouble("LedgerTorn", "a page is missing")
	}
	b.tick()
	see()
	want := []string{
		"Pending: Ledger (source default) has not been asked yet",
		"LedgerClosed: the ledger is closed",
		"NoData: Ledger (source default) does not answer: the ink is dry",
		"LedgerTorn: a page is missing",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if all := strings.Join(append(said, b.lines...), "\n"); strings.Contains(all, "Prometheus") {
		t.Errorf("the loop names Prometheus, which was not asked:\n%s", all)
	}
}

func TestAPartThatIsNotAnsweredHoldsUpNoOther(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	key, other := named(1)
	b.store.observe(other.Stable, noon.Add(-time.Hour), "200", 1)
	b.follow(target(), step(1, 0.05, noon))
	b.loop.Follow(key, following(other, step(1, 0.05, noon)))
	b.store.loses = func(p counting.Pair) bool { return p.Stable == other.Stable }
	b.until(noon.Add(30 * time.Second))
	b.counted(b.reading())
	if r, _ := b.loop.Reading(key, 7, next); !r.Through.IsZero() {
		t.Errorf("what was not answered is counted up to %s", r.Through)
	}
	b.store.loses = nil
	b.until(noon.Add(time.Minute))
	if r, _ := b.loop.Reading(key, 7, next); !r.Through.Equal(b.reading().Through) || !r.Fresh {
		t.Errorf("after it is answered: fresh %v, through %s, the other %s", r.Fresh, r.Through, b.reading().Through)
	}
}

func TestQuestionsDoNotGrowWithReleases(t *testing.T) {
	b := newBench(t)
	for i := range 600 {
		key, one := named(i)
		b.store.observe(one.Stable, noon.Add(-time.Hour), "200", 1)
		b.loop.Follow(key, following(one, step(1, 0.05, noon)))
	}
	b.until(noon.Add(time.Minute))
	b.store.reset()
	b.clock.SetTime(b.loop.sources[DefaultSource].next())
	b.tick()
	if len(b.store.slices) != 1 {
		t.Errorf("about one slice %d questions were asked", len(b.store.slices))
	}
	if len(b.woken) != 600 {
		t.Errorf("%d shifts were woken", len(b.woken))
	}
}

func TestNothingIsAskedWhenNoReleaseRuns(t *testing.T) {
	b := newBench(t)
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	b.loop.Follow(shop, Following{})
	b.store.reset()
	b.until(noon.Add(2 * time.Minute))
	if n := len(b.store.slices) + len(b.store.past); n > 0 {
		t.Errorf("asked %d times", n)
	}
	if _, ok := b.loop.Reading(shop, 7, next); ok {
		t.Error("a forgotten release is read")
	}
}

func TestBadVersionsAreSeenSoon(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(2 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 475)
		b.store.observe(canary, at, "500", 25)
	}
	b.follow(target(), step(1, 0.05, noon))
	if b.loop.Breached(shop, 7) {
		t.Error("a release is condemned before anything is counted")
	}
	b.until(noon.Add(50 * time.Second))
	if v := b.reading().Verdict; v.State != pkgevidence.Breach || !b.loop.Breached(shop, 7) || b.loop.Breached(shop, 6) {
		t.Errorf("after 50 s of failures only: %s; condemned %t, and another release %t", v, b.loop.Breached(shop, 7), b.loop.Breached(shop, 6))
	}
}
