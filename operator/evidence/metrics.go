package evidence

import (
	"github.com/prometheus/client_golang/prometheus"
)

// register registers the metrics of the loop; a nil registerer keeps them to itself.
func register(r prometheus.Registerer, age func() float64) error {
	if r == nil {
		return nil
	}
	return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stagger_evidence_age_seconds",
		Help: "Age of the newest counts of the running release that was counted least; 0 while no release has traffic.",
	}, age))
}
