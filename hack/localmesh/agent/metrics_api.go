package agent

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// metricsAddress is where the API server asks for the resource metrics; it is the Service of the APIService in mesh/manifests.
const metricsAddress = "127.0.0.1:4443"

// serveMetrics serves the resource metrics API, metrics.k8s.io/v1beta1, until ctx ends.
func (a *Agent) serveMetrics(ctx context.Context) error {
	certificate, err := selfSigned("localhost")
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: metricsAddress, Handler: a.metricsAPI(), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Nothing is left to lose.
	defer stop()
	if err := server.ListenAndServeTLS("", ""); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the resource metrics: %w", err)
	}
	return nil
}

// metricsAPI answers what an autoscaler, discovery and kubectl top ask.
func (a *Agent) metricsAPI() http.Handler {
	const root = "GET /apis/metrics.k8s.io/v1beta1"
	mux := http.NewServeMux()
	mux.HandleFunc(root, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: metricsv1beta1.SchemeGroupVersion.String(),
			APIResources: []metav1.APIResource{{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: metav1.Verbs{"get", "list"}}},
		})
	})
	mux.HandleFunc(root+"/pods", a.listMetrics)
	mux.HandleFunc(root+"/namespaces/{namespace}/pods", a.listMetrics)
	mux.HandleFunc(root+"/namespaces/{namespace}/pods/{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, m := range a.podMetrics(r.PathValue("namespace"), labels.Everything(), time.Now()) {
			if m.Name == r.PathValue("name") {
				answer(w, m)
				return
			}
		}
		http.NotFound(w, r)
	})
	return mux
}

func (a *Agent) listMetrics(w http.ResponseWriter, r *http.Request) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, metricsv1beta1.PodMetricsList{
		TypeMeta: metav1.TypeMeta{Kind: "PodMetricsList", APIVersion: metricsv1beta1.SchemeGroupVersion.String()},
		Items:    a.podMetrics(r.PathValue("namespace"), selector, time.Now()),
	})
}

// podMetrics is the usage of the pods that run, in order of their names. An empty namespace means all.
func (a *Agent) podMetrics(namespace string, selector labels.Selector, now time.Time) []metricsv1beta1.PodMetrics {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := []metricsv1beta1.PodMetrics{}
	for _, p := range a.pods {
		if namespace != "" && p.namespace != namespace {
			continue
		}
		if m, ok := p.metrics(now); ok && selector.Matches(labels.Set(m.Labels)) {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b metricsv1beta1.PodMetrics) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// metrics is the usage of a pod. False where one of its containers does not run: then nothing is known of it.
func (p *pod) metrics(now time.Time) (metricsv1beta1.PodMetrics, bool) {
	p.mu.Lock()
	m := metricsv1beta1.PodMetrics{
		TypeMeta:   metav1.TypeMeta{Kind: "PodMetrics", APIVersion: metricsv1beta1.SchemeGroupVersion.String()},
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: p.name, Labels: p.object.Labels, CreationTimestamp: metav1.NewTime(now)},
		Timestamp:  metav1.NewTime(now), Window: metav1.Duration{Duration: usageWindow},
	}
	p.mu.Unlock()
	for _, c := range p.containers {
		c.mu.Lock()
		runs, used := c.state.Running != nil && c.meter != nil, c.meter
		c.mu.Unlock()
		if !runs {
			return m, false
		}
		m.Containers = append(m.Containers, metricsv1beta1.ContainerMetrics{Name: c.spec.Name, Usage: used.usage(now)})
	}
	return m, true
}

func answer(w http.ResponseWriter, o any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(o); err != nil {
		log.Printf("Answering: %v", err)
	}
}

// selfSigned is a certificate that nobody checks: the API server is told so.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("signing a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
