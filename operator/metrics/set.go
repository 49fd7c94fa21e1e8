package metrics

import (
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// Settings are what a Set is made with.
type Settings struct {
	// Custom are the names of the labels that come on top of those metrics that take them, without custom_.
	Custom []string
	// Of returns their values for a namespace, in the order of their names; nil without names.
	Of func(namespace string) []string
	// Elected is closed when this replica works; nil: it does.
	Elected <-chan struct{}
	// Build are the values of the labels of stagger_build_info.
	Build []string
}

// State gives the samples of gauges as they are now.
type State func(emit metrics.Emit)

// Set holds all metrics of the table. A nil Set takes everything and tells nobody. Its methods may be called from any goroutine, but for
// Gauges, which comes before the first scrape.
type Set struct {
	Settings
	table      map[string]metrics.Metric
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec
	gauges     map[string]*prometheus.Desc
	states     []State
	looked     looked
}

// New returns a Set with every series that is born at 0.
func New(s Settings) *Set {
	x := &Set{
		Settings: s, table: map[string]metrics.Metric{}, counters: map[string]*prometheus.CounterVec{},
		histograms: map[string]*prometheus.HistogramVec{}, gauges: map[string]*prometheus.Desc{},
	}
	for _, m := range metrics.Table() {
		x.table[m.Name] = m
		x.add(m)
	}
	return x
}

// add makes the metric's vector, or its description.
func (x *Set) add(m metrics.Metric) {
	labels := make([]string, 0, len(m.Labels))
	for _, l := range m.Labels {
		labels = append(labels, l.Name)
	}
	if m.Custom {
		for _, c := range x.Custom {
			labels = append(labels, "custom_"+c)
		}
	}
	switch m.Type {
	case metrics.Counter:
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, labels)
		for _, b := range m.Born {
			v.WithLabelValues(b...)
		}
		x.counters[m.Name] = v
	case metrics.Histogram:
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, labels)
		for _, b := range m.Born {
			v.WithLabelValues(b...)
		}
		x.histograms[m.Name] = v
	case metrics.Gauge:
		x.gauges[m.Name] = prometheus.NewDesc(m.Name, m.Help, labels, nil)
	}
}

// Add adds a value to a counter, or has a histogram observe it. The labels are those of the table, in their order.
func (x *Set) Add(name string, value float64, labels ...string) {
	if x == nil {
		return
	}
	labels = x.complete(name, labels)
	if c, ok := x.counters[name]; ok {
		c.WithLabelValues(labels...).Add(value)
		return
	}
	x.histograms[name].WithLabelValues(labels...).Observe(value)
}

// complete adds the values of the custom labels. The first label of a metric that takes them is the namespace.
func (x *Set) complete(name string, labels []string) []string {
	if !x.table[name].Custom || x.Of == nil {
		return labels
	}
	return slices.Concat(labels, x.Of(labels[0]))
}

// Namespace makes the series of a namespace with a managed Service be there at 0.
func (x *Set) Namespace(namespace string) {
	if x == nil {
		return
	}
	for _, name := range []string{metrics.NamespaceReleases, metrics.NamespaceCanaryRequests} {
		for _, value := range x.table[name].Labels[1].Values {
			x.Add(name, 0, namespace, value)
		}
	}
}

// Policy makes the series of a policy be there at 0, if they are not there.
func (x *Set) Policy(policy string) {
	for _, name := range []string{metrics.ReleasesStarted, metrics.Brakes} {
		x.Add(name, 0, policy)
	}
}

// Leave drops the counters of a namespace.
func (x *Set) Leave(namespace string) {
	for _, name := range []string{metrics.NamespaceReleases, metrics.NamespaceCanaryRequests} {
		x.counters[name].DeletePartialMatch(prometheus.Labels{"release_namespace": namespace})
	}
}

// Source makes the series of a source of counts be there at 0.
func (x *Set) Source(source string) {
	if x == nil {
		return
	}
	queries := x.table[metrics.EvidenceQueries].Labels
	for _, kind := range queries[1].Values {
		for _, outcome := range queries[2].Values {
			x.Add(metrics.EvidenceQueries, 0, source, kind, outcome)
		}
	}
	for _, reason := range x.table[metrics.EvidenceVoidSlices].Labels[1].Values {
		x.Add(metrics.EvidenceVoidSlices, 0, source, reason)
	}
}

// Gauges has the samples of a state told at each scrape of the replica that works.
func (x *Set) Gauges(state State) {
	if x != nil {
		x.states = append(x.states, state)
	}
}

// Describe is Prometheus's: all metrics there can be.
func (x *Set) Describe(to chan<- *prometheus.Desc) {
	for _, d := range x.gauges {
		to <- d
	}
	for _, c := range x.counters {
		c.Describe(to)
	}
	for _, h := range x.histograms {
		h.Describe(to)
	}
}

// Collect is Prometheus's: all series there are. The states come first: who leaves and joins there shows in the counters.
func (x *Set) Collect(to chan<- prometheus.Metric) {
	emit := func(name string, value float64, labels ...string) {
		m, err := prometheus.NewConstMetric(x.gauges[name], prometheus.GaugeValue, value, x.complete(name, labels)...)
		if err != nil {
			m = prometheus.NewInvalidMetric(x.gauges[name], fmt.Errorf("telling %s: %w", name, err))
		}
		to <- m
	}
	emit(metrics.BuildInfo, 1, x.Build...)
	if x.works() {
		for _, state := range x.states {
			state(emit)
		}
	}
	for _, c := range x.counters {
		c.Collect(to)
	}
	for _, h := range x.histograms {
		h.Collect(to)
	}
}

// works says whether this replica is the one that works.
func (x *Set) works() bool {
	if x.Elected == nil {
		return true
	}
	select {
	case <-x.Elected:
		return true
	default:
		return false
	}
}
