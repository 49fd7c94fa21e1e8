package metrics_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// ofTargets are the labels that ServiceMonitors, PodMonitors and usual scrape configurations give to what they scrape. A metric's own label
// of the same name would arrive as exported_….
var ofTargets = []string{"namespace", "service", "pod", "container", "endpoint", "job", "instance", "node", "cluster", "prometheus", "replica", "name"}

func TestTheTableIsInOrder(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range metrics.Table() {
		if seen[m.Name] || !strings.HasPrefix(m.Name, "stagger_") || (m.Type == metrics.Counter) != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s: a %s needs a name of its own that begins with stagger_, and ends with _total when it is a counter", m.Name, m.Type)
		}
		seen[m.Name] = true
		if !strings.HasSuffix(m.Help, ".") || m.Stability == "" || (m.Type == metrics.Histogram) != (len(m.Buckets) > 0) {
			t.Errorf("%s: help, stability or buckets are missing", m.Name)
		}
		for _, l := range m.Labels {
			if slices.Contains(ofTargets, l.Name) {
				t.Errorf("%s: label %s is one of the target's", m.Name, l.Name)
			}
			if (l.Values == nil) == (l.Means == "") {
				t.Errorf("%s: of label %s either the values are listed or what they are is said", m.Name, l.Name)
			}
		}
		for _, b := range m.Born {
			if len(b) != len(m.Labels) {
				t.Errorf("%s is born with %q, and has %d labels", m.Name, b, len(m.Labels))
			}
		}
		if m.Custom && m.Labels[0].Name != "release_namespace" {
			t.Errorf("%s takes the labels of a namespace, which is not its first label", m.Name)
		}
	}
}

// Every counter and histogram whose label values are known is there before it is told anything: a series that appears with its first value
// is invisible to increase().
func TestWhatCanBeBornIsBornAtZero(t *testing.T) {
	for _, m := range metrics.Table() {
		known := m.Type != metrics.Gauge && !slices.ContainsFunc(m.Labels, func(l metrics.Label) bool { return l.Values == nil })
		if known && m.Born == nil {
			t.Errorf("%s is not there at 0", m.Name)
		}
	}
}

// Every reason for which the rules take a release back has a cause and a series.
func TestEveryEndHasItsSeries(t *testing.T) {
	var born []string
	for _, m := range metrics.Table() {
		if m.Name == metrics.Releases {
			for _, b := range m.Born {
				born = append(born, b[0]+" "+b[1])
				if cause := metrics.CauseOf(v1alpha1.ReleaseState(b[0]), v1alpha1.Reason(b[1])); cause != b[2] {
					t.Errorf("the cause of %s %s is %s and %s", b[0], b[1], b[2], cause)
				}
			}
		}
	}
	found := 0
	for _, reason := range abortReasons(t) {
		found++
		if !slices.Contains(born, "Aborted "+reason) {
			t.Errorf("releases are aborted for %s, and there is no series of it", reason)
		}
	}
	if found < 12 {
		t.Errorf("only %d reasons were found in pkg/release", found)
	}
}

// abortReasons are the reasons that pkg/release passes to abort by their names.
func abortReasons(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir("../release")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), "../release/"+f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			name, ok := call.Fun.(*ast.Ident)
			reason, constant := call.Args[1].(*ast.SelectorExpr)
			if ok && constant && name.Name == "abort" && strings.HasPrefix(reason.Sel.Name, "Reason") && reason.Sel.Name != "Reason" {
				all = append(all, strings.TrimPrefix(reason.Sel.Name, "Reason"))
			}
			return true
		})
	}
	return all
}

func TestTheReferenceNamesEverything(t *testing.T) {
	page := metrics.Reference()
	for _, m := range metrics.Table() {
		if !strings.Contains(page, "## "+m.Name+"\n") {
			t.Errorf("%s is missing", m.Name)
		}
		for _, l := range m.Labels {
			if !strings.Contains(page, "| `"+l.Name+"` |") {
				t.Errorf("label %s of %s is missing", l.Name, m.Name)
			}
		}
	}
}
