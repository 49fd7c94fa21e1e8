// Package metrics says what the operator tells Prometheus about itself. One table holds the name, the type, the labels with their values, the
// help and the stability of every metric; the operator's series, the reference page and the tests are made from it.
//
//	Table ─► operator/metrics   registers them; an unknown name or label cannot be told
//	      ─► Reference          manifests/docs/reference/metrics.md
//
//	of a change   counters and histograms, told when it has been written
//	of a state    gauges, read from the TrafficShifts at each scrape (State), by the leader alone
package metrics
