package direct

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

var (
	checkout = counting.Service{Namespace: "shop", Name: "checkout"}
	both     = []counting.Service{checkout, checkout.Canary()}
	requests = counting.Indicator{}
)

func read(t testing.TB, file string) []byte {
	t.Helper()
	page, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func parsed(t testing.TB, page []byte, of Proxy, wanted []counting.Service) *Page {
	t.Helper()
	p, err := Parse(page, of, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASidecarTellsOfItsOwnPod(t *testing.T) {
	pod := podOf(CanaryPod, 0, "n1")
	pod.Workload = "checkout"
	cases := map[string]struct {
		want  Tally
		added float64
	}{
		"sidecar.txt": {Tally{
			{Code: "200", Flags: "-", Protocol: "http"}:             15_000,
			{Code: "503", Flags: "UF", Protocol: "http"}:            37,
			{Code: "0", Flags: "DC", Protocol: "http"}:              4,
			{Code: "200", Flags: "-", GRPC: "0", Protocol: "grpc"}:  900,
			{Code: "200", Flags: "-", GRPC: "14", Protocol: "grpc"}: 12,
			{Code: "429", Flags: "-", Protocol: "http"}:             7,
			{Code: "404", Flags: "-", Protocol: "http"}:             21,
		}, 61},
		"localmesh-sidecar.txt": {Tally{
			{Code: "200", Flags: "-", Protocol: "http"}:  3,
			{Code: "404", Flags: "-", Protocol: "http"}:  1,
			{Code: "503", Flags: "UF", Protocol: "http"}: 2,
		}, 2},
	}
	for file, c := range cases {
		t.Run(file, func(t *testing.T) {
			p := parsed(t, read(t, file), pod, nil)
			if d := cmp.Diff(&Page{Own: c.want, To: map[counting.Service]Tally{}, Told: c.added}, p); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	pod.Workload = ""
	if got := parsed(t, read(t, "sidecar.txt"), pod, nil).Own[counting.Outcome{Code: "500", Flags: "-", Protocol: "http"}]; got != 66 {
		t.Errorf("%v requests of a workload that was not to be looked at", got)
	}
}

func TestAGatewayTellsOfThoseWhoAreWanted(t *testing.T) {
	versions := []counting.Service{checkout, {Namespace: "shop", Name: "checkout", Revision: "v1"}, {Namespace: "shop", Name: "checkout", Revision: "v2"}}
	cases := map[string]struct {
		file   string
		wanted []counting.Service
		want   map[counting.Service][2]float64 // requests, and how many of them bad
	}{
		"both arms":      {"gateway.txt", both, map[counting.Service][2]float64{both[0]: {90_363, 43}, both[1]: {997, 17}}},
		"versions":       {"gateway.txt", versions, map[counting.Service][2]float64{versions[0]: {90_363, 43}, versions[1]: {90_323, 3}, versions[2]: {}}},
		"nobody":         {"gateway.txt", nil, map[counting.Service][2]float64{}},
		"the local mesh": {"localmesh-gateway.txt", both, map[counting.Service][2]float64{both[0]: {100, 0}, both[1]: {11, 2}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, read(t, c.file), podOf(GatewayPod, 0, "n1"), c.wanted)
			got := map[counting.Service][2]float64{}
			for s, tally := range p.To {
				counts := tally.counts(requests)
				got[s] = [2]float64{counts.Requests, counts.Bad}
			}
			if d := cmp.Diff(c.want, got); d != "" || len(p.Own) > 0 {
				t.Errorf("of its own %v; (-want +got):\n%s", p.Own, d)
			}
		})
	}
}

// Each request is of the class that package counting says, whatever series it comes in.
func TestRequestsAreCountedAsElsewhere(t *testing.T) {
	var page strings.Builder
	want := map[counting.Indicator]counting.Counts{{}: {}, {Rules: counting.Rules{TooManyRequestsIsBad: true}}: {}}
	n := 0
	for _, code := range []string{"", "-", "0", "101", "200", "304", "4xx", "401", "429", "500", "5xx", "700"} {
		for _, flags := range []string{"-", "DC", "UF", "UC,DR"} {
			for _, grpc := range []string{"", "0", "5", "14", "x"} {
				for _, protocol := range []string{"http", "grpc"} {
					n++
					o := counting.Outcome{Code: code, Flags: flags, GRPC: grpc, Protocol: protocol}
					for i, c := range want {
						c.Count(i.Rules, o, float64(n))
						want[i] = c
					}
					for _, source := range []string{"a", "b"} { // one outcome may come in several series
						fmt.Fprintf(&page, "istio_requests_total{reporter=\"destination\",source_app=%q,response_code=%q,response_flags=%q,grpc_response_status=%q,request_protocol=%q} %d\n",
							source, code, flags, grpc, protocol, map[string]int{"a": 1, "b": n - 1}[source])
					}
				}
			}
		}
	}
	own := parsed(t, []byte(page.String()), podOf(StablePod, 0, "n"), nil).Own
	for i, c := range want {
		if d := cmp.Diff(evidence.Counts{Requests: c.Requests, Bad: c.Bad}, own.counts(i)); d != "" || c.Bad == 0 || c.Unclear == 0 || c.Requests == c.Bad {
			t.Errorf("%+v (-want +got):\n%s", i, d)
		}
	}
}

func TestWhatCannotBeCountedIsRefused(t *testing.T) {
	const good = "istio_requests_total{reporter=\"destination\",response_code=\"200\"} "
	cases := map[string]string{
		"negative":         good + "-1\n",
		"no number":        good + "NaN\n",
		"infinite":         good + "+Inf\n",
		"absurd":           good + "1e300\n",
		"half a request":   good + "1.5\n",
		"a gauge":          "# TYPE istio_requests_total gauge\n" + good + "1\n",
		"a histogram":      "# TYPE istio_requests_total histogram\nistio_requests_total_bucket{le=\"1\"} 1\nistio_requests_total_count 1\n",
		"cut off":          good + "12\nistio_requests_total{reporter=\"dest",
		"cut in a number":  good + "12",
		"garbage":          "\x00\xff<html>",
		"bad UTF-8":        "istio_requests_total{reporter=\"\xff\"} 1\n",
		"clusters missing": "envoy_cluster_manager_cluster_added{} -1\n",
	}
	for name, page := range cases {
		t.Run(name, func(t *testing.T) {
			if p, err := Parse([]byte(page), podOf(CanaryPod, 0, "n"), both); err == nil || errors.Is(err, ErrNoStatistics) {
				t.Errorf("taken as %+v, %v", p, err)
			}
		})
	}
	for name, page := range map[string]string{"nothing": "", "of somebody else": "go_goroutines 7\n", "no sample": "# TYPE istio_requests_total counter\n"} {
		t.Run(name, func(t *testing.T) {
			if p, err := Parse([]byte(page), podOf(CanaryPod, 0, "n"), both); !errors.Is(err, ErrNoStatistics) {
				t.Errorf("taken as %+v, %v", p, err)
			}
		})
	}
	p := parsed(t, []byte("envoy_cluster_manager_cluster_added{} 3\n"), podOf(CanaryPod, 0, "n"), both)
	if d := cmp.Diff(&Page{Own: Tally{}, To: map[counting.Service]Tally{both[0]: {}, both[1]: {}}, Told: 3}, p); d != "" {
		t.Errorf("a proxy that was not asked yet (-want +got):\n%s", d)
	}
}

// The names are those by which Envoy knows its counters, in which the labels' values are.
func TestTheFilterChoosesWhatIsRead(t *testing.T) {
	const (
		added     = "cluster_manager.cluster_added"
		updated   = "cluster_manager.cluster_updated"
		warming   = "cluster_manager.warming_clusters"
		ofStable  = "istiocustom.istio_requests_total.reporter.source.source_workload.gw.destination_service_name.checkout.destination_service_namespace.shop.response_code.200"
		ofCanary  = "istiocustom.istio_requests_total.reporter.source.source_workload.gw.destination_service_name.checkout-canary.destination_service_namespace.shop.response_code.200"
		ofOther   = "istiocustom.istio_requests_total.reporter.source.source_workload.checkout.destination_service_name.front.destination_service_namespace.shop.response_code.200"
		ofHost    = "istiocustom.istio_requests_total.reporter.source.source_workload.gw.destination_service_name.api.example.com.destination_service_namespace.shop.response_code.200"
		ofItself  = "istiocustom.istio_requests_total.reporter.destination.source_workload.gw.destination_service_name.front.destination_service_namespace.shop.response_code.200"
		duration  = "istiocustom.istio_request_duration_milliseconds.reporter.source.destination_service_name.checkout.destination_service_namespace.shop"
		unrelated = "cluster_manager.cluster_removed"
	)
	many := make([]counting.Service, mostNames+1)
	for i := range many {
		many[i].Name = fmt.Sprintf("s%d", i)
	}
	cases := map[string]struct {
		pod  bool
		of   []counting.Service
		want []string
	}{
		"all":       {false, nil, []string{added, updated, warming, ofStable, ofCanary, ofOther, ofHost, ofItself}},
		"a pod":     {true, nil, []string{added, updated, warming, ofItself}},
		"a gateway": {false, both, []string{added, updated, warming, ofStable, ofCanary}},
		"both":      {true, both, []string{added, updated, warming, ofStable, ofCanary, ofOther, ofHost, ofItself}},
		"a host":    {false, []counting.Service{{Namespace: "shop", Name: "api.example.com"}}, []string{added, updated, warming, ofHost}},
		"too many":  {false, many, []string{added, updated, warming, ofStable, ofCanary, ofOther, ofHost, ofItself}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			expr, err := regexp.Compile(Filter(c.pod, c.of))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range []string{added, updated, warming, ofStable, ofCanary, ofOther, ofHost, ofItself, duration, unrelated} {
				if expr.MatchString(n) {
					got = append(got, n)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s chooses (-want +got):\n%s", expr, d)
			}
		})
	}
}

func FuzzAPageIsReadOrRefused(f *testing.F) {
	for _, file := range []string{"sidecar.txt", "gateway.txt", "localmesh-sidecar.txt"} {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		p, err := Parse(page, podOf(CanaryPod, 0, "n"), both)
		if err != nil {
			return
		}
		for _, tally := range []Tally{p.Own, p.To[both[0]], p.To[both[1]]} {
			for o, n := range tally {
				if !(n >= 0) {
					t.Fatalf("%v requests ended as %v", n, o)
				}
			}
			if came, ok := tally.since(tally); !ok || len(came) > 0 {
				t.Fatalf("between a page and itself there were %v", came)
			}
		}
	})
}

func BenchmarkPage(b *testing.B) {
	for _, file := range []string{"sidecar.txt", "gateway.txt"} {
		page := read(b, file)
		b.Run(file, func(b *testing.B) {
			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			for b.Loop() {
				parsed(b, page, podOf(GatewayPod, 0, "n"), both)
			}
		})
	}
	lines := strings.SplitAfter(string(read(b, "gateway.txt")), "\n")
	large := strings.Join(lines[:3], "")
	for len(large) < 250<<10 {
		large += lines[3+len(large)%6]
	}
	b.Run("the largest", func(b *testing.B) {
		b.SetBytes(int64(len(large)))
		b.ReportAllocs()
		for b.Loop() {
			parsed(b, []byte(large), podOf(GatewayPod, 0, "n"), both)
		}
	})
}
