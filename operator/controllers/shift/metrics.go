package shift

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// metrics are what the controller tells Prometheus. Series of a TrafficShift are there while a release of it runs.
type metrics struct {
	weight, step, evidence, badRatio *prometheus.GaugeVec
	exposed, failed                  *prometheus.GaugeVec
	releases                         *prometheus.CounterVec
	duration, abortLatency           prometheus.Histogram
	routeWrites                      prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "stagger", Name: name, Help: help}, append([]string{"namespace", "name"}, labels...))
	}
	m := &metrics{
		weight:   gauge("release_weight_ratio", "Share of the traffic for the canary, wanted and measured.", "kind"),
		step:     gauge("release_step", "Step of the plan, from 1; 0 before the first."),
		evidence: gauge("objective_evidence", "Evidence about the canary: against it (100 aborts) and for the next move.", "objective", "side"),
		badRatio: gauge("objective_bad_ratio", "Share of bad requests in this release.", "objective", "arm"),
		exposed:  gauge("release_exposed_requests", "Requests that met the canary in this release."),
		failed:   gauge("release_failed_requests", "Requests that met the canary in this release and were bad."),
		releases: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "stagger", Name: "releases_total",
			Help: "Releases that ended."}, []string{"outcome", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "stagger", Name: "release_duration_seconds",
			Help: "From the start of a release to its end.", Buckets: prometheus.ExponentialBuckets(30, 2, 14)}),
		abortLatency: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "stagger", Name: "abort_latency_seconds",
			Help:    "From the end of the slice whose counts decided an abort to the last of its writes; the lag of Prometheus is in it.",
			Buckets: prometheus.ExponentialBuckets(0.25, 1.5, 14)}),
		routeWrites: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "stagger", Name: "route_writes_total",
			Help: "Writes of VirtualServices."}),
	}
	if registry != nil {
		registry.MustRegister(m.weight, m.step, m.evidence, m.badRatio, m.exposed, m.failed, m.releases, m.duration, m.abortLatency, m.routeWrites)
	}
	return m
}

// show sets the series of a running release, as its record was written last.
func (m *metrics) show(v *cluster.View) {
	rec := v.Shift.Status.Release
	key := types.NamespacedName{Namespace: v.Shift.Namespace, Name: v.Shift.Name}
	if !rec.Running() {
		m.forget(key)
		return
	}
	n, e := []string{key.Namespace, key.Name}, v.Facts.Evidence
	m.weight.WithLabelValues(append(n, "wanted")...).Set(rec.Weight.Fraction())
	if e.Share >= 0 {
		m.weight.WithLabelValues(append(n, "live")...).Set(float64(e.Share) / v1alpha1.Whole)
	}
	m.step.WithLabelValues(n...).Set(float64(rec.Step))
	m.exposed.WithLabelValues(n...).Set(e.Verdict.Exposed.Requests)
	m.failed.WithLabelValues(n...).Set(e.Verdict.Exposed.Bad)
	for _, o := range e.Verdict.Objectives {
		m.evidence.WithLabelValues(append(n, o.Name, "against")...).Set(o.Against)
		m.evidence.WithLabelValues(append(n, o.Name, "for")...).Set(o.For)
		if c := o.Release.Canary; c.Requests > 0 {
			m.badRatio.WithLabelValues(append(n, o.Name, "canary")...).Set(c.Bad / c.Requests)
		}
		if s := o.Release.Stable; s.Requests > 0 {
			m.badRatio.WithLabelValues(append(n, o.Name, "stable")...).Set(s.Bad / s.Requests)
		}
	}
}

// ended counts a release that is over, once that is written.
func (m *metrics) ended(before, after v1alpha1.TrafficShiftStatus) {
	if len(after.History) == 0 || len(before.History) > 0 && before.History[0].Number == after.History[0].Number {
		return
	}
	p := after.History[0]
	m.releases.WithLabelValues(string(p.Outcome), string(p.Reason)).Inc()
	m.duration.Observe(p.Duration.Duration().Seconds())
}

// forget drops the series of a TrafficShift.
func (m *metrics) forget(key types.NamespacedName) {
	labels := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	for _, g := range []*prometheus.GaugeVec{m.weight, m.step, m.evidence, m.badRatio, m.exposed, m.failed} {
		g.DeletePartialMatch(labels)
	}
}
