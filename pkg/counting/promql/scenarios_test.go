package promql

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const slice = 5 * time.Second

// good and failed are what is counted of requests that the stable answered, and of those for which the canary had no pod.
func good(n float64) sample   { return counted(shop, "200", "-", n) }
func failed(n float64) sample { return counted(shop.Canary(), "503", "UH", n) }

func births(t *testing.T) []scenario {
	a := newAsker(t, scope, shop, shop.Canary())
	return []scenario{{
		Name: "a series born at a target that was scraped before counts from nothing",
		Series: []series{
			up("p", "a", "1x40"),
			requests("p", "a", shop, "200", "-", "1000+10x40"),
			requests("p", "a", shop.Canary(), "503", "UH", "_x20 7+1x20"),
		},
		Asked: []asked{
			a.requests("95s", slice, good(10)),
			a.requests("100s", slice, good(10), failed(7)),
			a.requests("105s", slice, good(10), failed(1)),
			a.requests("150s", time.Minute, good(120), failed(17)),
		},
	}, {
		Name: "a new pod of a job that is not new counts from nothing",
		Series: []series{
			up("p", "a", "1x40"), up("p", "n", "_x20 1x20"),
			requests("p", "n", shop, "200", "-", "_x20 4+2x20"),
		},
		Asked: []asked{a.requests("95s", slice), a.requests("100s", slice, good(4)), a.requests("105s", slice, good(2))},
	}, {
		Name: "a new pod whose first two scrapes fail counts from nothing at its third",
		Series: []series{
			up("p", "a", "1x40"), up("p", "n", "_x20 0 0 1x20"),
			requests("p", "n", shop, "200", "-", "_x22 4+2x20"),
		},
		Asked: []asked{a.requests("105s", slice), a.requests("110s", slice, good(4)), a.requests("115s", slice, good(2))},
	}, {
		Name: "a counter that was reset gives what came after",
		Series: []series{
			up("p", "a", "1x40"),
			requests("p", "a", shop, "200", "-", "1000+10x20 3+10x20"),
		},
		Asked: []asked{a.requests("100s", slice, good(10)), a.requests("105s", slice, good(3)), a.requests("110s", slice, good(10))},
	}}
}

func gaps(t *testing.T) []scenario {
	a := newAsker(t, scope, shop, shop.Canary())
	return []scenario{{
		Name: "scrapes that fail for a while lose nothing, not even what was born meanwhile",
		Series: []series{
			up("p", "a", "1x60"), up("p", "b", "1x20 0x9 1x20"),
			requests("p", "b", shop, "200", "-", "1000+10x20 stale _x9 1310+10x20"),
			requests("p", "b", shop.Canary(), "503", "UH", "_x31 9+1x20"),
		},
		Asked: []asked{
			a.requests("100s", slice, good(10)),
			a.requests("150s", slice, good(0)),
			a.requests("155s", slice, good(110), failed(9)),
			a.requests("160s", slice, good(10), failed(1)),
		},
	}, {
		Name: "after scrapes that failed for longer than the look-back a lifetime is not taken for a birth",
		Series: []series{
			up("p", "a", "1x200"), up("p", "b", "1x20 0x129 1x50"),
			requests("p", "b", shop, "200", "-", "1000+10x20 stale _x129 9000+10x20"),
		},
		Asked: []asked{
			a.requests("750s", slice),
			a.requests("755s", slice),
			a.requests("760s", slice, good(10)),
		},
	}, {
		Name: "a target that comes back within the hour is not a new one",
		Series: []series{
			up("p", "a", "1x300"), up("p", "b", "1x20 stale _x199 1x50"),
			requests("p", "b", shop, "200", "-", "1000+10x20 stale _x199 9000+10x20"),
		},
		Asked: []asked{
			a.requests("1105s", slice),
			a.requests("1110s", slice, good(10)),
		},
	}, {
		Name: "the last counts of a pod that ends are counted once",
		Series: []series{
			up("p", "a", "1x60"), up("p", "b", "1x20 stale"),
			requests("p", "b", shop, "200", "-", "1000+10x20 stale"),
		},
		Asked: []asked{a.requests("100s", slice, good(10)), a.requests("105s", slice, good(0)), a.requests("110s", slice, good(0))},
	}}
}

func holes(t *testing.T) []scenario {
	a := newAsker(t, scope, shop)
	targets := func(n float64) sample { return sample{Labels: "{}", Value: n} }
	return []scenario{{
		Name: "an empty Prometheus is void until every target has had time to be scraped",
		Series: []series{
			up("p", "a", "_x20 1x40"), up("p", "b", "_x21 1x40"),
			requests("p", "a", shop, "200", "-", "_x20 5000+10x40"),
			requests("p", "b", shop, "200", "-", "_x21 7000+10x40"),
		},
		Asked: []asked{
			a.base("95s", slice),
			a.requests("100s", slice), a.base("100s", slice),
			a.requests("105s", slice, good(10)), a.base("105s", slice),
			a.base("125s", slice),
			a.requests("130s", slice, good(20)), a.base("130s", slice, targets(1)),
			a.base("135s", slice, targets(2)),
		},
	}, {
		Name: "a Prometheus that was down for longer than the look-back is void as an empty one is",
		Series: []series{
			up("p", "a", "1x20 _x129 1x100"),
			requests("p", "a", shop, "200", "-", "1000+10x20 _x129 9000+10x100"),
		},
		Asked: []asked{
			a.base("100s", slice, targets(1)),
			a.base("705s", slice),
			a.requests("750s", slice), a.base("750s", slice),
			a.requests("755s", slice, good(10)), a.base("755s", slice),
			a.base("775s", slice),
			a.requests("780s", slice, good(10)), a.base("780s", slice, targets(1)),
		},
	}, {
		Name: "a job that is renamed makes no births",
		Series: []series{
			up("p", "a", "1x20 stale"), up("q", "a", "_x21 1x40"), up("q", "b", "_x22 1x40"),
			requests("p", "a", shop, "200", "-", "5000+10x20 stale"),
			requests("q", "a", shop, "200", "-", "_x21 5210+10x40"),
			requests("q", "b", shop, "200", "-", "_x22 7210+10x40"),
		},
		Asked: []asked{
			a.requests("105s", slice, good(0)),
			a.requests("110s", slice, good(10)),
			a.requests("115s", slice, good(20)),
		},
	}}
}

func selections(t *testing.T) []scenario {
	hostile := []counting.Service{{Namespace: "shop", Name: `a|b`}, {Namespace: "shop", Name: `x"} or vector(1) or up{y="`}, {Namespace: "shop", Name: `.*`}, {Namespace: "shop", Name: "\\\n\u00e9"}}
	h := newAsker(t, scope, hostile...)
	var odd []series
	var want []sample
	for i, s := range hostile {
		odd = append(odd, requests("p", "a", s, "200", "-", "0+10x40"))
		want = append(want, counted(hostile[i], "200", "-", 10))
	}
	one := newAsker(t, scope, hostile[2])
	east := newAsker(t, Scope{ScrapeInterval: 5 * time.Second, Matchers: map[string]string{"cluster": `e"ast`}, Jobs: []string{"p", "q"}}, shop)
	a := newAsker(t, scope, shop)
	return []scenario{{
		Name:   "names are taken as they are, whatever is in them",
		Series: append(odd, up("p", "a", "1x40"), requests("p", "a", counting.Service{Namespace: "shop", Name: "b"}, "200", "-", "0+10x40")),
		Asked:  []asked{h.requests("100s", slice, want...), one.requests("100s", slice, want[2])},
	}, {
		Name: "a source's matchers keep clusters apart, and jobs keep others' targets out",
		Series: []series{
			{Series: `up{job="p",instance="a",cluster="e\"ast"}`, Values: "1x40"},
			{Series: `up{job="other",instance="a",cluster="e\"ast"}`, Values: "1x40"},
			{Series: `up{job="p",instance="a",cluster="west"}`, Values: "1x40"},
			{Series: `istio_requests_total{reporter="source",job="p",instance="a",cluster="e\"ast",` + row(shop, "200", "-") + `}`, Values: "0+10x40"},
			{Series: `istio_requests_total{reporter="source",job="p",instance="a",cluster="west",` + row(shop, "200", "-") + `}`, Values: "0+1000x40"},
		},
		Asked: []asked{
			east.requests("100s", slice, counted(shop, "200", "-", 10)),
			east.base("100s", slice, sample{Labels: "{}", Value: 1}),
		},
	}, {
		Name: "other reporters and other services are not counted, gRPC statuses are",
		Series: []series{
			up("p", "a", "1x40"),
			requests("p", "a", shop, "200", "-", "0+10x40"),
			requests("p", "a", counting.Service{Namespace: "shop", Name: "checkout-v2"}, "200", "-", "0+10x40"),
			requests("p", "a", counting.Service{Namespace: "unknown", Name: "unknown"}, "503", "NC", "0+10x40"),
			{Series: `istio_requests_total{reporter="destination",job="p",instance="a",` + row(shop, "200", "-") + `}`, Values: "0+10x40"},
			{Series: `istio_requests_total{reporter="waypoint",job="p",instance="a",` + row(shop, "200", "-") + `}`, Values: "0+10x40"},
			{Series: `istio_requests_total{reporter="source",job="p",instance="a",grpc_response_status="14",` + row(shop, "200", "-") + `}`, Values: "0+3x40"},
		},
		Asked: []asked{a.requests("100s", slice,
			counted(shop, "200", "-", 10),
			sample{Labels: `{grpc_response_status="14",` + row(shop, "200", "-") + `}`, Value: 3})},
	}}
}

// unscraped are targets of a job that have no up.
func unscraped(arm counting.Service, job string, n float64) sample {
	return sample{Value: n, Labels: `{fact="unknown",job="` + job + `",destination_service_namespace="` + arm.Namespace + `",destination_service_name="` + arm.Name + `"}`}
}

func freshness(t *testing.T) []scenario {
	a := newAsker(t, scope, shop, shop.Canary())
	return []scenario{{
		Name: "targets whose scrapes fail are not fresh, and targets that are gone are not waited for",
		Series: []series{
			up("p", "a", "1x60"), up("p", "b", "1x20 0x40"), up("p", "gone", "1x20 stale"), up("p", "stranger", "1x60"),
			requests("p", "a", shop, "200", "-", "0+10x60"),
			requests("p", "a", shop, "503", "UH", "0+1x60"),
			requests("p", "a", shop.Canary(), "200", "-", "0+1x60"),
			requests("p", "b", shop, "200", "-", "0+10x20 stale"),
			requests("p", "gone", shop, "200", "-", "0+10x20 stale"),
		},
		Asked: []asked{
			a.fresh("100s", slice, append(facts(shop, 3, 3, 100), facts(shop.Canary(), 1, 1, 100)...)...),
			// One failed scrape is within two scrape intervals.
			a.fresh("105s", slice, append(facts(shop, 2, 2, 105), facts(shop.Canary(), 1, 1, 105)...)...),
			a.fresh("120s", slice, append(facts(shop, 2, 1, 120), facts(shop.Canary(), 1, 1, 120)...)...),
		},
	}, {
		Name: "a proxy that was restarted and has had no request since is fresh",
		Series: []series{
			up("p", "a", "1x60"),
			requests("p", "a", shop, "200", "-", "0+10x20 stale"),
		},
		Asked: []asked{a.fresh("150s", slice, facts(shop, 1, 1, -1)...)},
	}, {
		Name: "series without an up of the same job and instance are told, by their job",
		Series: []series{
			up("federate", "prometheus:9090", "1x60"), up("p", "a", "1x60"), up("q", "c", "1x20 stale"),
			requests("envoy", "a", shop, "200", "-", "0+10x60"), requests("envoy", "b", shop, "200", "-", "0+10x60"),
			requests("p", "", shop, "200", "-", "0+10x60"),
			requests("p", "a", shop.Canary(), "200", "-", "0+10x60"),
			requests("q", "c", shop.Canary(), "200", "-", "0+10x20 stale"),
		},
		Asked: []asked{a.fresh("200s", slice, append(facts(shop.Canary(), 1, 1, 200), facts(shop, -1, -1, 200)[0], unscraped(shop, "envoy", 2), unscraped(shop, "p", 1))...)},
	}, {
		Name: "a job that is only begun to be scraped is told",
		Series: []series{
			up("p", "a", "1x60"), up("q", "b", "_x20 1x40"),
			requests("p", "a", shop, "200", "-", "0+10x60"),
			requests("q", "b", shop, "200", "-", "_x20 7000+10x40"),
		},
		Asked: []asked{
			a.fresh("95s", slice, facts(shop, 1, 1, 95)...),
			a.fresh("125s", slice, facts(shop, 2, 2, 125, 1)...),
			a.fresh("130s", slice, facts(shop, 2, 2, 130)...),
			a.fresh("130s", time.Minute, facts(shop, 2, 2, 130, 1)...),
		},
	}, {
		Name: "nothing is fresh when Prometheus stops scraping",
		Series: []series{
			up("p", "a", "1x20"),
			requests("p", "a", shop, "200", "-", "0+10x20"),
		},
		Asked: []asked{
			a.fresh("120s", slice, facts(shop, 1, -1, 100)...),
			a.fresh("800s", slice),
		},
	}}
}

func settings(t *testing.T) []scenario {
	a := newAsker(t, scope, shop)
	seconds := func(n float64) sample {
		return sample{Labels: `{destination_service_namespace="shop",destination_service_name="checkout"}`, Value: n}
	}
	cart := counting.Service{Namespace: "till", Name: "cart"}
	other := newAsker(t, scope, shop, cart).b
	slow := func(n float64) sample {
		return sample{Labels: `{destination_service_namespace="till",destination_service_name="cart"}`, Value: n}
	}
	interval, unmeasured := a.b.ScrapeInterval(), a.b.Unmeasured()
	return []scenario{{
		Name: "lag is that of the targets that carry the arms, not of a slow one of their job, and the scrape interval that of their jobs",
		Series: []series{
			up("p", "slow", "1x200"), {Series: `scrape_duration_seconds{job="p",instance="slow"}`, Values: "8x200"},
			up("p", "a", "1x200"), up("q", "a", "1 _ _ 1 _ _ 1x200"), up("other", "a", "1x200"),
			{Series: `scrape_duration_seconds{job="p",instance="a"}`, Values: "0.25x100 0.75 0.25x99"},
			{Series: `scrape_duration_seconds{job="other",instance="a"}`, Values: "9x200"},
			requests("p", "a", shop, "200", "-", "0+10x200"),
		},
		Asked: []asked{
			ask(a.b.Lag(), "900s", seconds(0.75)),
			ask(interval, "900s", seconds(5)), ask(unmeasured, "900s"),
			ask(interval, "200s", seconds(5)), ask(interval, "20s", seconds(5)),
			ask(a.b.Lag(), "2000s"), ask(interval, "2000s"),
		},
	}, {
		Name: "the scrape interval of a job is known from the second scrape of its first target on",
		Series: []series{
			up("p", "a", "1 _x2 1 _x2 1 _x2 1 _x2 1 _x2 1 _x2 1 _x2"), up("p", "b", "_x2 1 _x2 1 _x2 1 _x2 1 _x2 1 _x2 1 _x2 1"),
			requests("p", "a", shop, "200", "-", "0 _x2 3 _x2 6 _x2 9 _x2 12 _x2 15 _x2 18 _x2"),
		},
		Asked: []asked{
			ask(interval, "14s"), ask(unmeasured, "14s", seconds(14)),
			ask(interval, "21s", seconds(15)), ask(unmeasured, "21s"),
			ask(interval, "29s", seconds(15)), ask(interval, "61s", seconds(15)), ask(interval, "89s", seconds(15)),
		},
	}, {
		Name: "of several jobs the longest interval is measured, and that of a job which is scraped for the first time is not known",
		Series: []series{
			up("p", "a", "1x60"), up("q", "b", "_x4 1 _x11 1 _x11 1 _x11 1"),
			requests("p", "a", shop, "200", "-", "0+10x60"), requests("q", "b", shop, "200", "-", "_x4 1 _x11 1 _x11 1 _x11 1"),
		},
		Asked: []asked{
			ask(interval, "75s", seconds(5)), ask(unmeasured, "75s", seconds(55)),
			ask(interval, "82s", seconds(60)), ask(unmeasured, "82s"),
			ask(interval, "130s", seconds(60)), ask(interval, "142s", seconds(60)),
		},
	}, {
		Name: "a slow target, in the same job or another, is that of the arms that it carries alone",
		Series: []series{
			up("p", "a", "1x200"), {Series: `scrape_duration_seconds{job="p",instance="a"}`, Values: "0.25x200"}, requests("p", "a", shop, "200", "-", "0+10x200"),
			up("p", "s", "1 _x5 1 _x5 1 _x5 1 _x5 1"), {Series: `scrape_duration_seconds{job="p",instance="s"}`, Values: "8 _x5 8 _x5 8 _x5 8 _x5 8"},
			up("p", "r", "1 _x5 1 _x5 1 _x5 1 _x5 1"), up("q", "t", "_x24 1"),
			requests("p", "s", cart, "200", "-", "0 _x5 1 _x5 2 _x5 3 _x5 4"), requests("q", "t", cart, "200", "-", "_x24 7"),
		},
		Asked: []asked{
			ask(other.Lag(), "130s", seconds(0.25), slow(8)),
			ask(other.ScrapeInterval(), "130s", seconds(5), slow(30)), ask(other.Unmeasured(), "130s", slow(10)),
		},
	}, {
		Name: "a gap is no interval once a minute is known from after it",
		Series: []series{
			up("p", "a", "1x20 _x29 1x40"), requests("p", "a", shop, "200", "-", "0+10x20 _x29 500+10x40"),
		},
		Asked: []asked{ask(interval, "320s", seconds(5)), ask(interval, "370s", seconds(5))},
	}}
}

// complete is up to when reports are complete, asked as of now: what would be newer cannot be seen yet, as at the end of these series.
func complete(t *testing.T) []scenario {
	a := newAsker(t, scope, shop, shop.Canary())
	arm := func(s counting.Service, at float64) sample {
		return sample{Value: at, Labels: `{destination_service_namespace="` + s.Namespace + `",destination_service_name="` + s.Name + `"}`}
	}
	stableAt := func(at float64) sample { return arm(shop, at) }
	return []scenario{{
		Name: "what is visible late is complete up to when the next sample is due",
		Series: []series{
			up("p", "a", "1x120"), requests("p", "a", shop, "200", "-", "10+10x120"), requests("p", "a", shop.Canary(), "200", "-", "_x60 1+1x60"),
		},
		Asked: []asked{
			ask(a.b.Complete(), "602s", stableAt(602), arm(shop.Canary(), 602)),
			ask(a.b.Complete(), "640s", stableAt(605), arm(shop.Canary(), 605)),
		},
	}, {
		Name: "the latest of several targets is what counts",
		Series: []series{
			up("p", "a", "1x120"), requests("p", "a", shop, "200", "-", "10+10x120"),
			up("p", "b", "1x118"), requests("p", "b", shop, "200", "-", "10+10x118"),
		},
		Asked: []asked{ask(a.b.Complete(), "602s", stableAt(595))},
	}, {
		Name: "a target without a rhythm yet is complete up to its newest sample",
		Series: []series{
			up("p", "a", "1x120"), requests("p", "a", shop, "200", "-", "10+10x120"),
			up("p", "b", "_x110 1x10"), requests("p", "b", shop, "200", "-", "_x110 10+10x10"),
			up("p", "c", "_x100 1x20"), requests("p", "c", shop.Canary(), "200", "-", "_x100 10+10x20"),
		},
		Asked: []asked{ask(a.b.Complete(), "602s", stableAt(600), arm(shop.Canary(), 602))},
	}, {
		Name: "nobody waits for a target that is far behind the others",
		Series: []series{
			up("p", "a", "1x120"), requests("p", "a", shop, "200", "-", "10+10x120"),
			up("p", "b", "1x100"), requests("p", "b", shop, "200", "-", "10+10x100"),
		},
		Asked: []asked{ask(a.b.Complete(), "540s", stableAt(505)), ask(a.b.Complete(), "606s", stableAt(605))},
	}, {
		Name: "nobody waits for a target that fails",
		Series: []series{
			up("p", "a", "1x120"), requests("p", "a", shop, "200", "-", "10+10x120"),
			up("p", "b", "1x100 0x20"), requests("p", "b", shop, "200", "-", "10+10x100 stale _x20"),
		},
		Asked: []asked{ask(a.b.Complete(), "606s", stableAt(605)), ask(Dated("up > 1"), "606s250ms", sample{Labels: `{fact="at"}`, Value: 606.25})},
	}}
}
