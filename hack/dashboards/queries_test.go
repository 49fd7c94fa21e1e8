package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// foreign are the metrics of others that boards show, with the labels they go by. Those of the operator's libraries are in its reference too.
var foreign = map[string][]string{
	// the operator's libraries
	"leader_election_master_status":                    {},
	"controller_runtime_reconcile_total":               {"controller"},
	"controller_runtime_reconcile_errors_total":        {"controller"},
	"controller_runtime_reconcile_time_seconds_bucket": {"controller", "le"},
	"workqueue_depth":                                  {"controller", "priority"},
	"workqueue_unfinished_work_seconds":                {"controller"},
	"rest_client_requests_total":                       {"method", "code"},
	"process_resident_memory_bytes":                    {},
	// Prometheus
	"ALERTS": {"alertname", "alertstate", "severity", metrics.LabelNamespace, metrics.LabelService},
	// Istio
	"istio_requests_total":                       {"reporter", "destination_service_name", "destination_service_namespace", "destination_workload", "response_code"},
	"istio_request_duration_milliseconds_bucket": {"reporter", "destination_service_name", "destination_service_namespace", "le"},
	// kube-state-metrics
	"kube_replicaset_status_ready_replicas": {"namespace", "replicaset"},
	"kube_replicaset_owner":                 {"namespace", "replicaset", "owner_kind", "owner_name"},
}

// ofOthers are the metrics of foreign that the operator's reference does not name.
var ofOthers = regexp.MustCompile(`^(ALERTS|istio_|kube_)`)

// targets are the labels that whoever scrapes gives to every series.
var targets = []string{"cluster", "job", "pod"}

// inScope stands for what Grafana puts in the place of a variable.
var inScope = strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "${release_service}", "checkout", "$release_service", "checkout",
	"$release_namespace", "shop", "$cluster", "a|b", "$workload", "checkout", "$job", "stagger-metrics")

// expressions are all that a board has Prometheus answer, by where they are.
func expressions(t *testing.T, d dashboard.Dashboard) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range panels(d) {
		for _, target := range p.Targets {
			q, ok := target.(*prometheus.Dataquery)
			if !ok {
				t.Fatalf("%q has a query that is not one of Prometheus", *p.Title)
			}
			all[*p.Title+" "+*q.RefId] = q.Expr
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr == nil || a.Datasource == nil || *a.Datasource.Uid != "${datasource}" {
			t.Fatalf("annotation %s asks nothing, or somebody else", a.Name)
		}
		all["annotation "+a.Name] = *a.Expr
	}
	asked := regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`)
	for _, v := range d.Templating.List {
		if v.Type == dashboard.VariableTypeDatasource {
			continue
		}
		text, _ := v.Query.Map["query"].(string)
		parts := asked.FindStringSubmatch(text)
		if parts == nil || v.Datasource == nil || *v.Datasource.Uid != "${datasource}" {
			t.Fatalf("variable %s is not asked for as it should be", v.Name)
		}
		all["variable "+v.Name] = "count by (" + parts[2] + ") (" + parts[1] + ")"
	}
	return all
}

// labelsOf are the labels of a metric, but those of its target, and the values they can have; known is false where there is no such metric.
func labelsOf(name string) (values map[string][]string, known bool) {
	values = map[string][]string{}
	if of, is := foreign[name]; is {
		for _, l := range of {
			values[l] = nil
		}
		return values, true
	}
	for _, m := range metrics.Table() {
		suffixes := []string{""}
		if m.Type == metrics.Histogram {
			suffixes = []string{"_bucket", "_count", "_sum"}
			values["le"] = nil
		}
		if suffix, has := strings.CutPrefix(name, m.Name); has && slices.Contains(suffixes, suffix) {
			for _, l := range m.Labels {
				values[l.Name] = l.Values
			}
			return values, true
		}
		delete(values, "le")
	}
	return nil, false
}

// Every query is one that Prometheus can read, and names metrics, labels and values that there are.
func TestQueriesNameOnlyWhatThereIs(t *testing.T) {
	eachBoard(t, func(t *testing.T, d dashboard.Dashboard) {
		for where, text := range expressions(t, d) {
			text = inScope.Replace(text)
			if strings.Contains(text, "$") {
				t.Errorf("%s has a variable that the board does not: %s", where, text)
				continue
			}
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
			if err != nil {
				t.Errorf("%s: %v in %s", where, err, text)
				continue
			}
			for _, fault := range faults(expr) {
				t.Errorf("%s: %s", where, fault)
			}
		}
	})
}

// unscoped is said of a metric that is shown whatever cluster is chosen.
const unscoped = " is not that of the chosen clusters"

// faults are the names in an expression that there are not.
func faults(expr parser.Expr) []string {
	var found []string
	var selected, grouped []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			values, known := labelsOf(n.Name)
			if !known {
				found = append(found, "there is no metric "+n.Name)
				return nil
			}
			scoped := false
			for l := range values {
				selected = append(selected, l)
			}
			for _, m := range n.LabelMatchers {
				scoped = scoped || m.Name == clusterLabel
				found = append(found, unmatched(n.Name, values, m)...)
			}
			if !scoped && n.Name != metrics.BuildInfo {
				found = append(found, n.Name+unscoped)
			}
		case *parser.AggregateExpr:
			grouped = append(grouped, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouped = append(grouped, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	for _, l := range grouped {
		if !slices.Contains(selected, l) && !slices.Contains(targets, l) {
			found = append(found, "no metric has the label "+l)
		}
	}
	return found
}

// unmatched says why a matcher can match nothing.
func unmatched(metric string, values map[string][]string, m *labels.Matcher) []string {
	if m.Name == model.MetricNameLabel || slices.Contains(targets, m.Name) {
		return nil
	}
	listed, has := values[m.Name]
	if !has {
		return []string{metric + " has no label " + m.Name}
	}
	var wrong []string
	for _, v := range strings.Split(m.Value, "|") {
		if listed != nil && !slices.Contains(listed, v) {
			wrong = append(wrong, metric+" has no "+m.Name+" "+v)
		}
	}
	return wrong
}

func TestWhatThereIsNotIsFound(t *testing.T) {
	for text, want := range map[string]string{
		`stagger_serviced{cluster="a"}`:                                                   "there is no metric stagger_serviced",
		`stagger_release_duration_seconds{cluster="a"}`:                                   "there is no metric stagger_release_duration_seconds",
		`stagger_services{cluster="a", namespace="shop"}`:                                 "stagger_services has no label namespace",
		`stagger_services{cluster="a", state=~"Ready|Done"}`:                              "stagger_services has no state Done",
		`sum by (team) (stagger_services{cluster="a"})`:                                   "no metric has the label team",
		`stagger_services`:                                                                "stagger_services is not that of the chosen clusters",
		`stagger_services{cluster="a"} / on (le) stagger_unmanaged_services{cluster="a"}`: "no metric has the label le",
	} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := faults(expr); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
}

// The list of foreign metrics holds what is shown, and what is the operator's own is in its reference.
func TestForeignMetricsAreShownAndReferredTo(t *testing.T) {
	shown := map[string]bool{}
	for _, b := range boards() {
		for _, text := range expressions(t, read(t, b)) {
			for name := range foreign {
				shown[name] = shown[name] || strings.Contains(text, name+"{")
			}
		}
	}
	for name := range foreign {
		if !shown[name] {
			t.Errorf("%s is shown by no board", name)
		}
		if !ofOthers.MatchString(name) && !slices.Contains(metrics.Foreign(), strings.TrimSuffix(name, "_bucket")) {
			t.Errorf("%s is not in the operator's reference", name)
		}
	}
}

// A metric that no board shows is one that nobody sees.
func TestEveryMetricIsOnABoard(t *testing.T) {
	var all strings.Builder
	for _, b := range boards() {
		for _, text := range expressions(t, read(t, b)) {
			all.WriteString(text + "\n")
		}
	}
	for _, m := range metrics.Table() {
		if !regexp.MustCompile(m.Name + `(_bucket|_count)?[{]`).MatchString(all.String()) {
			t.Errorf("%s is on no board", m.Name)
		}
	}
}

// What users are to put on their own boards names what there is, too.
func TestTheHowToNamesOnlyWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("../../manifests/docs/how-to/see-releases-on-your-own-boards.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`\|`, "|", `\"`, `"`, "$namespace", "shop", "$service", "checkout").Replace(string(page))
	queries := regexp.MustCompile(`max by \([a-z_, ]+\) \([^)]+\)`).FindAllString(text, -1)
	if len(queries) < 5 {
		t.Fatalf("only %q was found", queries)
	}
	for _, q := range queries {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(q)
		if err != nil {
			t.Errorf("%v in %s", err, q)
			continue
		}
		for _, fault := range faults(expr) {
			if !strings.HasSuffix(fault, unscoped) { // the reader has one cluster, or knows how to choose it
				t.Errorf("%s: %s", q, fault)
			}
		}
	}
}
