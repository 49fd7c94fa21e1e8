package promql

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// minutes are the values of a series, minute by minute; of a negative one there is no sample.
func minutes(metric model.Metric, values ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: metric}
	for i, v := range values {
		if v >= 0 {
			s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnix(600 + 60*int64(i)), Value: model.SampleValue(v)})
		}
	}
	return s
}

func TestATimelineTellsNoRequestsFromNothingKnown(t *testing.T) {
	first := time.Unix(600, 0)
	of := func(fact string) model.Metric { return answer(0, shop, labelFact, fact).Metric }
	got, err := batch(t).Timeline(
		model.Matrix{minutes(answer(0, shop, labelCode, "200", labelFlags, "-").Metric, 100, 0, 0, 0, 5), minutes(answer(0, shop, labelCode, "503", labelFlags, "UH").Metric, 1, -1, -1, -1, 5)},
		model.Matrix{minutes(model.Metric{}, 3, 3, -1, 3, 3)},
		model.Matrix{minutes(of(factTargets), 2, 2, 2, 2, 2), minutes(of(factFresh), 2, 2, 2, 1, 2)},
		first, first.Add(4*time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	none := map[counting.Service]counting.Counts{shop: {}}
	want := []Moment{
		{first, true, map[counting.Service]counting.Counts{shop: {Requests: 101, Bad: 1, Plain: 100}}},
		{first.Add(time.Minute), true, none},
		{first.Add(2 * time.Minute), false, none}, // Prometheus was away for long
		{first.Add(3 * time.Minute), false, none}, // a target was not scraped
		{first.Add(4 * time.Minute), true, map[counting.Service]counting.Counts{shop: {Requests: 10, Bad: 5, Plain: 5}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATimelineThatCannotBeTrueIsRefused(t *testing.T) {
	first := time.Unix(600, 0)
	of := func(fact string) model.Metric { return answer(0, shop, labelFact, fact).Metric }
	cases := map[string]struct {
		counts, base, fresh model.Matrix
		last                time.Time
		want                string
	}{
		"counts":         {counts: model.Matrix{minutes(answer(0, shop, labelCode, "200").Metric, 0.5)}, last: first, want: "a count is a whole number"},
		"two bases":      {base: model.Matrix{minutes(nil, 1), minutes(nil, 1)}, last: first, want: "the answer has 2 series"},
		"too fresh":      {fresh: model.Matrix{minutes(of(factTargets), 1), minutes(of(factFresh), 2)}, last: first, want: "2 of 1 targets are said to be fresh"},
		"backwards":      {last: first.Add(-time.Minute), want: "are not 1 to 2000 steps of 1m0s"},
		"too many steps": {last: first.Add(MaxHistory * time.Minute), want: "are not 1 to 2000 steps of 1m0s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := batch(t).Timeline(c.counts, c.base, c.fresh, first, c.last, time.Minute); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("%v, error %v, want one with %q", got, err, c.want)
			}
		})
	}
}
