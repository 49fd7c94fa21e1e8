package promql

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

func TestARangeOfAnswersBecomesAHistory(t *testing.T) {
	first := time.Unix(600, 0)
	at := func(minute int, value float64) model.SamplePair {
		return model.SamplePair{Timestamp: model.TimeFromUnix(600 + 60*int64(minute)), Value: model.SampleValue(value)}
	}
	good := answer(0, shop, labelCode, "200", labelFlags, "-").Metric
	bad := answer(0, shop, labelCode, "503", labelFlags, "UH").Metric
	got, err := batch(t).History(model.Matrix{
		{Metric: good, Values: []model.SamplePair{at(0, 100), at(2, 90)}},
		{Metric: bad, Values: []model.SamplePair{at(2, 10)}},
	}, first, first.Add(3*time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := map[counting.Service][]counting.Counts{shop: {{Requests: 100, Plain: 100}, {}, {Requests: 100, Bad: 10, Plain: 90}, {}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAHistoryBeginsWithWhatIsKnown(t *testing.T) {
	first := time.Unix(600, 0)
	got, err := batch(t).History(model.Matrix{{Metric: answer(0, shop, labelCode, "200", labelFlags, "-").Metric, Values: []model.SamplePair{
		{Timestamp: model.TimeFromUnix(720), Value: 3000}, {Timestamp: model.TimeFromUnix(840), Value: 3000},
	}}}, first, first.Add(4*time.Minute), time.Minute)
	want := map[counting.Service][]counting.Counts{shop: {{Requests: 3000, Plain: 3000}, {}, {Requests: 3000, Plain: 3000}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestAHistoryThatCannotBeTrueIsRefused(t *testing.T) {
	first := time.Unix(600, 0)
	series := func(at int64, value float64) model.Matrix {
		return model.Matrix{{Metric: answer(0, shop, labelCode, "200").Metric, Values: []model.SamplePair{{Timestamp: model.TimeFromUnix(at), Value: model.SampleValue(value)}}}}
	}
	cases := map[string]struct {
		answer model.Matrix
		last   time.Time
		want   string
	}{
		"too early":      {series(599, 1), first.Add(time.Minute), "which was not asked for"},
		"too late":       {series(720, 1), first.Add(time.Minute), "which was not asked for"},
		"between steps":  {series(610, 1), first.Add(time.Minute), "which was not asked for"},
		"negative":       {series(600, -1), first.Add(time.Minute), "its value is -1"},
		"backwards":      {nil, first.Add(-time.Minute), "are not 1 to 2000 steps of 1m0s"},
		"too many steps": {nil, first.Add(MaxHistory * time.Minute), "are not 1 to 2000 steps of 1m0s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := batch(t).History(c.answer, first, c.last, time.Minute)
			if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("%v, error %v, want one with %q", got, err, c.want)
			}
		})
	}
}
