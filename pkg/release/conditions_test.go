package release

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// knownReasons are the constants of the API package, read from its source so that none is forgotten.
var knownReasons = sync.OnceValues(func() (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "../apis/stagger/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		known[value] = err == nil
		return true
	})
	return known, nil
})

// checkConditions checks the contract of kstatus and that every condition tells people something.
func checkConditions(t *testing.T, w *world, o Observation, d Decision) {
	t.Helper()
	known, err := knownReasons()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]metav1.ConditionStatus{}
	for _, c := range Conditions(o, d) {
		if _, twice := seen[c.Type]; twice {
			t.Fatalf("%s: condition %s is there twice", w.since(), c.Type)
		}
		seen[c.Type] = c.Status
		if c.Message == "" || !known[c.Reason] {
			t.Fatalf("%s: condition %s=%s has reason %q and message %q\n%s", w.since(), c.Type, c.Status, c.Reason, c.Message, w.out.tail())
		}
	}
	ready := btoi(seen[v1alpha1.ConditionReady] == metav1.ConditionTrue)
	reconciling := btoi(seen[v1alpha1.ConditionReconciling] == metav1.ConditionTrue)
	stalled := btoi(seen[v1alpha1.ConditionStalled] == metav1.ConditionTrue)
	if ready+reconciling+stalled != 1 {
		t.Fatalf("%s: exactly one of Ready, Reconciling and Stalled has to be True: %v", w.since(), seen)
	}
	moving := o.running() || d.Release != nil && !d.Release.State.Ended()
	if moving && stalled == 1 {
		t.Fatalf("%s: Stalled while a release runs: %s", w.since(), d)
	}
}
