package cluster_test

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// Where no admission policy writes down who commands, a name is what anybody claims.
func TestNamesThatNobodyKeepsTrueAreNotBelieved(t *testing.T) {
	p := inTheMiddle("shop")
	p.shift.Spec.Control = v1alpha1.ControlPaused
	p.shift.Annotations = map[string]string{
		v1alpha1.CommandAnnotation: "abort 3 t2 why", v1alpha1.CommandedByAnnotation: "t2 ops@example.com",
		v1alpha1.ReplacedAnnotation: "t2\nt1 dev@example.com\npromote 3 t1 why", v1alpha1.ControlledByAnnotation: "lead@example.com",
	}
	for nameless, want := range map[bool][3]string{false: {"ops@example.com", "dev@example.com", "lead@example.com"}, true: {}} {
		s := settings()
		s.Nameless = nameless
		w := cluster.Observe(p.objects(), s, noon).Facts.Wanted
		if got := [3]string{w.Command.By, w.Command.Replaced.By, w.PausedBy}; got != want {
			t.Errorf("nameless %t: %q, want %q", nameless, got, want)
		}
	}
}
