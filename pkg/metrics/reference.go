package metrics

import (
	"fmt"
	"strings"
)

// others are the metrics that come with the libraries the operator is made of, and are worth a look.
var others = [][2]string{
	{"leader_election_master_status", "1 on the replica that works, 0 on the others."},
	{"controller_runtime_reconcile_total", "Passes, by controller (`shift`, `service`, `policy`) and result."},
	{"controller_runtime_reconcile_errors_total", "Passes that failed, by controller."},
	{"controller_runtime_reconcile_time_seconds", "How long passes took, by controller."},
	{"workqueue_depth", "What waits for a pass, by controller and priority. Releases that are being taken back have priority 100."},
	{"workqueue_unfinished_work_seconds", "How long the passes under way have been going on in all, by controller."},
	{"rest_client_requests_total", "Calls to the API server, by code and method."},
	{"process_resident_memory_bytes", "Memory of the process."},
}

// Reference is the page about all metrics, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Generated from pkg/metrics by make generate. Do not edit. -->

The operator serves these at ` + "`/metrics`" + `. Counters and histograms begin at 0 on every replica and count on the one that works. What is
told of a state is told by that replica alone, but for ` + "`" + BuildInfo + "`" + `.

The labels ` + "`release_namespace` and `release_service`" + ` are those of the Service that is released. They are not called ` + "`namespace` and `service`" + `,
because Prometheus writes the namespace and the Service of whom it scrapes there.

A Service at rest has no series of its own. A running release has at most 12, and 6 more for each objective: 18 with one, 24 with two. The 12
are why it waits, what it is, its start, two weights, its step and their number, three kinds of requests and two limits of the evidence; the 6
of an objective are its evidence on two sides, and the requests and the bad ones of two arms. A namespace has 5, one more for each pair of a
policy and a state that its Services are in, and one for Services that are not managed. So 5 000 Services, of which 250 are released by two
objectives, have 6 000 series of releases, and about 3 500 of 500 namespaces.

The setting ` + "`metrics.releases`" + ` (` + "`All`, `Waiting` or `None`" + `) says which releases have series: ` + "`Waiting`" + ` keeps those that are being taken back or wait
for something else than their next step, and ` + "`None`" + ` none, so that no alert can speak of a single release.

The setting ` + "`metrics.labels`" + ` adds labels of the namespaces, such as their team, to the metrics marked *custom*: ` + "`{name: team, from: example.com/team}`" + `
becomes ` + "`custom_team`" + `, which is empty where a namespace has no such label.

**Stable** metrics keep name, labels and meaning within a major version. **Beta** metrics may change from one minor version to the next;
the changelog says so.
`)
	for _, m := range Table() {
		m.describe(&b)
	}
	b.WriteString("\n## Of the libraries\n\n| metric | |\n|---|---|\n")
	for _, o := range others {
		fmt.Fprintf(&b, "| `%s` | %s |\n", o[0], o[1])
	}
	return b.String()
}

func (m Metric) describe(b *strings.Builder) {
	kinds := fmt.Sprintf("%s, %s", m.Type, m.Stability)
	if m.Custom {
		kinds += ", custom"
	}
	fmt.Fprintf(b, "\n## %s\n\n*%s*\n\n%s\n", m.Name, kinds, m.Help)
	if len(m.Labels) > 0 {
		b.WriteString("\n| label | values |\n|---|---|\n")
		for _, l := range m.Labels {
			fmt.Fprintf(b, "| `%s` | %s |\n", l.Name, l.describe())
		}
	}
	if len(m.Buckets) > 0 {
		fmt.Fprintf(b, "\nBuckets: %s\n", strings.Trim(strings.ReplaceAll(fmt.Sprint(m.Buckets), " ", ", "), "[]"))
	}
}

func (l Label) describe() string {
	if l.Values == nil {
		return l.Means
	}
	return "`" + strings.Join(l.Values, "`, `") + "`"
}

// Foreign are the names of the metrics of libraries that the reference names; alerts and dashboards may use them too.
func Foreign() []string {
	names := make([]string, 0, len(others))
	for _, o := range others {
		names = append(names, o[0])
	}
	return names
}
