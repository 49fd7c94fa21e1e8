package promql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// said is a series that the pod of a namespace exposes about an arm, where the labels of the target that Prometheus did not set are its own.
func said(instance, own string, arm counting.Service, code, values string) series {
	return series{
		Series: `istio_requests_total{reporter="source",job="p",instance="` + instance + `"` + own + `,` + row(arm, code, "-") + `}`,
		Values: values,
	}
}

func upIn(instance, namespace, values string) series {
	return series{Series: `up{job="p",instance="` + instance + `",namespace="` + namespace + `"}`, Values: values}
}

// reporters are the questions where not everybody is believed about everybody's Services.
func reporters(t *testing.T) []scenario {
	trusting := Scope{ScrapeInterval: 5 * time.Second, Reporters: []string{"edge", "web"}}
	cart := counting.Service{Namespace: "till", Name: "cart"}
	a := newAsker(t, trusting, shop, cart)
	slow := newIndicatorAsker(t, trusting, counting.Indicator{Kind: counting.Duration, Threshold: 500 * time.Millisecond}, shop, cart)
	const edge, inShop, inTill = `,namespace="edge"`, `,namespace="shop"`, `,namespace="till"`
	everybody := []series{
		upIn("gateway", "edge", "1x60"), upIn("sibling", "shop", "1x60"), upIn("stranger", "till", "1x60"), up("p", "unlabelled", "1x60"),
		said("gateway", edge, shop, "200", "0+10x60"), said("gateway", edge, cart, "200", "0+20x60"),
		said("sibling", inShop, shop, "200", "0+1x60"), said("stranger", inTill, cart, "200", "0+2x60"),
	}
	all := []sample{counted(shop, "200", "-", 11), counted(cart, "200", "-", 22)}
	with := func(more ...series) []series { return append(slices.Clone(everybody), more...) }
	duration := func(name, instance, namespace string, arm counting.Service, more, values string) series {
		return series{Values: values, Series: `istio_request_duration_milliseconds_` + name + `{reporter="source",job="p",instance="` + instance + `",namespace="` + namespace +
			`",destination_service_namespace="` + arm.Namespace + `",destination_service_name="` + arm.Name + `"` + more + `}`}
	}
	fact := func(name string, n float64) sample {
		return sample{Value: n, Labels: `{fact="` + name + `",destination_service_namespace="shop",destination_service_name="checkout"}`}
	}
	one := func(n float64) sample { return sample{Labels: "{}", Value: n} }
	arm := func(s counting.Service, at float64) sample {
		return sample{Value: at, Labels: `{destination_service_namespace="` + s.Namespace + `",destination_service_name="` + s.Name + `"}`}
	}
	return []scenario{{
		Name:   "gateways are believed about all Services, and pods about those of their own namespace",
		Series: everybody,
		Asked: []asked{
			a.requests("100s", slice, all...), a.base("100s", slice, one(4)),
			a.fresh("100s", slice, append(facts(shop, 2, 2, 100), facts(cart, 2, 2, 100)...)...),
		},
	}, {
		Name: "what pods of other namespaces say is not counted, also when it is born, reset, or said to be of another namespace",
		Series: with(
			said("stranger", inTill, shop, "500", "_x18 900+50x3 1+50x40"), said("unlabelled", inShop, shop, "500", "0+70x60"),
			said("unlabelled", edge, shop, "500", "0+70x60"), said("nowhere", edge, shop, "500", "0+70x60"), said("gateway", edge, shop, "503", "0+3x60"),
		),
		Asked: []asked{a.requests("90s", slice, append(slices.Clone(all), counted(shop, "503", "-", 3))...), a.requests("110s", slice, append(slices.Clone(all), counted(shop, "503", "-", 3))...)},
	}, {
		Name: "whoever is not believed makes nothing stale, late or slow",
		Series: with(
			upIn("broken", "till", "1x20 0x40"), said("broken", inTill, shop, "200", "0+1x20 stale"), said("nowhere", edge, shop, "200", "0+1x60"),
			upIn("late", "till", "1x55"), said("late", inTill, shop, "200", "0+1x55"),
			series{Series: `up{job="lazy",instance="late",namespace="till"}`, Values: "1 _x11 1 _x11 1 _x11 1 _x11 1"},
			series{Series: `istio_requests_total{reporter="source",job="lazy",instance="late",namespace="till",` + row(shop, "200", "-") + `}`, Values: "1 _x11 1 _x11 1 _x11 1 _x11 1"},
			series{Series: `scrape_duration_seconds{job="p",instance="stranger"}`, Values: "9x60"},
			series{Series: `scrape_duration_seconds{job="p",instance="late"}`, Values: "9x60"},
			series{Series: `scrape_duration_seconds{job="p",instance="gateway"}`, Values: "0.5x60"},
		),
		Asked: []asked{
			a.fresh("200s", slice, append(facts(shop, 2, 2, 200), facts(cart, 2, 2, 200)...)...),
			ask(a.b.Complete(), "302s", arm(shop, 302), arm(cart, 302)),
			ask(newAsker(t, trusting, shop).b.Lag(), "300s", arm(shop, 0.5)),
			ask(newAsker(t, trusting, shop).b.ScrapeInterval(), "290s", arm(shop, 5)), ask(newAsker(t, trusting, shop).b.Unmeasured(), "20s"),
			ask(a.b.Copies(), "200s", sample{Labels: `{job="p"}`, Value: 3}),
		},
	}, {
		Name: "durations are counted by the same reporters",
		Series: with(
			duration("count", "gateway", "edge", shop, "", "0+10x60"), duration("bucket", "gateway", "edge", shop, `,le="500"`, "0+9x60"),
			duration("count", "stranger", "till", shop, "", "0+10x60"), duration("bucket", "stranger", "till", shop, `,le="500"`, "0+1x60"),
		),
		Asked: []asked{slow.requests("100s", slice, fact(factAll, 10), fact(factWithin, 9))},
	}, {
		Name:   "without reporters everybody is believed",
		Series: with(said("stranger", inTill, shop, "500", "0+50x60")),
		Asked:  []asked{newAsker(t, scope, shop, cart).requests("100s", slice, append(slices.Clone(all), counted(shop, "500", "-", 50))...)},
	}}
}

func TestReportersThatCannotBeAreRefused(t *testing.T) {
	for want, reporters := range map[string][]string{
		"reporters[1] is empty; give the exact value of the label": {"edge", ""},
		"reporters has 101 entries; at most 100 are allowed":       slices.Repeat([]string{"edge"}, 101),
	} {
		if _, err := NewBatch(Scope{Reporters: reporters}, counting.Indicator{}, []counting.Service{shop}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPodsAreAskedAboutByTheirNamespaceWhoeverElseIsBelieved(t *testing.T) {
	var asked [2]string
	for i, reporters := range [][]string{nil, {"edge"}} {
		p, err := NewPods(Scope{Reporters: reporters}, counting.Indicator{}, "shop", "checkout-7d9c")
		if err != nil {
			t.Fatal(err)
		}
		if asked[i], err = p.Increments(slice); err != nil {
			t.Fatal(err)
		}
	}
	if asked[0] != asked[1] || !strings.Contains(asked[0], `namespace="shop"`) {
		t.Errorf("with reporters pods are asked about by\n%s\nwithout by\n%s", asked[1], asked[0])
	}
}
