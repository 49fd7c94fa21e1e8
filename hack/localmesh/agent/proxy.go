package agent

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/stagger-dev/stagger/hack/localmesh/stats"
)

// proxy is what stands for a pod's own sidecar: it reports the requests that its pod was asked, reporter="destination".
type proxy struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func newProxy(workload, namespace, revision string) *proxy {
	reported := []string{"response_code", "request_protocol", "grpc_response_status"}
	labels := prometheus.Labels{
		"reporter": "destination", "destination_workload": workload, "destination_workload_namespace": namespace,
		"destination_canonical_revision": revision, "response_flags": "-",
	}
	p := &proxy{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "istio_requests_total", Help: "Requests.", ConstLabels: labels}, reported),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "istio_request_duration_milliseconds", Help: "Durations of requests.", ConstLabels: labels,
			Buckets: []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}}, reported),
	}
	told := prometheus.NewCounter(prometheus.CounterOpts{Name: "envoy_cluster_manager_cluster_added", Help: "Clusters."})
	told.Inc() // That of the app.
	p.registry.MustRegister(p.requests, p.durations, told)
	return p
}

// ServeHTTP gives what the question's filter chooses, as Envoy does: by a regular expression for the names that it has for its counters.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	filter, err := regexp.Compile(r.URL.Query().Get("filter"))
	if err != nil {
		http.Error(w, "Invalid re2 regex", http.StatusBadRequest)
		return
	}
	chosen := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := p.registry.Gather()
		for _, f := range families {
			f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool { return !filter.MatchString(ofEnvoy(f.GetName(), m)) })
		}
		return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 }), err
	})
	promhttp.HandlerFor(chosen, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// ofEnvoy is how Istio's Envoy calls a counter: with its labels and their values.
func ofEnvoy(name string, m *dto.Metric) string {
	if name == "envoy_cluster_manager_cluster_added" {
		return "cluster_manager.cluster_added"
	}
	words := []string{"istiocustom", name}
	for _, l := range m.GetLabel() {
		words = append(words, l.GetName(), l.GetValue())
	}
	return strings.Join(words, ".")
}

// counted counts the requests that next answers.
func (p *proxy) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, seen := time.Now(), &watched{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(seen, r)
		if health(r) {
			return
		}
		how := []string{strconv.Itoa(seen.code), "http", ""}
		if grpcType(r) {
			how[1], how[2] = "grpc", w.Header().Get("Grpc-Status")
		}
		p.requests.WithLabelValues(how...).Inc()
		p.durations.WithLabelValues(how...).Observe(float64(time.Since(begun)) / float64(time.Millisecond))
	})
}

// watched notes the status of an answer.
type watched struct {
	http.ResponseWriter
	code int
}

// Unwrap lets long answers be flushed.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status.
func (w *watched) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// serve gives the metrics at a pod's address until ctx ends.
func (p *proxy) serve(ctx context.Context, ip string) {
	mux := http.NewServeMux()
	mux.Handle("/stats/prometheus", p)
	server := &http.Server{Addr: net.JoinHostPort(ip, strconv.Itoa(stats.Port)), Handler: mux, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Nothing is left to lose.
	defer stop()
	if err := server.ListenAndServe(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Printf("Metrics of a pod: %v", err)
	}
}
