package evidence

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

// elsewhere is a ledger where the operator's clock is ahead: the ledger itself is kept by the operator's.
type elsewhere struct {
	*ledger
	ahead time.Duration
}

func (e elsewhere) here(over counting.Interval) counting.Interval {
	return counting.Interval{Start: over.Start.Add(e.ahead), End: over.End.Add(e.ahead)}
}

func (e elsewhere) Counts(ctx context.Context, over counting.Interval, of []counting.Pair, take func(int, [][]counting.Answer)) error {
	return e.ledger.Counts(ctx, e.here(over), of, take)
}

func (e elsewhere) Complete(ctx context.Context, of []counting.Pair) ([]time.Time, error) {
	upTo, err := e.ledger.Complete(ctx, of)
	for i := range upTo {
		upTo[i] = shifted(upTo[i], -e.ahead)
	}
	return upTo, err
}

func (e elsewhere) Timing(of counting.Pair) counting.Timing {
	t := e.ledger.Timing(of)
	t.Ahead += e.ahead
	return t
}

func (e elsewhere) History(ctx context.Context, of counting.Pair, by counting.Indicator, over counting.Interval, step time.Duration) (map[counting.Service][]counting.Counts, error) {
	return e.ledger.History(ctx, of, by, e.here(over), step)
}

func (e elsewhere) Pods(ctx context.Context, of types.NamespacedName, by counting.Indicator, over counting.Interval) (map[string]counting.Counts, error) {
	return e.ledger.Pods(ctx, of, by, e.here(over))
}

// travelled is all that is read of a release, and was asked about it, where the operator's clock is ahead: it is weighed four times, its pods are
// away, it is braked and taken over by another process, counts are lost, and it is taken back.
func travelled(t *testing.T, ahead time.Duration) (all []Reading, asked []counting.Interval) {
	b := newBench(t)
	b.ahead = ahead
	b.restart()
	b.store.pods = map[string]counting.Counts{"a": {Requests: 31}}
	b.store.complete = func(counting.Pair) time.Time { return b.clock.Now().Add(-3 * time.Second) }
	b.traffic(noon, noon.Add(7*time.Minute))
	b.store.unusable = func(at time.Time, _ counting.Indicator) *counting.Trouble {
		if at.After(noon.Add(4*time.Minute)) && at.Before(noon.Add(4*time.Minute+30*time.Second)) {
			return &torn.Trouble
		}
		return nil
	}
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	told := func(n int32, share float64, written int, more func(*Weight)) Following {
		w := step(n, share, at(written))
		if more != nil {
			more(&w)
		}
		f := following(target(), w)
		f.Suspect = &Suspicion{Stable: stable, Canary: canary, ReplicaSet: "checkout-7d9c", Since: noon, Running: true}
		return f
	}
	first := target()
	first.From = time.Time{}
	b.loop.Follow(shop, following(first, Weight{}))
	for _, x := range []struct {
		until int
		f     Following
	}{
		{62, told(1, 0.05, 1, nil)},
		{123, told(2, 1, 62, nil)},
		{150, told(3, 0.25, 123, nil)},
		{165, told(3, 0.25, 123, func(w *Weight) { w.AwayFrom = at(149) })},
		{200, told(3, 0.25, 123, func(w *Weight) { w.AwayFrom, w.AwayUntil = at(149), at(164) })},
		{330, told(4, 0.05, 201, func(w *Weight) { w.Braked, w.SettledAt = true, nil })},
	} {
		b.loop.Follow(shop, x.f)
		for b.clock.Now().Before(at(x.until)) {
			b.clock.SetTime(b.tick())
			all = append(all, b.reading())
		}
		again := target()
		again.Checkpoint, again.Gaps = b.reading().Checkpoint, b.reading().Gaps
		b.restart()
		b.loop.Follow(shop, following(again, x.f.Weight))
	}
	b.loop.Follow(shop, judged(b.reading(), at(340)))
	b.until(at(370))
	all = append(all, b.reading())
	for i := range all {
		all[i].Checkpoint = "" // has the time to which the source was asked
	}
	return all, append(b.store.slices, b.store.past...)
}

// Whatever the clocks say, the same is asked about, and the same is read.
func TestTheClocksChangeNothingThatIsRead(t *testing.T) {
	want, asked := travelled(t, 0)
	if last := want[len(want)-1]; !last.AllIn || len(last.Gaps) != 1 || len(want) < 60 {
		t.Fatalf("%d readings, the last is %+v", len(want), last)
	}
	for _, ahead := range []time.Duration{-time.Minute, time.Minute, 4 * time.Minute} { // whole minutes, so that the grids are the same
		t.Run(fmt.Sprintf("ahead by %s", ahead), func(t *testing.T) {
			got, also := travelled(t, ahead)
			if diff := cmp.Diff(asked, also); diff != "" {
				t.Errorf("asked about (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// Before it is known which time it is at the source, nothing is asked about: a moment would be another one there.
func TestCountingBeginsWhenItIsKnownWhichTimeItIs(t *testing.T) {
	b := newBench(t)
	b.store.timing.Dated = false
	b.traffic(noon, noon.Add(2*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	if r := b.reading(); r.Fresh || r.Reason != v1alpha1.ReasonPending || !r.Through.IsZero() {
		t.Errorf("fresh %t, %s: %s, through %s", r.Fresh, r.Reason, r.Message, r.Through)
	}
	b.store.measured = &counting.Timing{Lag: time.Second, Interval: slice, Dated: true}
	b.until(noon.Add(time.Minute))
	r := b.reading()
	if !r.Fresh {
		t.Errorf("%s: %s", r.Reason, r.Message)
	}
	b.counted(r)
}

// Clocks that differ too much raise nothing, and everything is counted all the same.
func TestClocksThatDifferAreNotFresh(t *testing.T) {
	b, registry := measured(t)
	b.traffic(noon, noon.Add(5*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	b.store.timing.Skew = &counting.Trouble{Reason: v1alpha1.ReasonClockSkew, Message: "the clocks are 7s apart"}
	if r := b.reading(); r.Fresh || r.Reason != v1alpha1.ReasonClockSkew {
		t.Errorf("at once: fresh %t, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	b.until(noon.Add(3 * time.Minute))
	r := b.reading()
	if r.Fresh || r.Reason != v1alpha1.ReasonClockSkew || r.Message != "the clocks are 7s apart" || r.Through.Before(noon.Add(175*time.Second)) {
		t.Errorf("fresh %t, %s: %s, through %s", r.Fresh, r.Reason, r.Message, r.Through)
	}
	b.counted(r)
	if status, said := b.loop.Answers(); status != metav1.ConditionFalse || said.Reason != v1alpha1.ReasonClockSkew {
		t.Errorf("the source answers: %s %+v", status, said)
	}
	// The source answers, and the last counts by which something could be raised are old.
	series(t, registry, []string{"stagger_evidence_age_seconds default = 121"}, table.EvidenceAge)
	series(t, registry, []string{"stagger_evidence_source_up default = 1"}, table.EvidenceSourceUp)
	b.store.timing.Skew = nil
	b.until(noon.Add(4 * time.Minute))
	if r := b.reading(); !r.Fresh {
		t.Errorf("%s: %s", r.Reason, r.Message)
	}
	if status, said := b.loop.Answers(); status != metav1.ConditionTrue {
		t.Errorf("the source answers: %s %+v", status, said)
	}
}

func TestHowFarTheClocksAreApartIsTold(t *testing.T) {
	b, registry := measured(t)
	series(t, registry, []string{"stagger_evidence_clock_ahead_seconds default = 0"}, table.EvidenceClockAhead)
	b.store.timing.Ahead = -1500 * time.Millisecond
	series(t, registry, []string{"stagger_evidence_clock_ahead_seconds default = -1.5"}, table.EvidenceClockAhead)
	b.store.timing.Dated = false
	series(t, registry, nil, table.EvidenceClockAhead)
}

// A source whose clock was set back counts by times that were asked about already: nothing is fresh until they are over, and the record says so.
func TestASourceThatIsSetBackIsNotFresh(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(5*time.Minute))
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	before := b.reading()
	if !before.Fresh {
		t.Fatalf("%s: %s", before.Reason, before.Message)
	}
	b.store.timing.Ahead = 30 * time.Second
	b.tick()
	r := b.reading()
	if r.Fresh || r.Reason != v1alpha1.ReasonClockSkew || !strings.Contains(r.Message, "set back") {
		t.Errorf("fresh %t, %s: %s", r.Fresh, r.Reason, r.Message)
	}
	b.until(noon.Add(2 * time.Minute))
	if r = b.reading(); !r.Fresh || len(r.Gaps) != 1 || r.Gaps[0].To.Before(&metav1.MicroTime{Time: before.Through.Add(30 * time.Second)}) {
		t.Errorf("fresh %t, %s: %s; gaps %v", r.Fresh, r.Reason, r.Message, r.Gaps)
	}
	if got := r.Verdict.Exposed; got == (pkgevidence.Counts{}) {
		t.Error("nothing is counted")
	}
}
