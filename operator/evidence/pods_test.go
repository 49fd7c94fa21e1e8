package evidence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func suspicion(since time.Time) Suspicion {
	return Suspicion{Key: shop, Release: 7, ReplicaSet: "checkout-7d9c", Since: since}
}

func reported(pod, code string, values ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{"pod": model.LabelValue(pod), "response_code": model.LabelValue(code)}}
	for i, v := range values {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnix(int64(60 * i)), Value: model.SampleValue(v)})
	}
	return s
}

func TestThePodsOfAnAbortedCanaryAreHeardOnce(t *testing.T) {
	b := newBench(t)
	b.store.ofPods = model.Matrix{reported("b", "200", 10, 20), reported("b", "500", 7), reported("a", "200", 30, 1)}
	b.track(target())
	s := suspicion(noon.Add(-90 * time.Second))
	if _, known := b.loop.Suspect(s); known {
		t.Error("known before anybody was asked")
	}
	if _, tracked := b.loop.Reading(shop, next); tracked {
		t.Error("the release is still counted")
	}
	for range 3 {
		b.clock.SetTime(b.tick())
	}
	got, known := b.loop.Suspect(s)
	want := []pkgevidence.PodCounts{
		{Pod: "a", Counts: pkgevidence.Counts{Requests: 31}},
		{Pod: "b", Counts: pkgevidence.Counts{Requests: 37, Bad: 7}},
	}
	if diff := cmp.Diff(want, got); !known || diff != "" {
		t.Errorf("known %t: %s", known, diff)
	}
	if diff := cmp.Diff([]time.Duration{2 * time.Minute}, b.store.ranges); diff != "" || b.woken[shop] != 1 {
		t.Errorf("woken %d times; asked for: %s", b.woken[shop], diff)
	}
	s.Release++
	if _, known := b.loop.Suspect(s); known {
		t.Error("another release was asked about long ago")
	}
	b.loop.Forget(shop)
	b.tick()
	if len(b.loop.suspects) > 0 || len(b.store.ranges) > 1 {
		t.Error("what is forgotten is asked about")
	}
}

func TestPodsThatCannotBeReadAreNotKnown(t *testing.T) {
	cases := map[string]struct {
		err    error
		answer model.Matrix
		want   int
	}{
		"no answer is asked for again": {err: errDown, want: attempts},
		"what is partial is not":       {err: partial{[]string{"store a did not answer"}}, want: 1},
		"nor what cannot be true":      {answer: model.Matrix{reported("a", "200", -1)}, want: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.store.failRange, b.store.ofPods = c.err, c.answer
			b.loop.Suspect(suspicion(noon.Add(-2 * time.Hour)))
			for range attempts + 2 {
				b.clock.SetTime(b.tick())
			}
			pods, known := b.loop.Suspect(suspicion(noon.Add(-2 * time.Hour)))
			if len(b.store.ranges) != c.want || !known || pods != nil {
				t.Errorf("asked %d times, known %t: %v", len(b.store.ranges), known, pods)
			}
			if b.store.ranges[0] != farthest {
				t.Errorf("asked for %s", b.store.ranges[0])
			}
		})
	}
}
