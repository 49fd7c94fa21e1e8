package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	// tick is from one scrape to the next.
	tick = 30 * time.Second
	// length is how much there is before the present.
	length = 25 * time.Hour
	ticks  = int(length/tick) + 1
	// leader is the replica of the operator that works.
	leader = "stagger-7d9c-x2x5p"
)

// day is a day of a made-up fleet, as its scrapes show it: simulated releases, told by pkg/metrics, and made-up targets beside them. It is the
// same each time it is made.
type day struct {
	dice     *rand.Rand
	policies map[string]v1alpha1.ShiftPolicySpec
	table    map[string]metrics.Metric
	gauges   map[string][]string  // the samples of each
	added    map[string][]float64 // what was added to counters before each scrape
	scrape   int
}

// newDay makes the day, with the policies of a folder.
func newDay(policies string) (*day, error) {
	d := &day{dice: rand.New(rand.NewPCG(1, 1)), table: map[string]metrics.Metric{}, gauges: map[string][]string{}, added: map[string][]float64{}}
	var err error
	if d.policies, err = readPolicies(policies); err != nil {
		return nil, err
	}
	for _, m := range metrics.Table() {
		d.table[m.Name] = m
	}
	d.born()
	f, err := d.fleet()
	if err != nil {
		return nil, err
	}
	for d.scrape = range ticks {
		metrics.State(metrics.Fleet{Shifts: f.move(d.scrape), Services: f.others}, metrics.AllReleases, d.gauge)
		d.targets(f.managed)
	}
	d.alerts()
	return d, nil
}

// now is the time of the scrape.
func (d *day) now() time.Time { return timeOf(d.scrape) }

func timeOf(scrape int) time.Time { return end.Add(-length + time.Duration(scrape)*tick) }

// scrapeOf is the scrape that is the first to show what happened.
func scrapeOf(at time.Time) int { return int((at.Sub(end.Add(-length)) + tick - 1) / tick) }

// write gives all samples as OpenMetrics.
func (d *day) write(out io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(d.added)) {
		sum := 0.0
		for scrape, n := range d.added[name] {
			sum += n
			fmt.Fprintln(out, name, number(sum), timeOf(scrape).Unix())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.gauges)) {
		for _, sample := range d.gauges[name] {
			fmt.Fprintln(out, name, sample)
		}
	}
	fmt.Fprintln(out, "# EOF")
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 8, 64) }

func (d *day) sample(series string, value float64) {
	d.gauges[series] = append(d.gauges[series], fmt.Sprint(number(value), " ", d.now().Unix()))
}

// count adds to a counter.
func (d *day) count(n float64, name string, labels ...string) {
	series := named(name, labels...)
	if d.added[series] == nil {
		d.added[series] = make([]float64, ticks)
	}
	d.added[series][d.scrape] += n
}

// observe adds n of a value to a histogram.
func (d *day) observe(n, value float64, name string, bounds []float64, labels ...string) {
	for _, b := range append(slices.Clone(bounds), math.Inf(1)) {
		below := 0.0
		if value <= b {
			below = n
		}
		d.count(below, name+"_bucket", append(slices.Clone(labels), "le", fmt.Sprint(b))...)
	}
	d.count(n, name+"_count", labels...)
}

// named is a series: labels are names and values in turn.
func named(name string, labels ...string) string {
	var parts []string
	if !strings.HasPrefix(name, "istio_") && !strings.HasPrefix(name, "kube_") && name != "ALERTS" {
		parts = append(parts, `job="stagger-metrics"`)
		if !slices.Contains(labels, "pod") {
			labels = append(slices.Clone(labels), "pod", leader)
		}
	}
	for i := 0; i < len(labels); i += 2 {
		parts = append(parts, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// labels gives the labels of a metric of the table their names.
func (d *day) labels(name string, values ...string) []string {
	var labels []string
	for i, v := range values {
		labels = append(labels, d.table[name].Labels[i].Name, v)
	}
	return labels
}

// gauge is a metrics.Emit.
func (d *day) gauge(name string, value float64, values ...string) {
	d.sample(named(name, d.labels(name, values...)...), value)
}

// happened is a metrics.Emit of what has changed.
func (d *day) happened(name string, value float64, values ...string) {
	if m := d.table[name]; m.Type == metrics.Histogram {
		d.observe(1, value, name, m.Buckets, d.labels(name, values...)...)
		return
	}
	d.count(value, name, d.labels(name, values...)...)
}

// born makes the counters that are there at 0.
func (d *day) born() {
	for _, m := range d.table {
		for _, values := range m.Born {
			if m.Name == metrics.StepDuration && !slices.Contains([]string{"1", "2", "3", "4", "5", "6", "7"}, values[0]) {
				continue // no policy here has more steps
			}
			if labels := d.labels(m.Name, values...); m.Type == metrics.Histogram {
				d.observe(0, 0, m.Name, m.Buckets, labels...)
			} else {
				d.count(0, m.Name, labels...)
			}
		}
	}
}

// alerts are those that fire now, by their rules in manifests/monitoring/alerts.yaml.
func (d *day) alerts() {
	firing := []string{"ALERTS", "alertstate", "firing", "severity", "info", "alertname"}
	d.sample(named(firing[0], append(firing[1:], "StaggerPausedLong", metrics.LabelNamespace, "media", metrics.LabelService, "catalog")...), 1)
	for _, namespace := range []string{"shop", "payments", "search", "media"} {
		aborts := 0.0
		for _, n := range d.added[named(metrics.NamespaceReleases, d.labels(metrics.NamespaceReleases, namespace, string(v1alpha1.StateAborted))...)][ticks-int(15*time.Minute/tick):] {
			aborts += n
		}
		if aborts > 0 {
			d.sample(named(firing[0], append(firing[1:], "StaggerReleaseAborted", metrics.LabelNamespace, namespace)...), 1)
		}
	}
}
