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
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
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

func TestReadySaysHowThingsStand(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		script []string
		want   string // type of the one that is True, and the reason of Ready
	}{
		"at rest":                      {[]string{"wait 5s"}, "Ready UpToDate"},
		"while a release runs":         {[]string{"push v2", "wait 1m"}, "Reconciling Releasing"},
		"while it is taken back":       {[]string{"push v2", "wait 1m", "command abort 1 t"}, "Reconciling Releasing"},
		"after a promotion":            {[]string{"push v2", "wait 15m"}, "Ready Promoted"},
		"after an abort":               {[]string{"push v2", "wait 1m", "command abort 1 t", "wait 5m"}, "Stalled Aborted"},
		"after a revert":               {[]string{"push v2", "wait 1m", "push v1", "wait 5m"}, "Ready UpToDate"},
		"without a policy":             {[]string{"policy missing"}, "Stalled PolicyNotFound"},
		"with a problem":               {[]string{"problem TCP routes cannot be shifted"}, "Stalled RouteUnsupported"},
		"with one that passes":         {[]string{"let go", "push v2", "manage", "wait 5s"}, "Reconciling Waiting"},
		"without counts":               {[]string{"evidence stale Stale", "push v2", "wait 1m"}, "Reconciling Releasing"},
		"paused with a template":       {[]string{"wait 5s", "pause", "push v2"}, "Stalled Paused"},
		"scaled to 0":                  {[]string{"replicas 0"}, "Ready UpToDate"},
		"without a Service":            {[]string{"wait 5s", "delete service"}, "Stalled ServiceNotFound"},
		"when a refused one was let":   {[]string{"push v2", "wait 1m", "command abort 1 t", "wait 5m", "push v1"}, "Ready UpToDate"},
		"a release of what was undone": {[]string{"push v2", "wait 1m", "push v3", "wait 1m"}, "Reconciling Releasing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.playAll(t, append([]string{"wait 0s"}, c.script...))
			o := w.observe()
			got, ready := "", ""
			for _, condition := range Conditions(o, Decide(o, w.now)) {
				switch condition.Type {
				case v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
					if condition.Status == metav1.ConditionTrue {
						got = condition.Type
					}
				}
				if condition.Type == v1alpha1.ConditionReady {
					ready = condition.Reason
				}
			}
			if got += " " + ready; got != c.want {
				t.Errorf("conditions say %q, want %q\n%s", got, c.want, w.out.tail())
			}
		})
	}
}
