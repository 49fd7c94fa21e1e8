package steer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// gated gives the running release's next step a gate.
func gated(s *v1alpha1.TrafficShift) {
	r := s.Status.Release
	r.Plan.Steps[len(r.Plan.Steps)-1].Gates = []v1alpha1.Gate{{Name: "load-test"}, {Name: "second-person", By: v1alpha1.GateByAnotherPerson}}
	r.Approvals = []v1alpha1.Approval{{Gate: "second-person", By: "ann"}}
	r.Images = []string{"shop:1.5.0"}
}

func TestAnApprovalIsForAClosedGateOfTheRunningRelease(t *testing.T) {
	authored := func(s *v1alpha1.TrafficShift) { s.Status.Release.Author = "bob" }
	cases := map[string]struct {
		change []func(*v1alpha1.TrafficShift)
		words  string
		want   string
	}{
		"no gate":            {nil, "approve checkout", "approve needs the name of a Service and that of a gate: kubectl stagger approve checkout load-test"},
		"an unknown gate":    {nil, "approve checkout smoke", "the plan of release 7 of checkout has no gate smoke; it has load-test, second-person"},
		"another image":      {nil, "approve checkout load-test --image shop:1.6.0", "release 7 of checkout has no image shop:1.6.0, so nothing was approved; it has shop:1.5.0"},
		"the image":          {nil, "approve checkout load-test --image shop:1.5.0", ""},
		"an open gate":       {[]func(*v1alpha1.TrafficShift){authored}, "approve checkout second-person", "gate second-person of release 7 of checkout is open already, by ann"},
		"one that takes two": {nil, "approve checkout second-person", ""},
		"after the release": {[]func(*v1alpha1.TrafficShift){clitest.Promoted}, "approve checkout load-test",
			"no release of checkout is running, so no gate waits: release 7 ended Promoted; see: kubectl stagger status checkout -n shop"},
		"while it is taken back": {[]func(*v1alpha1.TrafficShift){clitest.TakeBack}, "approve checkout load-test",
			"release 7 of checkout is past its gates (it is Aborting); see: kubectl stagger status checkout -n shop"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), append([]func(*v1alpha1.TrafficShift){gated}, c.change...)...))
			code, _, talk := clitest.Run(t, s.Kubeconfig(), strings.Fields(c.words)...)
			switch {
			case c.want == "" && (code != cli.ExitOK || len(s.Patches) != 1):
				t.Errorf("exit code %d, %d patches, talk %q", code, len(s.Patches), talk)
			case c.want == "":
				command := s.Shifts[clitest.Key].Annotations[v1alpha1.CommandAnnotation]
				if want := "approve 7 t0ken " + strings.Fields(c.words)[2]; command != want {
					t.Errorf("%q was commanded, want %q", command, want)
				}
			case c.want != "" && (code == cli.ExitOK || len(s.Patches) > 0):
				t.Errorf("exit code %d, patches %q", code, s.Patches)
			case c.want != "":
				if diff := cmp.Diff("error: "+c.want+"\n", talk); diff != "" {
					t.Errorf("talk (-want +got):\n%s", diff)
				}
			}
		})
	}
}
