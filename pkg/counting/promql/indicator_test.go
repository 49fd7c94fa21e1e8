package promql

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

var (
	slow   = counting.Indicator{Kind: counting.Duration, Threshold: 500 * time.Millisecond}
	orders = counting.Indicator{Kind: counting.Custom, Total: `orders_total{job="app",{{selector}}}`, Bad: `orders_total{{{selector}},job="app",result=~"err.*"}`}
)

func durations(t *testing.T) []scenario {
	a := newIndicatorAsker(t, scope, slow, shop, shop.Canary())
	bucket := func(arm counting.Service, le, values string) series {
		return durationSeries(arm, "_bucket", `,le="`+le+`"`, values)
	}
	return []scenario{{
		Name: "a histogram gives all and those within the threshold, in either spelling of its edge",
		Series: []series{
			up("p", "a", "1x40"),
			durationSeries(shop, "_count", "", "1000+10x40"), bucket(shop, "500", "990+9x40"), bucket(shop, "1000", "1000+10x40"),
			durationSeries(shop.Canary(), "_count", "", "_x20 5+1x20"), bucket(shop.Canary(), "500.0", "_x20 2+0x20"),
		},
		Asked: []asked{
			a.requests("95s", slice, fact(shop, factAll, 10), fact(shop, factWithin, 9)),
			a.requests("100s", slice, fact(shop, factAll, 10), fact(shop, factWithin, 9),
				fact(shop.Canary(), factAll, 5), fact(shop.Canary(), factWithin, 2)),
			a.requests("105s", slice, fact(shop, factAll, 10), fact(shop, factWithin, 9),
				fact(shop.Canary(), factAll, 1), fact(shop.Canary(), factWithin, 0)),
		},
	}, {
		Name: "connections that were upgraded are not slow",
		Series: []series{
			up("p", "a", "1x40"),
			durationSeries(shop, "_count", `,response_code="200"`, "0+10x40"), durationSeries(shop, "_bucket", `,response_code="200",le="500"`, "0+9x40"),
			durationSeries(shop, "_count", `,response_code="101"`, "0+5x40"), durationSeries(shop, "_bucket", `,response_code="101",le="500"`, "0+0x40"),
		},
		Asked: []asked{a.requests("95s", slice, fact(shop, factAll, 10), fact(shop, factWithin, 9))},
	}}
}

func customs(t *testing.T) []scenario {
	a := newIndicatorAsker(t, scope, orders, shop, shop.Canary())
	order := func(arm counting.Service, result, values string) series {
		return series{Values: values, Series: `orders_total{job="app",instance="x",result="` + result + `",destination_service_namespace="` + arm.Namespace +
			`",destination_service_name="` + arm.Name + `"}`}
	}
	return []scenario{{
		Name: "the user's counters are counted as Istio's are",
		Series: []series{
			up("app", "x", "1x40"),
			order(shop, "ok", "100+5x40"), order(shop, "error", "10+1x40"), order(shop.Canary(), "ok", "_x20 3+1x20"),
		},
		Asked: []asked{
			a.requests("95s", slice, fact(shop, factAll, 6), fact(shop, factBad, 1)),
			a.requests("100s", slice, fact(shop, factAll, 6), fact(shop, factBad, 1), fact(shop.Canary(), factAll, 3)),
			a.fresh("100s", slice, append(facts(shop, 1, 1, 100), facts(shop.Canary(), 1, 1, 100)...)...),
			a.base("100s", slice, sample{Labels: "{}", Value: 1}),
		},
	}}
}

// durationSeries is a series of the histogram at target a of job p.
func durationSeries(arm counting.Service, suffix, labels, values string) series {
	return series{Values: values, Series: `istio_request_duration_milliseconds` + suffix + `{reporter="source",job="p",instance="a",destination_service_namespace="` +
		arm.Namespace + `",destination_service_name="` + arm.Name + `"` + labels + `}`}
}

func fact(arm counting.Service, name string, n float64) sample {
	return sample{Value: n, Labels: `{fact="` + name + `",destination_service_namespace="` + arm.Namespace + `",destination_service_name="` + arm.Name + `"}`}
}

func TestHistogramsBecomeCounts(t *testing.T) {
	all, within := []string{labelFact, factAll}, []string{labelFact, factWithin}
	cases := map[string]struct {
		answer model.Vector
		want   map[counting.Service]counting.Counts
	}{
		"both arms": {
			model.Vector{answer(100, shop, all...), answer(99, shop, within...), answer(5, shop.Canary(), all...), answer(1, shop.Canary(), within...)},
			map[counting.Service]counting.Counts{shop: {Requests: 100, Bad: 1}, shop.Canary(): {Requests: 5, Bad: 4}},
		},
		"no requests":                    {model.Vector{answer(0, shop, all...)}, map[counting.Service]counting.Counts{shop: {}}},
		"requests without their bucket":  {model.Vector{answer(7, shop, all...)}, map[counting.Service]counting.Counts{}},
		"a bucket without requests":      {model.Vector{answer(7, shop, within...)}, map[counting.Service]counting.Counts{}},
		"more in the bucket than in all": {model.Vector{answer(7, shop, all...), answer(8, shop, within...)}, map[counting.Service]counting.Counts{}},
		"a neighbor":                     {model.Vector{answer(7, counting.Service{Namespace: "bank", Name: "checkout"}, all...)}, map[counting.Service]counting.Counts{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := indicated(t, slow).Counts(c.answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCountersOfTheUserBecomeCounts(t *testing.T) {
	all, bad := []string{labelFact, factAll}, []string{labelFact, factBad}
	cases := map[string]struct {
		answer model.Vector
		want   map[counting.Service]counting.Counts
	}{
		"both":                   {model.Vector{answer(100, shop, all...), answer(3, shop, bad...)}, map[counting.Service]counting.Counts{shop: {Requests: 100, Bad: 3}}},
		"none bad yet":           {model.Vector{answer(100, shop, all...)}, map[counting.Service]counting.Counts{shop: {Requests: 100}}},
		"only bad":               {model.Vector{answer(3, shop, bad...)}, map[counting.Service]counting.Counts{}},
		"more bad than requests": {model.Vector{answer(2, shop, all...), answer(3, shop, bad...)}, map[counting.Service]counting.Counts{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := indicated(t, orders).Counts(c.answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPairsThatCannotBeTrueAreVoid(t *testing.T) {
	all := []string{labelFact, factAll}
	cases := map[string]struct {
		answer model.Vector
		want   string
	}{
		"twice":           {model.Vector{answer(1, shop, all...), answer(2, shop, all...)}, "twice"},
		"another fact":    {model.Vector{answer(1, shop, labelFact, "some")}, `unknown fact "some"`},
		"another label":   {model.Vector{answer(1, shop, labelFact, factAll, "le", "1")}, `has the label "le"`},
		"another service": {model.Vector{answer(1, counting.Service{Namespace: "shop", Name: "cart"}, all...)}, "is of a service that was not asked for"},
	}
	for name, c := range cases {
		for _, i := range []counting.Indicator{slow, orders} {
			t.Run(name+" "+string(i.Kind), func(t *testing.T) {
				got, err := indicated(t, i).Counts(c.answer)
				if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
					t.Errorf("%v, error %v, want one with %q", got, err, c.want)
				}
			})
		}
	}
}

func indicated(t *testing.T, i counting.Indicator) Batch {
	t.Helper()
	b, err := NewBatch(scope, i, []counting.Service{shop, shop.Canary(), {Namespace: "bank", Name: "pay"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzSelectorsStaySelectors checks that what is accepted is one selector and nothing else, whatever the user wrote.
func FuzzSelectorsStaySelectors(f *testing.F) {
	for _, s := range []string{orders.Total, orders.Bad, `a{{{selector}}} or b{{{selector}}}`, `a{{{selector}},b="\"} or c{"}`, "a{{{selector}},b=\"c\\\n\"}", `a{ {{selector}} , }`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if (counting.Indicator{Kind: counting.Custom, Total: s, Bad: orders.Bad}).Validate() != nil {
			t.Skip("refused")
		}
		rest, literals := skeleton(t, strings.Replace(s, counting.Placeholder, `x="y"`, 1))
		if strings.Count(rest, "{") != 1 || strings.Count(rest, "}") != 1 || strings.ContainsAny(rest, "()[]#@;") || !strings.HasSuffix(rest, "}") {
			t.Fatalf("accepted %q, which is more than a selector", s)
		}
		for _, l := range literals {
			if strings.Contains(strconv.Quote(l), "\n") {
				t.Fatalf("accepted a line break in %q", s)
			}
		}
	})
}
