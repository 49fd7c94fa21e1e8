package evidence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func suspecting(since time.Time) Following {
	return Following{Release: 7, Suspect: &Suspicion{Stable: stable, Canary: canary, ReplicaSet: "checkout-7d9c", Since: since}}
}

func TestThePodsOfAnAbortedCanaryAreAskedAboutOnce(t *testing.T) {
	b := newBench(t)
	b.store.pods = map[string]counting.Counts{"b": {Requests: 37, Bad: 7}, "a": {Requests: 31}}
	b.follow(target(), Weight{})
	f := suspecting(noon.Add(-90 * time.Second))
	b.loop.Follow(shop, f)
	if r, counted := b.loop.Reading(shop, 7, next); counted || r.Pods.Known {
		t.Errorf("before anybody was asked: counted %t, pods %v", counted, r.Pods)
	}
	for range 3 {
		b.clock.SetTime(b.tick())
		b.loop.Follow(shop, f)
	}
	want := pkgevidence.ByPod{Known: true, Pods: []pkgevidence.PodCounts{
		{Pod: "a", Counts: pkgevidence.Counts{Requests: 31}},
		{Pod: "b", Counts: pkgevidence.Counts{Requests: 37, Bad: 7}},
	}}
	if r, _ := b.loop.Reading(shop, 7, next); !cmp.Equal(want, r.Pods) {
		t.Error(cmp.Diff(want, r.Pods))
	}
	// The newest slice that is over ends a second before noon, on the grid; the callers are asked about a time within it.
	edge := noon.Add(-slice)
	reports := b.store.Timing(counting.Pair{}).Interval
	over := []counting.Interval{{Start: edge.Add(-2 * time.Minute), End: edge}, {Start: edge.Add(-reports - time.Minute), End: edge.Add(-reports)}}
	if diff := cmp.Diff(over, b.store.past); diff != "" || b.woken[shop] != 1 {
		t.Errorf("woken %d times; asked for: %s", b.woken[shop], diff)
	}
	f.Release++
	b.loop.Follow(shop, f)
	if r, _ := b.loop.Reading(shop, 8, next); r.Pods.Known {
		t.Error("another release was asked about long ago")
	}
	b.loop.Follow(shop, Following{})
	b.tick()
	if len(b.loop.suspects) > 0 || len(b.store.past) > 2 {
		t.Error("what is forgotten is asked about")
	}
}

func TestPodsThatCannotBeReadAreNotKnown(t *testing.T) {
	cases := map[string]struct {
		err  error
		want int
	}{
		"no answer is asked for again": {closed, attempts},
		"what is unusable is not":      {torn, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.failPast = c.err
			b.loop.Follow(shop, suspecting(noon.Add(-2*time.Hour)))
			for range attempts + 2 {
				b.clock.SetTime(b.tick())
			}
			if r, _ := b.loop.Reading(shop, 7, next); len(b.store.past) != c.want || len(r.Pods.Pods) > 0 || !r.Pods.Known {
				t.Errorf("asked %d times: %v", len(b.store.past), r.Pods)
			}
			if got := b.store.past[0].Length(); got != time.Hour {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestThePodsOfARunningCanaryAreAskedAboutForEachSlice(t *testing.T) {
	b := newBench(t)
	b.store.pods = map[string]counting.Counts{"a": {Requests: 31}, "b": {Requests: 37, Bad: 7}}
	b.traffic(noon, noon.Add(10*time.Minute))
	f := following(target(), step(1, 0.05, noon))
	f.Suspect = suspecting(noon.Add(-time.Hour)).Suspect
	f.Suspect.Running, f.Suspect.Objective = true, 2
	b.loop.Follow(shop, f)
	b.until(noon.Add(8 * time.Minute))
	b.store.reset()
	b.clock.SetTime(b.clock.Now().Add(slice))
	b.tick()
	b.tick()
	r := b.reading()
	of, by := pkgevidence.PodSpans(r.Through, f.Suspect.Since, true, b.store.Timing(counting.Pair{}).Interval)
	span := interval(by)
	if diff := cmp.Diff([]counting.Interval{interval(of), span}, b.store.past); diff != "" {
		t.Errorf("asked for pods and callers once a slice (-want +got):\n%s", diff)
	}
	n, bad := b.store.total(canary, span.Start, span.End)
	if want := (pkgevidence.Counts{Requests: n, Bad: bad}); !r.Pods.Known || r.Pods.Objective != 2 || len(r.Pods.Pods) != 2 || r.Pods.Arms.Canary != want {
		t.Errorf("%+v, want %+v of the callers", r.Pods, want)
	}
	b.store.failPast = closed
	b.clock.SetTime(b.clock.Now().Add(slice))
	b.tick()
	if r := b.reading(); r.Pods.Known {
		t.Errorf("not answered once, and known: %+v", r.Pods)
	}
	b.store.failPast = nil
	b.tick()
	if r := b.reading(); !r.Pods.Known {
		t.Error("answered again, and not known")
	}
	b.clock.SetTime(b.clock.Now().Add((freshFor + 1) * slice))
	if r := b.reading(); r.Pods.Known {
		t.Errorf("what is old is known: %+v", r.Pods)
	}
}

func TestTheEvidenceBeginsAnewWhenAPodIsExcused(t *testing.T) {
	b := newBench(t)
	for at := noon.Add(2 * time.Second); at.Before(noon.Add(20 * time.Minute)); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 90)
		b.store.observe(canary, at, "500", 10)
	}
	w := step(1, 0.05, noon)
	b.follow(target(), w)
	b.until(noon.Add(3 * time.Minute))
	if r := b.reading(); r.Verdict.State != pkgevidence.Breach {
		t.Fatalf("all fail: %v", r.Verdict)
	}
	w.Excused = 1
	b.follow(target(), w)
	excused := b.reading()
	if excused.Verdict.State == pkgevidence.Breach || excused.Verdict.Against > 1 {
		t.Errorf("excused: %v", excused.Verdict)
	}
	again := newBench(t)
	again.store, again.loop.sources[DefaultSource].Counter = b.store, b.store
	t2 := target()
	t2.Checkpoint = excused.Checkpoint
	again.follow(t2, w)
	if r := again.reading(); r.Verdict.Against != excused.Verdict.Against || r.Checkpoint != excused.Checkpoint {
		t.Errorf("after a restart: %v, %s; want %s", r.Verdict, r.Checkpoint, excused.Checkpoint)
	}
	b.follow(target(), w)
	b.until(noon.Add(6 * time.Minute))
	if r := b.reading(); r.Verdict.State != pkgevidence.Breach {
		t.Errorf("all go on to fail: %v", r.Verdict)
	}
}
