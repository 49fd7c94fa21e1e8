package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// asks has the mesh's Prometheus, which scrapes the operators and goes by the shipped rules, answer an expression until there is something in
// the answer. $NS in it is the story's namespace, $OP its operator. On another cluster nobody is asked.
func (s *story) asks(expr string) {
	s.t.Helper()
	if bed.Scraped() == "" {
		return
	}
	expr = strings.NewReplacer("$NS", s.ns, "$OP", s.op.process.Pod).Replace(expr)
	waitFor(s.t, "Prometheus answers "+expr, func() (bool, string) {
		answer, err := bed.Ask(s.t.Context(), prometheus(), expr)
		return len(answer) > 0, fmt.Sprint(answer, err)
	})
}

// toldWhileItRan checks that every metric of a running release has been scraped, under the names that it has.
func (s *story) toldWhileItRan() {
	s.t.Helper()
	for _, m := range metrics.Table() {
		if slices.ContainsFunc(m.Labels, func(l metrics.Label) bool { return l.Name == "release_service" }) {
			s.asks(fmt.Sprintf(`last_over_time(%s{release_namespace="$NS", release_service="checkout", namespace="%s-$OP", service="stagger-metrics"}[10m])`, m.Name, operatorNamespace))
		}
	}
	if bed.Scraped() == "" {
		return
	}
	renamed, err := bed.Ask(s.t.Context(), prometheus(), `{__name__=~"stagger_.+", exported_namespace!=""} or {__name__=~"stagger_.+", exported_service!=""}`)
	if err != nil || len(renamed) > 0 {
		s.t.Errorf("series that collide with labels of their target: %v %v", renamed, err)
	}
}

// toldAtRest checks that every metric has been scraped that the operator tells without having released anything.
func (s *story) toldAtRest() {
	s.t.Helper()
	for _, m := range metrics.Table() {
		if m.Born != nil {
			name := m.Name
			if m.Type == metrics.Histogram {
				name += "_count"
			}
			s.asks(name + `{pod="$OP"}`)
		}
	}
	s.asks(`stagger_services{release_namespace="$NS", policy="$NS", state="Ready"} == 1`)
	s.asks(`stagger_build_info{pod="$OP"} * on (instance) leader_election_master_status == 1`)
	s.asks(`stagger_evidence_source_up{pod="$OP", source="default"} == 1`)
	s.asks(`stagger_hold_mode{pod="$OP", mode="OnChange"} == 1`)
	s.asks(`stagger_namespace_releases_total{release_namespace="$NS", outcome="Aborted"} == 0`)
}

// The account that the manifests make for Prometheus may read the metrics, another account and nobody may not.
func TestMetricsAreForWhoMayReadThem(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	text, err := os.ReadFile("../manifests/monitoring/scrape.yaml")
	if err != nil {
		t.Fatal(err)
	}
	account, _, found := strings.Cut(string(text), "---\napiVersion: monitoring.coreos.com/v1")
	if !found {
		t.Fatal("there is no ServiceMonitor in the manifest")
	}
	apply(t, operatorNamespace, account)
	kubectl(t, "-n", ns, "create", "serviceaccount", "somebody")
	tokens := map[string]int{
		"": http.StatusUnauthorized,
		strings.TrimSpace(kubectl(t, "-n", ns, "create", "token", "somebody")):                              http.StatusForbidden,
		strings.TrimSpace(kubectl(t, "-n", operatorNamespace, "create", "token", "stagger-metrics-reader")): http.StatusOK,
	}
	op := startOperator(t, ns, "metrics.serving=Secure")
	// The operator signs its own certificate at each start.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for token, want := range tokens {
		waitFor(t, fmt.Sprintf("the metrics are answered with %d", want), func() (bool, string) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+op.process.Metrics+"/metrics", nil)
			if err != nil {
				return false, err.Error()
			}
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := client.Do(request)
			if err != nil {
				return false, err.Error()
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			told := strings.Contains(string(body), "stagger_build_info{")
			return answer.StatusCode == want && told == (want == http.StatusOK), fmt.Sprint(answer.Status, told, err)
		})
	}
}
