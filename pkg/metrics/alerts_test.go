package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	monitoring = "../../manifests/monitoring/"
	runbooks   = "../../manifests/docs/runbooks/"
	runbookURL = "https://github.com/stagger-dev/stagger/blob/main/manifests/docs/runbooks/"
)

type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"alerts.yaml")), &rule); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range rule.Spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	metricName = regexp.MustCompile(`\b[a-z]+(?:_[a-z]+)+\b`)
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	// lists are what follows by, on and group_left: names of labels.
	lists = regexp.MustCompile(`(?:by|on|group_left) \(([a-z_, ]*)\)`)
	// functions look like names of metrics.
	functions = []string{"histogram_quantile", "group_left", "last_over_time"}
	// targets are labels of whom Prometheus scrapes, not of a metric.
	targets = []string{"cluster", "namespace", "job", "instance"}
)

// Alerts name metrics, labels and values that there are; stable ones, where they are Stagger's own.
func TestAlertsNameOnlyWhatThereIs(t *testing.T) {
	for _, a := range alerts(t) {
		var known []metrics.Label
		rest := lists.ReplaceAllString(matcher.ReplaceAllString(a.Expr, ""), "")
		used := metricName.FindAllString(rest, -1)
		foreign := false
		for _, name := range used {
			if slices.Contains(functions, name) {
				continue
			}
			i := slices.IndexFunc(metrics.Table(), func(m metrics.Metric) bool {
				return m.Name == name || m.Type == metrics.Histogram && m.Name+"_bucket" == name
			})
			switch {
			case i >= 0 && metrics.Table()[i].Stability == metrics.Stable:
				known = append(known, metrics.Table()[i].Labels...)
			case slices.Contains(metrics.Foreign(), name):
				foreign = true
			default:
				t.Errorf("%s names %s, which is no stable metric of the reference", a.Alert, name)
			}
		}
		for _, m := range matcher.FindAllStringSubmatch(a.Expr, -1) {
			checkMatcher(t, a.Alert, known, foreign, m[1], m[3])
		}
		for _, l := range lists.FindAllStringSubmatch(a.Expr, -1) {
			for _, name := range strings.FieldsFunc(l[1], func(r rune) bool { return r == ',' || r == ' ' }) {
				if name != "le" && !slices.Contains(targets, name) {
					checkMatcher(t, a.Alert, known, foreign, name, "")
				}
			}
		}
	}
}

// checkMatcher checks that a metric of the alert has the label and, where they are listed, the values that are parted by |.
func checkMatcher(t *testing.T, alert string, known []metrics.Label, foreign bool, name, values string) {
	t.Helper()
	if foreign && name == "controller" {
		return
	}
	var of []metrics.Label
	for _, l := range known {
		if l.Name == name {
			of = append(of, l)
		}
	}
	if len(of) == 0 {
		t.Errorf("%s names the label %s, which none of its metrics has", alert, name)
	}
	for _, v := range strings.Split(values, "|") {
		if v != "" && !slices.ContainsFunc(of, func(l metrics.Label) bool { return l.Values == nil || slices.Contains(l.Values, v) }) {
			t.Errorf("%s names %s=%q, which is no value of it", alert, name, v)
		}
	}
}

func TestEveryAlertIsExplainedAndTested(t *testing.T) {
	index, tests := read(t, runbooks+"index.md"), read(t, monitoring+"alerts.test.yaml")
	pages := 0
	for _, a := range alerts(t) {
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s has the severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || a.Annotations["runbook_url"] != runbookURL+a.Alert+".md" {
			t.Errorf("%s needs summary, description and the address of its page: %v", a.Alert, a.Annotations)
		}
		page, at := read(t, runbooks+a.Alert+".md"), 0
		for _, section := range []string{"# " + a.Alert + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"} {
			i := strings.Index(page[at:], section)
			if i < 0 {
				t.Fatalf("the page of %s needs %q, in its place", a.Alert, section)
			}
			at += i
		}
		if !strings.Contains(index, "| ["+a.Alert+"]("+a.Alert+".md) | "+a.Labels["severity"]+" |") {
			t.Errorf("%s is not in the index with its severity", a.Alert)
		}
		if !strings.Contains(tests, `alertname="`+a.Alert+`"`) {
			t.Errorf("no test has %s fire", a.Alert)
		}
		pages++
	}
	files, err := os.ReadDir(runbooks)
	if err != nil || len(files) != pages+1 {
		t.Errorf("%d files for %d alerts and their index (%v)", len(files), pages, err)
	}
}

// A ServiceMonitor that reads files is refused by OpenShift's monitoring of user workloads, and what carries no label of theirs is not seen by
// the Prometheuses of kube-prometheus-stack.
func TestUsualPrometheusesTakeTheServiceMonitor(t *testing.T) {
	var secret struct {
		Type     string `json:"type"`
		Metadata struct {
			Name        string            `json:"name"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	var monitor struct {
		Kind string `json:"kind"`
		Spec struct {
			Endpoints []struct {
				BearerTokenFile string `json:"bearerTokenFile"`
				Authorization   struct {
					Credentials struct {
						Name string `json:"name"`
						Key  string `json:"key"`
					} `json:"credentials"`
				} `json:"authorization"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	objects := strings.Split(read(t, monitoring+"scrape.yaml"), "\n---\n")
	for into, text := range map[any]string{&secret: objects[1], &monitor: objects[len(objects)-1]} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if monitor.Kind != "ServiceMonitor" || len(monitor.Spec.Endpoints) != 1 {
		t.Fatalf("it is %+v", monitor)
	}
	at := monitor.Spec.Endpoints[0]
	if at.BearerTokenFile != "" || at.Authorization.Credentials.Name != secret.Metadata.Name || at.Authorization.Credentials.Key != "token" {
		t.Errorf("it reads the token of %+v", at)
	}
	if secret.Type != "kubernetes.io/service-account-token" || secret.Metadata.Annotations["kubernetes.io/service-account.name"] == "" {
		t.Errorf("nobody fills in the Secret %+v", secret)
	}
	var all struct {
		Labels []struct {
			Pairs map[string]string `json:"pairs"`
		} `json:"labels"`
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"kustomization.yaml")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Labels) != 1 || all.Labels[0].Pairs["release"] == "" {
		t.Errorf("the labels of all objects are %+v", all.Labels)
	}
}
