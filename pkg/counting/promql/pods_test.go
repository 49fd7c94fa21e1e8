package promql

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// ofPods are the questions about each pod: of one ReplicaSet, by what its own proxies report.
func ofPods(t *testing.T) []scenario {
	t.Helper()
	own := func(metric, reporter, pod, labels, values string) series {
		return series{Values: values, Series: metric + `{reporter="` + reporter + `",job="pods",instance="` + pod + `",namespace="shop",pod="` + pod + `"` + labels + `}`}
	}
	target := func(pod, values string) series {
		return series{Series: `up{job="pods",instance="` + pod + `",namespace="shop",pod="` + pod + `"}`, Values: values}
	}
	asks := func(i counting.Indicator, at string, want ...sample) asked {
		p, err := NewPods(scope, i, "shop", "checkout-7d9c")
		if err != nil {
			t.Fatal(err)
		}
		expr, err := p.Increments(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return ask(expr, at, want...)
	}
	const count, bucket = "istio_request_duration_milliseconds_count", "istio_request_duration_milliseconds_bucket"
	const ok, failed = `,response_code="200",response_flags="-"`, `,response_code="500",response_flags="-"`
	return []scenario{{
		Name: "each pod of the set is counted by what it reports, from its birth",
		Series: []series{
			target("old-1", "1x60"), target("checkout-7d9c-aaaaa", "_x20 1x40"), target("checkout-7d9c-bbbbb", "_x20 1x40"),
			target("checkout-7d9c5-aaaaa", "1x60"),
			own("istio_requests_total", "destination", "checkout-7d9c-aaaaa", ok, "_x20 4+1x40"),
			own("istio_requests_total", "destination", "checkout-7d9c-aaaaa", failed, "_x24 2 2 2x34"),
			own("istio_requests_total", "destination", "checkout-7d9c-bbbbb", ok, "_x20 0+2x40"),
			own("istio_requests_total", "source", "checkout-7d9c-bbbbb", ok, "_x20 0+9x40"),
			own("istio_requests_total", "destination", "checkout-7d9c5-aaaaa", ok, "0+7x60"),
		},
		Asked: []asked{
			asks(counting.Indicator{}, "150s",
				sample{Labels: `{pod="checkout-7d9c-aaaaa",response_code="200",response_flags="-"}`, Value: 14},
				sample{Labels: `{pod="checkout-7d9c-aaaaa",response_code="500",response_flags="-"}`, Value: 2},
				sample{Labels: `{pod="checkout-7d9c-bbbbb",response_code="200",response_flags="-"}`, Value: 20}),
		},
	}, {
		Name: "slow requests are counted for each pod",
		Series: []series{
			target("checkout-7d9c-aaaaa", "1x60"),
			own(count, "destination", "checkout-7d9c-aaaaa", "", "0+5x60"),
			own(bucket, "destination", "checkout-7d9c-aaaaa", `,le="500.0"`, "0+4x60"),
		},
		Asked: []asked{
			asks(counting.Indicator{Kind: counting.Duration, Threshold: 500 * time.Millisecond}, "150s",
				sample{Labels: `{pod="checkout-7d9c-aaaaa",fact="all"}`, Value: 60},
				sample{Labels: `{pod="checkout-7d9c-aaaaa",fact="within"}`, Value: 48}),
		},
	}}
}

// ofPod is a series of an answer about pods.
func ofPod(pod string, labels map[model.LabelName]model.LabelValue, values ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{labelPod: model.LabelValue(pod)}}
	for name, value := range labels {
		s.Metric[name] = value
	}
	for i, v := range values {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnix(60 * int64(i)), Value: model.SampleValue(v)})
	}
	return s
}

func TestTheCountsOfPodsAreAddedUp(t *testing.T) {
	type labels = map[model.LabelName]model.LabelValue
	cases := map[string]struct {
		indicator counting.Indicator
		answer    model.Matrix
		want      map[string]counting.Counts
	}{
		"requests": {counting.Indicator{}, model.Matrix{
			ofPod("a", labels{labelCode: "200", labelFlags: "-"}, 5, 6), ofPod("a", labels{labelCode: "500", labelFlags: "-"}, 2),
			ofPod("a", labels{labelCode: "0", labelFlags: "DC"}, 2), ofPod("b", labels{labelCode: "200"}, 0),
		}, map[string]counting.Counts{"a": {Requests: 13, Bad: 2, Unclear: 2, Plain: 11}, "b": {}}},
		"durations": {counting.Indicator{Kind: counting.Duration, Threshold: time.Second}, model.Matrix{
			ofPod("a", labels{labelFact: factAll}, 5, 6), ofPod("a", labels{labelFact: factWithin}, 5, 4), ofPod("b", labels{labelFact: factWithin}, 9),
		}, map[string]counting.Counts{"a": {Requests: 11, Bad: 2}, "b": {}}},
		"nothing": {counting.Indicator{}, nil, map[string]counting.Counts{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := NewPods(scope, c.indicator, "shop", "checkout-7d9c")
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Counts(c.answer)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestWhatIsWrongAboutPodsIsSaid(t *testing.T) {
	by := counting.Indicator{Kind: counting.Duration, Threshold: time.Second}
	p, err := NewPods(scope, by, "shop", "checkout-7d9c")
	if err != nil {
		t.Fatal(err)
	}
	for want, answer := range map[string]model.Matrix{
		"names no pod":         {ofPod("", nil, 1)},
		"its value is -1":      {ofPod("a", nil, -1)},
		"unknown fact \"odd\"": {ofPod("a", map[model.LabelName]model.LabelValue{labelFact: "odd"}, 1)},
		"at most 50000":        make(model.Matrix, MaxSeries+1),
	} {
		if _, err := p.Counts(answer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := p.Increments(time.Hour); err == nil {
		t.Error("an interval longer than the look-back was asked for")
	}
	for want, ask := range map[string]func() (Pods, error){
		"ReplicaSet is empty": func() (Pods, error) { return NewPods(scope, by, "shop", "") },
		"not counted for each pod": func() (Pods, error) {
			return NewPods(scope, counting.Indicator{Kind: counting.Custom, Total: "a{{{selector}}}", Bad: "b{{{selector}}}"}, "shop", "x")
		},
	} {
		if _, err := ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestALongNameOfASetIsCutAsThoseOfItsPodsAre(t *testing.T) {
	p, err := NewPods(scope, counting.Indicator{}, "shop", strings.Repeat("x", 63))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.selector("m"), `m{reporter="destination",namespace="shop",pod=~"`+strings.Repeat("x", longestPrefix)+`[a-z0-9]{5}"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
