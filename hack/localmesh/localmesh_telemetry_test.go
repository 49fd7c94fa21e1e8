package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/hack/localmesh/promfault"
)

// ask is a question to the Prometheus that the variable names, as JSON.
func ask(variable, query string) []string {
	return []string{"exec", "--", "sh", "-c", fmt.Sprintf(`exec curl -s "$%s/api/v1/query" --data-urlencode "query=$1"`, variable), "sh", query}
}

// agrees waits until the honest Prometheus gives the value for the question, which has one series.
func (b bed) agrees(query, value string) {
	b.t.Helper()
	b.until(query+" is "+value, func(out string) bool {
		return strings.Count(out, `"value":`) == 1 && strings.Contains(out, fmt.Sprintf(`,"%s"]`, value))
	}, ask("PROMETHEUS_URL", query)...)
}

// firstScrape is a value in an answer, without the time it is of.
var firstScrape = regexp.MustCompile(`"[0-9.]+"\]`)

func (b bed) shell(script string) string {
	b.t.Helper()
	return b.run("exec", "--", "bash", "-c", script)
}

// The shop's checkout behind the gateway, each pod with a sidecar of its own.
func injected(t *testing.T) bed {
	t.Helper()
	b := raise(t)
	b.shell(`sed 's/      labels: {app: checkout}/      labels: {app: checkout, version: v7, sidecar.istio.io\/inject: "true"}/' samples/shop.yaml | kubectl apply -f -`)
	b.run("exec", "--", "kubectl", "-n", "shop", "rollout", "status", "deployment/checkout", "--timeout=60s")
	b.until("the first routed request", func(out string) bool { return strings.Contains(out, "x-version: 1.0.0") },
		"exec", "--", "curl", "-s", "-i", "-H", "Host: checkout.example.com", "http://10.244.200.1:18080/")
	return b
}

func TestProtocolsAreToldApartByBothReporters(t *testing.T) {
	b := injected(t)
	b.shell(`for type in application/grpc application/grpc+proto application/grpc-web; do
  curl -sf -o /dev/null -H "Host: checkout.example.com" -H "content-type: $type" -d x "http://$GATEWAY/" || exit
done`)
	for _, reporter := range []string{"source", "destination"} {
		of := fmt.Sprintf(`sum(istio_requests_total{reporter="%s",destination_workload="checkout",request_protocol="grpc"})`, reporter)
		b.agrees(of, "2") // That of gRPC-Web is none of gRPC.
	}
	b.agrees(`count(sum by (request_protocol) (istio_requests_total{reporter="source",destination_workload="checkout"}))`, "2")
}

func TestASidecarReportsWhatItsPodIsAsked(t *testing.T) {
	b := injected(t)
	pod := b.shell(`kubectl -n shop get pods -l app=checkout -o jsonpath='{.items[0].metadata.name}'`)
	ip := b.shell(`kubectl -n shop get pods -l app=checkout -o jsonpath='{.items[0].status.podIP}'`)
	mine := fmt.Sprintf(`reporter="destination",job="pods",namespace="shop",pod="%s",destination_workload="checkout",destination_canonical_revision="v7"`, pod)
	b.agrees(fmt.Sprintf(`up{job="pods",pod="%s"}`, pod), "1")
	b.run("exec", "--", "kubectl", "-n", "shop", "annotate", "pod", pod, "localmesh.stagger.dev/error-rate=1")
	past := strings.Replace(ip, "10.", "127.", 1) // The app's own address, of which its Envoy counts nothing.
	b.until("the app fails", func(out string) bool { return out == "500" }, "exec", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://"+past+":8080/")
	b.shell(`for i in 1 2 3; do curl -s -o /dev/null http://` + ip + `:8080/; done
exec 3<>/dev/tcp/` + ip + `/8080 && printf 'SSH-2.0-none\r\n\r\n' >&3 && cat <&3 || true`)
	b.agrees(`sum(istio_requests_total{`+mine+`,response_code="500",request_protocol="http",response_flags="-"})`, "3")
	b.agrees(`sum(istio_request_duration_milliseconds_count{`+mine+`,response_code="500"})`, "3")
	b.agrees(`sum(istio_tcp_connections_closed_total{`+mine+`,request_protocol="tcp"})`, "1")
	if server := b.shell(`curl -si http://` + ip + `:8080/ | grep -i ^server`); !strings.Contains(server, "istio-envoy") {
		t.Errorf("the pod's address is answered by %q, want its Envoy", server)
	}
	b.run("exec", "--", "kubectl", "-n", "shop", "scale", "deployment/checkout", "--replicas=0")
	b.until("the proxies end with their pods", func(out string) bool { return strings.TrimSpace(out) == "0" },
		"exec", "--", "sh", "-c", `for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && tr '\0' ' ' <$p/cmdline; done | grep -c -- '[e]nvoy --config-yaml' || true`)
}

func TestPrometheusIsSpoiledAsOrdered(t *testing.T) {
	b := raise(t)
	const envoys = `up{job="envoy-stats"}`
	faulty := func(query string) string { t.Helper(); return b.run(ask("PROMETHEUS_URL_FAULTY", query)...) }
	series := func(out string) int { return strings.Count(out, `"value":`) }
	if out := faulty(envoys); series(out) != 2 || strings.Contains(out, "warnings") {
		t.Fatalf("without a fault: %s", out)
	}
	b.run("fault", "prometheus", "--partial")
	if out := faulty(envoys); series(out) != 1 || !strings.Contains(out, `"warnings":["`+partialWarning) {
		t.Errorf("a partial answer: %s", out)
	}
	if out := b.run(ask("PROMETHEUS_URL", envoys)...); series(out) != 2 {
		t.Errorf("the honest one: %s", out)
	}
	b.run("fault", "prometheus", "--ago", "1h")
	if out := faulty(envoys); series(out) != 0 {
		t.Errorf("an hour ago there was no mesh, but: %s", out)
	}
	b.run("fault", "prometheus", "--delay", "2s", "--query", "envoy-stats")
	b.shell(`curl -s -m 1 "$PROMETHEUS_URL_FAULTY/api/v1/query" --data-urlencode 'query=up{job="envoy-stats"}'; [ $? = 28 ]`)
	var state promfault.State
	decode(t, b.run("fault", "prometheus"), &state)
	if !state.Active || state.Struck != 1 {
		t.Errorf("it is %+v, want active and struck once", state)
	}
	b.run("fault", "prometheus", "--replicas")
	begins := map[string]bool{} // The replica has scraped since it was started, the first since the mesh was.
	b.until("both have answered", func(string) bool {
		begins[strings.Join(firstScrape.FindAllString(faulty("min_over_time(timestamp("+envoys+")[1h:1s])"), -1), " ")] = true
		return len(begins) > 1
	}, "status")
	if len(begins) != 2 {
		t.Errorf("%d Prometheuses have answered: %v", len(begins), begins)
	}
	b.run("fault", "kill", "prometheus-replica")
	b.until("the killed replica does not answer", func(out string) bool { return strings.TrimSpace(out) == "502" },
		"exec", "--", "sh", "-c", `curl -s -o /dev/null -w '%{http_code}' "$PROMETHEUS_URL_FAULTY/api/v1/query?query=up"`)
	b.run("fault", "clear")
	for range 10 {
		if out := faulty(envoys); series(out) != 2 {
			t.Fatalf("after the fault: %s", out)
		}
	}
}
