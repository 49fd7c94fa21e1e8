package promql

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

func batch(t *testing.T) Batch {
	t.Helper()
	b, err := NewBatch(scope, counting.Indicator{}, []counting.Service{shop, shop.Canary(), {Namespace: "bank", Name: "pay"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func answer(value float64, arm counting.Service, labels ...string) *model.Sample {
	m := model.Metric{labelNamespace: model.LabelValue(arm.Namespace), labelName: model.LabelValue(arm.Name)}
	for i := 0; i+1 < len(labels); i += 2 {
		m[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	return &model.Sample{Metric: m, Value: model.SampleValue(value)}
}

func TestRequestsWhoseEndIsNotReportedAreNeitherGoodNorNone(t *testing.T) {
	got, err := batch(t).Counts(model.Vector{
		answer(475, shop, labelProtocol, "grpc", labelCode, "200", labelFlags, "-"),
		answer(20, shop.Canary(), labelProtocol, "http", labelFlags, "-"),
		answer(5, shop.Canary(), labelProtocol, "http", labelCode, "5xx", labelFlags, "-"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[counting.Service]counting.Counts{
		shop:          {Unclear: 475, Untold: 475, Missing: "grpc_response_status"},
		shop.Canary(): {Requests: 5, Bad: 5, Unclear: 20, Untold: 20, Missing: "response_code"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersBecomeCounts(t *testing.T) {
	got, err := batch(t).Counts(model.Vector{
		answer(90, shop, labelCode, "200", labelFlags, "-"),
		answer(8, shop, labelCode, "503", labelFlags, "UH"),
		answer(2, shop, labelCode, "200", labelFlags, "-", labelGRPC, "14"),
		answer(5, shop, labelCode, "0", labelFlags, "DC"),
		answer(0, shop.Canary(), labelCode, "200", labelFlags, "-"),
		answer(7, counting.Service{Namespace: "bank", Name: "checkout"}, labelCode, "200", labelFlags, "-"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[counting.Service]counting.Counts{
		shop:          {Requests: 100, Bad: 10, Unclear: 5, Plain: 90},
		shop.Canary(): {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arms asked for and answered, and no others (-want +got):\n%s", diff)
	}
}

func TestAnswersThatCannotBeTrueAreVoid(t *testing.T) {
	many := make(model.Vector, MaxSeries+1)
	for i := range many {
		many[i] = answer(1, shop, labelCode, strconv.Itoa(i))
	}
	cases := map[string]struct {
		answer model.Vector
		want   string
	}{
		"too many":        {many, "the answer has 50001 series; at most 50000 are read"},
		"twice":           {model.Vector{answer(1, shop), answer(1, shop)}, "twice"},
		"another label":   {model.Vector{answer(1, shop, "pod", "a")}, `has the label "pod", which was not asked for`},
		"another service": {model.Vector{answer(1, counting.Service{Namespace: "shop", Name: "cart"})}, "is of a service that was not asked for"},
		"no service":      {model.Vector{{Metric: model.Metric{}, Value: 1}}, "is of a service that was not asked for"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := batch(t).Counts(c.answer)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if got != nil {
				t.Errorf("counts of a void slice: %v", got)
			}
		})
	}
}

func TestAnImpossibleCountIsThatOfItsArmAlone(t *testing.T) {
	pay := counting.Service{Namespace: "bank", Name: "pay"}
	values := map[float64]string{
		math.NaN(): "its value is NaN; a count is a number from 0 to 1e+12", math.Inf(1): "its value is +Inf; a count is a number from 0 to 1e+12",
		-1: "its value is -1; a count is a number from 0 to 1e+12", 1e13: "its value is 1e+13; a count is a number from 0 to 1e+12",
		1.5: "its value is 1.5; a count is a whole number (is the source downsampled?)",
	}
	for value, want := range values {
		t.Run(want, func(t *testing.T) {
			for _, i := range []counting.Indicator{{}, slow, orders} {
				fact := map[counting.Kind][]string{"": {labelCode, "200"}, counting.Duration: {labelFact, factAll}, counting.Custom: {labelFact, factAll}}[i.Kind]
				v := model.Vector{answer(7, pay, fact...), answer(value, shop, fact...), answer(value, counting.Service{Namespace: "bank", Name: "checkout"}, fact...)}
				if i.Kind == "" {
					v = append(v, answer(3, shop, labelCode, "500"))
				}
				if i.Kind == counting.Duration {
					v = append(v, answer(7, pay, labelFact, factWithin))
				}
				b := indicated(t, i)
				got, err := b.Counts(v)
				if _, known := got[shop]; err != nil || known || got[pay].Requests != 7 {
					t.Errorf("%s: %v, %v", i, got, err)
				}
				if err := b.Impossible(v)[shop]; err == nil || !strings.Contains(err.Error(), want) || b.Impossible(v)[pay] != nil {
					t.Errorf("%s: %v, want %q", i, b.Impossible(v), want)
				}
			}
		})
	}
}

func TestFreshnessIsRead(t *testing.T) {
	got, err := batch(t).DecodeFreshness(model.Vector{
		answer(10, shop, labelFact, factTargets), answer(9, shop, labelFact, factFresh), answer(1000.25, shop, labelFact, factNewest),
		answer(10, shop.Canary(), labelFact, factTargets), answer(8, shop.Canary(), labelFact, factFresh),
		answer(1, shop, labelFact, factNew), answer(2, shop.Canary(), labelFact, factNew),
		answer(1, counting.Service{Namespace: "bank", Name: "checkout"}, labelFact, factTargets),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[counting.Service]Freshness{
		shop:          {Targets: 10, Fresh: 9, Newest: time.UnixMilli(1_000_250), New: 1},
		shop.Canary(): {Targets: 10, Fresh: 8, New: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	current := map[counting.Service]bool{shop: true, shop.Canary(): false, {Namespace: "bank", Name: "pay"}: false}
	if got[shop].Begins() || !got[shop.Canary()].Begins() {
		t.Error("one of ten may be of a new job, two may not")
	}
	for arm, want := range current {
		if got[arm].Current() != want {
			t.Errorf("%s: current %t, want %t", arm, got[arm].Current(), want)
		}
	}
}

func TestTargetsWithoutUpAreNotFresh(t *testing.T) {
	got, err := batch(t).DecodeFreshness(model.Vector{
		answer(10, shop, labelFact, factTargets), answer(10, shop, labelFact, factFresh),
		answer(1, shop, labelFact, factUnknown, labelJob, "a"), answer(1, shop, labelFact, factUnknown),
	})
	if err != nil {
		t.Fatal(err)
	}
	if f := got[shop]; f.Current() || f.NoUp() != 2 || f.Unknown["a"] != 1 || f.Unknown[""] != 1 {
		t.Errorf("%+v, current %t: 10 of 12 are no nine tenths", f, f.Current())
	}
}

func TestFreshnessThatCannotBeTrueIsRefused(t *testing.T) {
	cases := map[string]struct {
		answer model.Vector
		want   string
	}{
		"NaN":                    {model.Vector{answer(math.NaN(), shop, labelFact, factFresh)}, "fresh is NaN"},
		"negative":               {model.Vector{answer(-1, shop, labelFact, factTargets)}, "targets is -1"},
		"infinite":               {model.Vector{answer(math.Inf(1), shop, labelFact, factNewest)}, "newest is +Inf"},
		"another fact":           {model.Vector{answer(1, shop, labelFact, "age")}, `unknown fact "age"`},
		"no fact":                {model.Vector{answer(1, shop)}, `unknown fact ""`},
		"more fresh than there":  {model.Vector{answer(1, shop, labelFact, factFresh)}, "1 of 0 targets are said to be fresh"},
		"a label of the targets": {model.Vector{answer(1, shop, labelFact, factFresh, "job", "a")}, `has the label "job"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := batch(t).DecodeFreshness(c.answer); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestASingleNumberIsRead(t *testing.T) {
	cases := map[string]struct {
		answer model.Vector
		value  float64
		found  bool
		fails  bool
	}{
		"nothing":  {nil, 0, false, false},
		"a number": {model.Vector{{Value: 0.25}}, 0.25, true, false},
		"zero":     {model.Vector{{Value: 0}}, 0, true, false},
		"two":      {model.Vector{{Value: 1}, {Value: 2}}, 0, false, true},
		"NaN":      {model.Vector{{Value: model.SampleValue(math.NaN())}}, 0, false, true},
		"infinite": {model.Vector{{Value: model.SampleValue(math.Inf(1))}}, 0, false, true},
		"negative": {model.Vector{{Value: -1}}, 0, false, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			value, found, err := Single(c.answer)
			if value != c.value || found != c.found || (err != nil) != c.fails {
				t.Errorf("got %v, %t, %v", value, found, err)
			}
		})
	}
}

func TestPartialAnswersAreTold(t *testing.T) {
	cases := map[string]struct {
		warnings, infos, want []string
	}{
		"whole":                     {nil, nil, nil},
		"a remark about the query":  {nil, []string{`PromQL info: metric might not be a counter, name does not end in _total`}, nil},
		"a store that is away":      {[]string{"No StoreAPIs matched for this query"}, nil, []string{"No StoreAPIs matched for this query"}},
		"a warning of the engine":   {[]string{"PromQL warning: mixed"}, nil, []string{"PromQL warning: mixed"}},
		"an info nobody knows":      {nil, []string{"results were cut"}, []string{"results were cut"}},
		"both, with a remark aside": {[]string{"a"}, []string{"PromQL info: b", "c"}, []string{"a", "c"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Partial(c.warnings, c.infos)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzCountsNeverPanicAndNeverLie(f *testing.F) {
	f.Add("shop", "checkout", "200", "-", "", 10.0)
	f.Add("shop", "checkout", "0", ",,", "99999999999999999999", math.Inf(-1))
	b, err := NewBatch(scope, counting.Indicator{}, []counting.Service{shop})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, namespace, name, code, flags, grpc string, value float64) {
		counts, err := b.Counts(model.Vector{answer(value, counting.Service{Namespace: namespace, Name: name}, labelCode, code, labelFlags, flags, labelGRPC, grpc)})
		if err != nil {
			return
		}
		for arm, c := range counts {
			if arm != shop || c.Bad < 0 || c.Bad > c.Requests || math.Abs(c.Requests+c.Unclear-value) > fraction {
				t.Errorf("%s: %+v of %v", arm, c, value)
			}
		}
	})
}
