package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// clusterLabel tells clusters apart where one Prometheus has several.
const clusterLabel = "cluster"

// rateInterval is a window in which at least four scrapes lie, and at least the distance of two points.
const rateInterval = "$__rate_interval"

// of are the series of a metric in the chosen clusters that match.
func of(metric string, matchers ...string) string {
	return metric + "{" + strings.Join(append([]string{clusterLabel + `=~"$cluster"`}, matchers...), ", ") + "}"
}

// ofRelease are those of the chosen release.
func ofRelease(metric string, matchers ...string) string {
	return of(metric, append([]string{is(metrics.LabelNamespace, "$release_namespace"), is(metrics.LabelService, "$release_service")}, matchers...)...)
}

// ofOperator are those of the operator's replicas: others have metrics of these names too.
func ofOperator(metric string, matchers ...string) string {
	return of(metric, append([]string{`job=~"$job"`}, matchers...)...)
}

// is matches one of the values.
func is(label string, values ...string) string {
	if len(values) == 1 {
		return fmt.Sprintf("%s=%q", label, values[0])
	}
	return fmt.Sprintf("%s=~%q", label, strings.Join(values, "|"))
}

// not matches anything but the values.
func not(label string, values ...string) string {
	return fmt.Sprintf("%s!~%q", label, strings.Join(values, "|"))
}

// sum adds up what the labels and the cluster do not tell apart.
func sum(expr string, by ...string) string { return aggregate("sum", expr, by) }

// most is the greatest of it. What the leader alone tells is there twice for a moment when another replica takes over.
func most(expr string, by ...string) string { return aggregate("max", expr, by) }

func aggregate(how, expr string, by []string) string {
	return how + " by (" + strings.Join(append([]string{clusterLabel}, by...), ", ") + ") (" + expr + ")"
}

func rate(series string) string { return "rate(" + series + "[" + rateInterval + "])" }

// increase is how much came in a window.
func increase(series, window string) string { return "increase(" + series + "[" + window + "])" }

// quantile is that of the histogram whose buckets rose by so much; no number where nothing happened.
func quantile(q float64, buckets string, by ...string) string {
	return fmt.Sprintf("histogram_quantile(%v, %s)", q, sum(buckets, append([]string{"le"}, by...)...))
}

// query is one question to Prometheus, and what its series are called.
type query struct {
	expr, legend string
	// now asks for the present alone, as tables and numbers do.
	now bool
	// rows asks for a table of labels and values.
	rows bool
}

// over asks for the time of the board.
func over(legend, expr string) query { return query{expr: expr, legend: legend} }

// now asks for the present.
func now(legend, expr string) query { return query{expr: expr, legend: legend, now: true} }

// list asks for a table of the present.
func list(expr string) query { return query{expr: expr, now: true, rows: true} }

// by names series by their labels.
func by(labels ...string) string { return "{{" + strings.Join(labels, "}} {{") + "}}" }

// target is the query as the panel's n-th. The name ends with the cluster, which is left out where there is none.
func (q query) target(n int) cog.Builder[variants.Dataquery] {
	t := prometheus.NewDataqueryBuilder().Expr(q.expr).RefId(string(rune('A' + n))).Datasource(source())
	if q.now {
		t.Instant()
	} else {
		t.Range()
	}
	if q.rows {
		return t.Format(prometheus.PromQueryFormatTable)
	}
	return t.LegendFormat(q.legend + " {{" + clusterLabel + "}}")
}
