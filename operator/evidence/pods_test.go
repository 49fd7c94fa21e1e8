package evidence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func suspecting(since time.Time) Following {
	return Following{Release: 7, Suspect: &Suspicion{ReplicaSet: "checkout-7d9c", Since: since}}
}

func TestThePodsOfAnAbortedCanaryAreAskedAboutOnce(t *testing.T) {
	b := newBench(t)
	b.store.pods = map[string]counting.Counts{"b": {Requests: 37, Bad: 7}, "a": {Requests: 31}}
	b.follow(target(), Weight{})
	f := suspecting(noon.Add(-90 * time.Second))
	b.loop.Follow(shop, f)
	if r, counted := b.loop.Reading(shop, 7, next); counted || r.Pods != nil {
		t.Errorf("before anybody was asked: counted %t, pods %v", counted, r.Pods)
	}
	for range 3 {
		b.clock.SetTime(b.tick())
		b.loop.Follow(shop, f)
	}
	want := []pkgevidence.PodCounts{
		{Pod: "a", Counts: pkgevidence.Counts{Requests: 31}},
		{Pod: "b", Counts: pkgevidence.Counts{Requests: 37, Bad: 7}},
	}
	if r, _ := b.loop.Reading(shop, 7, next); !cmp.Equal(want, r.Pods) {
		t.Error(cmp.Diff(want, r.Pods))
	}
	// The newest slice that is over ends a second before noon, on the grid.
	over := []counting.Interval{{Start: noon.Add(-90 * time.Second), End: noon.Add(-slice)}}
	if diff := cmp.Diff(over, b.store.past); diff != "" || b.woken[shop] != 1 {
		t.Errorf("woken %d times; asked for: %s", b.woken[shop], diff)
	}
	f.Release++
	b.loop.Follow(shop, f)
	if r, _ := b.loop.Reading(shop, 8, next); r.Pods != nil {
		t.Error("another release was asked about long ago")
	}
	b.loop.Follow(shop, Following{})
	b.tick()
	if len(b.loop.suspects) > 0 || len(b.store.past) > 1 {
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
			if r, _ := b.loop.Reading(shop, 7, next); len(b.store.past) != c.want || r.Pods != nil || !b.loop.suspects[shop].known {
				t.Errorf("asked %d times: %v", len(b.store.past), r.Pods)
			}
			if got := b.store.past[0].Length(); got != farthest {
				t.Errorf("asked for %s", got)
			}
		})
	}
}
