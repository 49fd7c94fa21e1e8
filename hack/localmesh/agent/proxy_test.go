package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAPodReportsWhatItWasAsked(t *testing.T) {
	rate := 0.0
	p := newProxy("checkout-7d9c", "shop", "2")
	h := p.counted(&app{b: Behaviour{ErrorCode: http.StatusBadGateway}, sick: func() float64 { return rate }})
	for _, path := range []string{"/", "/", "/healthz"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	call := httptest.NewRequest(http.MethodPost, "/", nil)
	call.ProtoMajor = 2
	call.Header.Set("Content-Type", "application/grpc+proto")
	h.ServeHTTP(httptest.NewRecorder(), call)
	if got := testutil.ToFloat64(p.requests.WithLabelValues("200", "grpc", "0")); got != 1 {
		t.Errorf("%v requests of gRPC, want 1", got)
	}
	rate = 1
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	for code, want := range map[string]float64{"200": 2, "502": 1} {
		if got := testutil.ToFloat64(p.requests.WithLabelValues(code, "http", "")); got != want {
			t.Errorf("%v requests with %s, want %v", got, code, want)
		}
	}
	if n := testutil.CollectAndCount(p.registry, "istio_request_duration_milliseconds"); n != 3 {
		t.Errorf("%d histograms, want one for each code and protocol", n)
	}
}

// The answer to a filter is what Envoy's would be: see the tests of package stats.
func TestAPodGivesWhatTheFilterChooses(t *testing.T) {
	p := newProxy("checkout-7d9c", "shop", "2")
	p.counted(&app{}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	ask := func(query string) (int, []string) {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/stats/prometheus?"+query, nil))
		var names []string
		for line := range strings.Lines(w.Body.String()) {
			if name, _, ok := strings.Cut(line, "{"); ok || !strings.HasPrefix(line, "#") {
				names = append(names, strings.Fields(name)[0])
			}
		}
		return w.Code, slices.Compact(names)
	}
	const requests, added = "istio_requests_total", "envoy_cluster_manager_cluster_added"
	cases := map[string][]string{
		"usedonly&filter=istio_requests_total":                                                          {requests},
		"usedonly&filter=" + url.QueryEscape("istio_requests_total|cluster_manager.cluster_added"):      {added, requests},
		"usedonly&filter=" + url.QueryEscape("istio_requests_total.*response_code[.]200"):               {requests},
		"usedonly&filter=" + url.QueryEscape("istio_requests_total.*reporter[.]destination[.]"):         {requests},
		"usedonly&filter=" + url.QueryEscape("istio_requests_total.*response_code[.]503"):               nil,
		"usedonly&filter=" + url.QueryEscape("istio_requests_total.*destination_service_name[.](a)[.]"): nil,
	}
	for query, want := range cases {
		if code, got := ask(query); code != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("%s: %d %q, want %q", query, code, got, want)
		}
	}
	if code, _ := ask("filter=("); code != http.StatusBadRequest {
		t.Errorf("status %d for what is no regular expression", code)
	}
	if _, got := ask(""); !slices.Contains(got, "istio_request_duration_milliseconds_count") {
		t.Errorf("without a filter %q", got)
	}
}

func TestPrometheusFindsThePodsThatServe(t *testing.T) {
	a := New(nil, filepath.Join(t.TempDir(), "pods.json"), "")
	one := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "checkout-1", UID: "1"}}
	address := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "client", UID: "2", Annotations: map[string]string{serveAnnotation: "false"}}}
	for _, p := range []*corev1.Pod{one, address} {
		if err := a.targets.add(p, "10.244.0.9"); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (all []target) {
		data, err := os.ReadFile(a.targets.path)
		if err == nil {
			err = json.Unmarshal(data, &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := read(); len(all) != 1 || all[0].Targets[0] != "10.244.0.9:15090" || all[0].Labels["pod"] != "checkout-1" || all[0].Labels["namespace"] != "shop" {
		t.Errorf("targets %v", all)
	}
	for _, uid := range []string{"1", "2"} {
		if err := a.targets.remove(uid); err != nil {
			t.Fatal(err)
		}
	}
	if all := read(); len(all) != 0 {
		t.Errorf("targets %v", all)
	}
}
