package steer_test

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ops@example.com has commanded and no operator works; what another person types then takes the place of it only to take the release back,
// and else says whose command waits and since when.
func TestEveryPairOfVerbsOfTwoPeople(t *testing.T) {
	// What is typed, and the verb that is commanded by it; "" for what changes control alone.
	running := map[string]string{"abort checkout": "abort", "abort --all": "abort", "undo checkout": "undo", "replan checkout": "replan",
		"promote checkout --reason fine": "promote", "promote checkout --full --reason fine": "promote-full", "pause checkout": "", "resume checkout": ""}
	over := map[string]string{"undo checkout": "undo", "retry checkout": "retry"}
	cases := []struct {
		first  []string
		second map[string]string
		with   func(*v1alpha1.TrafficShift)
	}{
		{[]string{"abort", "undo", "replan", "promote", "promote-full"}, running, func(*v1alpha1.TrafficShift) {}},
		{[]string{"undo", "retry"}, over, clitest.Aborted},
	}
	takesBack := map[string]bool{"abort": true, "undo": true}
	for _, c := range cases {
		for _, first := range c.first {
			for typed, second := range c.second {
				t.Run(first+", "+typed, func(t *testing.T) {
					before := first + " 7 t1 why"
					s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), c.with, commanded(before, "t1 ops@example.com")))
					_, out, talk := clitest.Run(t, s.Kubeconfig(), strings.Fields(typed)...)
					now, kept := s.Shifts[clitest.Key].Annotations[v1alpha1.CommandAnnotation], s.Shifts[clitest.Key].Annotations[v1alpha1.ReplacedAnnotation]
					switch replaces := takesBack[second] && !takesBack[first]; {
					case replaces && (!strings.HasPrefix(now, second+" 7") || kept != "t0ken\nt1 ops@example.com\n"+before):
						t.Errorf("the command is %q in place of %q, said: %q", now, kept, out+talk)
					case !replaces && (now != before || kept != ""):
						t.Errorf("the command is %q, want %q, said: %q", now, before, out+talk)
					case !replaces && second != "" && !strings.Contains(talk, first+" of release 7 (by ops@example.com 12s ago)"):
						t.Errorf("it is not said whose command waits: %q", talk)
					}
				})
			}
		}
	}
}
