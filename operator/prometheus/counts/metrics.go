package counts

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of a query.
const (
	outcomeOK      = "ok"
	outcomePartial = "partial"
	outcomeError   = "error"
)

// Metrics are what all Counters of a process count together.
type Metrics struct{ queries *prometheus.CounterVec }

// NewMetrics returns Metrics that are registered; a nil registerer keeps them to themselves.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := newMetrics()
	if r == nil {
		return m, nil
	}
	return m, r.Register(m.queries)
}

func newMetrics() *Metrics {
	m := &Metrics{queries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stagger_evidence_queries_total",
		Help: "Queries to Prometheus for evidence, by outcome: ok, partial (not used) or error (asked again).",
	}, []string{"outcome"})}
	for _, o := range []string{outcomeOK, outcomePartial, outcomeError} {
		m.queries.WithLabelValues(o)
	}
	return m
}
