package stats

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/hack/localmesh/build"
)

const address = "127.0.90.1"

// configuration is an Envoy that answers 200 to everybody, or what the path is, and counts that as the mesh does.
const configuration = `{"node": {"id": "a", "cluster": "a"},
 "stats_config": {"use_all_default_tags": false},
 "admin": {"address": {"socket_address": {"address": "%[1]s", "port_value": 15000}}},
 "static_resources": {
  "clusters": [{"name": "prometheus_stats", "type": "STATIC", "connect_timeout": "1s",
   "load_assignment": {"cluster_name": "prometheus_stats", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "%[1]s", "port_value": 15000}}}}]}]}}],
  "listeners": [%[2]s, {"name": "app", "address": {"socket_address": {"address": "%[1]s", "port_value": 8080}},
   "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "app",
    "access_log": [{"name": "envoy.access_loggers.stats", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config", "stat_prefix": "istio",
     "counters": [{"value_fixed": 1, "stat": {"name": "requests_total", "tags": [{"name": "reporter", "value_format": "source"},
      {"name": "destination_service_name", "value_format": "%%REQ(x-to)%%"}, {"name": "response_code", "value_format": "%%RESPONSE_CODE%%"}]}}]}}],
    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"path": "/503"}, "direct_response": {"status": 503}},
     {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]},
    "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}`

// ask is the answer to a question; an error while nobody listens.
func ask(t *testing.T, port, path, to string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+":"+port+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-to", to)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// raise runs the Envoy, where there is one.
func raise(t *testing.T) {
	t.Helper()
	programs, _, err := build.Cached()
	if err == nil {
		_, err = os.Stat(programs.Envoy)
	}
	if err != nil {
		t.Skipf("the mesh's Envoy is not there; run `localmesh build` first (%v)", err)
	}
	listener, err := Listener(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), programs.Envoy, "--config-yaml", fmt.Sprintf(configuration, address, listener), "--concurrency", "1", "--disable-hot-restart", "-l", "error")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if cmd.Process.Kill() == nil {
			<-ended
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); ; { // for a busy machine
		if _, err := ask(t, "15090", "/stats/prometheus", ""); err == nil {
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("Envoy ended: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("Envoy does not listen")
		}
	}
}

var name = regexp.MustCompile(`(?m)^[a-z_]+`)

// A reader that knows Istio's proxies alone reads those of the mesh.
func TestStatisticsAreGivenAsByIstio(t *testing.T) {
	raise(t)
	for path, to := range map[string]string{"/1": "checkout", "/503": "checkout", "/2": "checkout-canary", "/3": "other"} {
		if _, err := ask(t, "8080", path, to); err != nil {
			t.Fatal(err)
		}
	}
	const added = "envoy_cluster_manager_cluster_added{} 1"
	line := func(to, code string) string {
		return fmt.Sprintf(`istio_requests_total{reporter="source",destination_service_name="%s",response_code="%s"} 1`, to, code)
	}
	all := []string{line("checkout", "200"), line("checkout", "503"), line("checkout-canary", "200"), line("other", "200")}
	cases := map[string]struct {
		filter string
		want   []string
	}{
		"requests":        {"istio_requests_total", all},
		"clusters":        {"cluster_manager.cluster_added", []string{added}},
		"both":            {"istio_requests_total|cluster_manager.cluster_added", append([]string{added}, all...)},
		"of two Services": {"istio_requests_total.*destination_service_name[.](checkout|checkout-canary)[.]", all[:3]},
		"of others":       {"istio_requests_total.*reporter[.]source[.]", all},
		"of itself":       {"istio_requests_total.*reporter[.]destination[.]", nil},
		"of no Service":   {"istio_requests_total.*destination_service_name[.](nobody)[.]", nil},
		"nothing":         {"no_such_counter", nil},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			page, err := ask(t, "15090", "/stats/prometheus?usedonly&filter="+url.QueryEscape(c.filter), "")
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(strings.Split(page, "\n"), func(l string) bool { return l == "" || l[0] == '#' })
			slices.Sort(got)
			if d := cmp.Diff(c.want, got, cmp.Transformer("none", func(x []string) []string { return append([]string{}, x...) })); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	page, err := ask(t, "15090", "/stats/prometheus", "")
	if err != nil || !strings.Contains(page, "envoy_server_live") || strings.Contains(page, "envoy_istio_") {
		t.Errorf("%v: the whole page names %q", err, slices.Compact(name.FindAllString(page, -1)))
	}
}
