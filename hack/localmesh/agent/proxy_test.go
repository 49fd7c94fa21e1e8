package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

func TestPrometheusFindsThePodsThatServe(t *testing.T) {
	a := New(nil, "node-1", filepath.Join(t.TempDir(), "pods.json"), "")
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
