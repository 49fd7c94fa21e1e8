package evidence

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of a query.
const (
	outcomeOK      = "ok"
	outcomePartial = "partial"
	outcomeError   = "error"
)

type metrics struct{ queries *prometheus.CounterVec }

// newMetrics registers the metrics of the loop; a nil registerer keeps them to itself.
func newMetrics(r prometheus.Registerer, age func() float64) (*metrics, error) {
	m := &metrics{queries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stagger_evidence_queries_total",
		Help: "Queries to Prometheus for evidence, by outcome: ok, partial (not used) or error (asked again).",
	}, []string{"outcome"})}
	for _, o := range []string{outcomeOK, outcomePartial, outcomeError} {
		m.queries.WithLabelValues(o)
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.queries), r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stagger_evidence_age_seconds",
		Help: "Age of the newest counts of the running release that was counted least; 0 while no release has traffic.",
	}, age)))
}
