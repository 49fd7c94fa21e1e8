package steer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// newApprove opens a gate of the running release.
func newApprove(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	gate, image := "", ""
	c := newVerb(env, flags, &cobra.Command{
		Use:   "approve <service> <gate>",
		Short: "Open a gate of the running release",
		Long: "Open a gate of the policy for the running release, for people and for programs such as CI alike. It may come before the release\n" +
			"is at the gate, and holds for this release alone. Who approves needs the verb approve on gates.stagger.dev of that name, is named by\n" +
			"the API server, and stands in the record. A gate with by: AnotherPerson is not opened by who wrote the pod template.\n\n" +
			"With --image nothing is approved where the release is of another one. To say no, abort the release.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger approve checkout load-test --reason '1200 requests/s for ten minutes'\n" +
			"  kubectl stagger approve checkout load-test --image shop:1.5.0 --wait",
	}, func() verb { return approveVerb(gate, image) })
	c.Flags().StringVar(&image, "image", "", "approve only if the release has this image")
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 2 || cli.ServiceName(args[0]) == "" || args[1] == "" {
			return fmt.Errorf("%s needs the name of a Service and that of a gate: %s checkout load-test", c.Name(), c.CommandPath())
		}
		gate = args[1]
		return nil
	}
	return c
}

func approveVerb(gate, image string) verb {
	return verb{
		name: "approve", gate: gate,
		check: func(c cli.Cluster, shift *v1alpha1.TrafficShift) error { return checkApprove(c, shift, gate, image) },
		describe: func(r *v1alpha1.Release) string {
			return fmt.Sprintf("approval of gate %s of release %d commanded", gate, r.Number)
		},
	}
}

// checkApprove refuses to open what is no gate of the running release, or is open.
func checkApprove(c cli.Cluster, shift *v1alpha1.TrafficShift, gate, image string) error {
	r := shift.Status.Release
	g, known := r.Plan.Gate(gate)
	switch {
	case r.State.Ended():
		return fmt.Errorf("no release of %s is running, so no gate waits: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.CommandLine("status", shift.Name))
	case r.Outcome != nil || r.State == v1alpha1.StateHandover:
		return fmt.Errorf("release %d of %s is past its gates (it is %s); see: %s", r.Number, shift.Name, r.State, c.CommandLine("status", shift.Name))
	case !known:
		return fmt.Errorf("the plan of release %d of %s has no gate %s; %s", r.Number, shift.Name, gate, gatesOf(r))
	case image != "" && !slices.Contains(r.Images, image):
		return fmt.Errorf("release %d of %s has no image %s, so nothing was approved; it has %s", r.Number, shift.Name, image, strings.Join(r.Images, ", "))
	case r.Open(g):
		return fmt.Errorf("gate %s of release %d of %s is open already, by %s", gate, r.Number, shift.Name, strings.Join(r.Approved(gate), ", "))
	}
	return nil
}

// gatesOf names the gates of a release's plan.
func gatesOf(r *v1alpha1.Release) string {
	var names []string
	for _, step := range r.Plan.Steps {
		for _, g := range step.Gates {
			names = append(names, g.Name)
		}
	}
	if len(names) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(names, ", ")
}
