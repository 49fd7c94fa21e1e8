package promql

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// proxied is a counter of the proxy of a workload at a target, with labels of its own.
func proxied(labels, workload, values string) series {
	return series{Series: `istio_requests_total{reporter="source",` + labels + `,source_workload_namespace="web",source_workload="` + workload + `",` +
		row(shop, "200", "-") + `}`, Values: values}
}

func upOf(labels, values string) series { return series{Series: `up{` + labels + `}`, Values: values} }

// copies are the questions and counts where the same proxies come more than once.
func copies(t *testing.T) []scenario {
	plain, cart := newAsker(t, scope, shop), counting.Service{Namespace: "till", Name: "cart"}
	doubt := func(fact, job string, arm counting.Service, targets float64) sample {
		return sample{Value: targets, Labels: `{fact="` + fact + `",job="` + job + `",destination_service_namespace="` + arm.Namespace + `",destination_service_name="` + arm.Name + `"}`}
	}
	both, slow := newAsker(t, scope, shop, cart), newAsker(t, Scope{ScrapeInterval: 10 * time.Second}, shop)
	told := func(labels, code string, arm counting.Service, values string) series {
		return series{Series: `istio_requests_total{reporter="source",` + labels + `,source_workload_namespace="web",source_workload="front",` + row(arm, code, "-") + `}`, Values: values}
	}
	leaving := func(label, value string) asker {
		return newAsker(t, Scope{ScrapeInterval: 5 * time.Second, Without: map[string][]string{label: {value}}}, shop)
	}
	single := func(labels string) sample { return sample{Labels: `{` + labels + `}`, Value: 1} }
	const first, second = `job="envoy-stats",instance="10.0.0.1:15090",pod="a"`, `job="kubernetes-pods",instance="10.0.0.1:15020",pod_name="a"`
	const one, two = `job="p",instance="10.0.0.1:15020",prometheus_replica="r-0"`, `job="p",instance="10.0.0.1:15020",prometheus_replica="r-1"`
	whose := func(others string) sample {
		return single(`proxy="10.0.0.1",source_workload_namespace="web",source_workload="front",` + others)
	}
	return []scenario{{
		Name: "two jobs that scrape the same proxies at different ports are told, and one of them is counted",
		Series: []series{
			upOf(first, "1x60"), proxied(first, "front", "1000+10x60"),
			upOf(second, "1x60"), proxied(second, "front", "1000+10x60"),
			upOf(`job="kubernetes-pods",instance="10.0.0.2:15020"`, "1x60"), proxied(`job="kubernetes-pods",instance="10.0.0.2:15020"`, "back", "0+1x60"),
		},
		Asked: []asked{
			ask(plain.b.Copies(), "100s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`), single(`job="kubernetes-pods"`)),
			leaving("job", "envoy-stats").requests("100s", slice, good(11)),
		},
	}, {
		Name: "two workloads at one host are two proxies",
		Series: []series{
			upOf(`job="p",instance="10.0.0.1:15020"`, "1x60"), proxied(`job="p",instance="10.0.0.1:15020"`, "front", "0+10x60"),
			upOf(`job="q",instance="10.0.0.1:15021"`, "1x60"), proxied(`job="q",instance="10.0.0.1:15021"`, "back", "0+10x60"),
		},
		Asked: []asked{ask(plain.b.Copies(), "100s", single(`job="p"`), single(`job="q"`))},
	}, {
		Name: "of two replicas one is counted, and one that comes back is no birth",
		Series: []series{
			upOf(one, "1x400"), proxied(one, "front", "1000+10x400"),
			upOf(two, "1x20 _x199 1x180"), proxied(two, "front", "1000+10x20 _x199 3200+10x180"),
		},
		Asked: []asked{
			ask(plain.b.Copies(), "100s", whose(`job="p",prometheus_replica="r-0"`), whose(`job="p",prometheus_replica="r-1"`)),
			leaving("prometheus_replica", "r-1").requests("100s", slice, good(10)),
			leaving("prometheus_replica", "r-1").requests("1100s", slice, good(10)),
			plain.requests("1100s", slice, good(10)),
		},
	}, {
		Name: "targets that are told apart by no label that is known are ambiguous, for the arms that they carry",
		Series: []series{
			up("p", "10.0.0.2:15020", "1x60"), requests("p", "10.0.0.2:15020", cart, "200", "-", "0+10x60"),
			upOf(`job="p",instance="10.0.0.1:15020",zone="a"`, "1x60"), proxied(`job="p",instance="10.0.0.1:15020",zone="a"`, "front", "0+10x60"),
			upOf(`job="p",instance="10.0.0.1:15020",zone="b"`, "1x60"), proxied(`job="p",instance="10.0.0.1:15020",zone="b"`, "front", "0+10x60"),
		},
		Asked: []asked{ask(both.b.Copies(), "100s", sample{Labels: `{job="p"}`, Value: 2}, doubt("ambiguous", "p", shop, 1))},
	}, {
		Name: "copies that tell otherwise are told with the arms that they tell so of: more, less, not any more, or not all",
		Series: []series{
			upOf(first, "1x60"), told(first, "200", shop, "1000+10x60"), told(first, "500", shop, "0+1x60"), told(first, "200", cart, "1000+10x60"),
			upOf(second, "1x60"), told(second, "200", shop, "1000+10x30 1301+13x30"), told(second, "200", cart, "1000+10x30 1300x30"),
			told(second, "500", shop, "0+1x30 stale"),
		},
		Asked: []asked{
			ask(both.b.Copies(), "90s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
			ask(both.b.Copies(), "165s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`),
				doubt("differ", "envoy-stats", shop, 1), doubt("differ", "envoy-stats", cart, 1), doubt("differ", "kubernetes-pods", cart, 1)),
			ask(both.b.Copies(), "250s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`),
				doubt("differ", "envoy-stats", shop, 2), doubt("differ", "kubernetes-pods", shop, 1), doubt("differ", "envoy-stats", cart, 1), doubt("differ", "kubernetes-pods", cart, 1)),
		},
	}, {
		Name: "copies that are scraped at other times, begin, end and come back do not differ",
		Series: []series{
			upOf(first, "1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1"), told(first, "200", shop, "0 _ 20 _ 40 _ 60 _ 80 _ 100 _ 120 _ 140 _ 160 _ 180 _ 200 _ 220 _ 240 _ 260"),
			upOf(second, "_x3 1x7 _x5 1x20"), told(second, "200", shop, "_x3 40+10x7 _x5 170+10x20"), told(second, "500", shop, "_x8 1x2 _x5 1x20"),
			told(first, "500", shop, "_x8 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1"),
		},
		Asked: []asked{
			ask(slow.b.Copies(), "20s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
			ask(slow.b.Copies(), "45s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
			ask(slow.b.Copies(), "60s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
			ask(slow.b.Copies(), "85s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
			ask(slow.b.Copies(), "110s", whose(`job="envoy-stats"`), whose(`job="kubernetes-pods"`)),
		},
	}}
}

// copiesOf are rows of an answer to Copies: "proxy job replica", where a dash is no proxy.
func copiesOf(t *testing.T, rows ...string) Copies {
	t.Helper()
	var v model.Vector
	for _, row := range rows {
		words := strings.Fields(row)
		m := model.Metric{"job": model.LabelValue(words[1]), "prometheus_replica": model.LabelValue(words[2])}
		if words[0] != "-" {
			m["proxy"], m["source_workload"] = model.LabelValue(words[0]), "front"
		}
		v = append(v, &model.Sample{Metric: m, Value: 1})
	}
	c, err := newAsker(t, scope, shop).b.DecodeCopies(v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachProxyIsCountedOnce(t *testing.T) {
	const both = "some requests are counted twice, by the jobs a and b: each has proxies that no other has, and some are the same; let each proxy be scraped by one"
	job, replica := "job", "prometheus_replica"
	type values map[string][]string
	cases := map[string]struct {
		rows   []string
		before Once
		out    values
		left   string
		twice  string
	}{
		"no proxy comes twice":          {rows: []string{"- a r"}},
		"nothing is seen":               {before: Once{Without: values{job: {"b"}}, Known: values{job: {"a", "b"}}}, out: values{job: {"b"}}},
		"two jobs of the same proxies":  {rows: []string{"1 b r", "1 a r", "2 a r", "2 b r"}, out: values{job: {"b"}}, left: "the jobs a and b scrape the same proxies: job b is left out"},
		"a job that has more":           {rows: []string{"1 a r", "1 b r", "- b r"}, out: values{job: {"a"}}, left: "the jobs a and b scrape the same proxies: job a is left out"},
		"jobs that have some in common": {rows: []string{"1 a r", "1 b r", "- a r", "- b r"}, twice: both},
		"three jobs": {rows: []string{"1 a r", "1 b r", "2 b r", "2 c r", "3 c r", "3 a r"}, out: values{job: {"c"}},
			left: "the jobs a and b and c scrape the same proxies: job c is left out", twice: both},
		"two replicas": {rows: []string{"1 a r0", "1 a r1"}, out: values{replica: {"r1"}},
			left: "prometheus_replica r0 and r1 scrape the same proxies: prometheus_replica r1 is left out"},
		"replicas of two shards": {rows: []string{"1 a r0", "1 a r1", "2 a s0", "2 a s1"}, out: values{replica: {"r1", "s1"}},
			left: "prometheus_replica r0 and r1 and s0 and s1 scrape the same proxies: prometheus_replica r1 and s1 is left out"},
		"jobs of replicas": {rows: []string{"1 a r0", "1 a r1", "1 b r0", "1 b r1"}, out: values{job: {"b"}, replica: {"r1"}},
			left: "the jobs a and b scrape the same proxies: job b is left out; prometheus_replica r0 and r1 scrape the same proxies: prometheus_replica r1 is left out"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := copiesOf(t, c.rows...).Choose(c.before)
			maps.DeleteFunc(got.Without, func(_ string, values []string) bool { return len(values) == 0 })
			if diff := cmp.Diff(c.out, values(got.Without), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
			if got.Left != c.left || got.Twice != c.twice {
				t.Errorf("it says %q and %q", got.Left, got.Twice)
			}
		})
	}
}

func TestAReplicaThatComesBackIsNotCountedBesideTheOneThatTookItsPlace(t *testing.T) {
	var once Once
	for i, c := range []struct {
		rows []string
		out  string
	}{
		{[]string{"1 a r0", "1 a r1"}, "r1"},
		{[]string{"- a r0"}, "r1"}, // the other one is away
		{[]string{"1 a r0", "1 a r1"}, "r1"},
		{[]string{"- a r1"}, "r0"}, // the one that was counted is away
		{nil, "r0"},
		{[]string{"1 a r0", "1 a r1"}, "r0"},
	} {
		once = copiesOf(t, c.rows...).Choose(once)
		if got := once.Without["prometheus_replica"]; !slices.Equal(got, []string{c.out}) {
			t.Errorf("%d: %v is left out, want %s", i, got, c.out)
		}
	}
}

func TestWhatIsLeftOutIsInNoQuestion(t *testing.T) {
	s := scope
	s.Without = map[string][]string{"job": {`b"|c`}}
	b, err := NewBatch(s, counting.Indicator{}, []counting.Service{shop})
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range questions(t, b) {
		_, rest, _ := strings.Cut(question, "{")
		for _, selector := range strings.Split(rest, "{") {
			if matchers, _, _ := strings.Cut(selector, "}"); !strings.Contains(matchers, `job!~"b\"\\|c"`) {
				t.Errorf("{%s} is of all jobs, in %s", matchers, question)
			}
		}
	}
}
