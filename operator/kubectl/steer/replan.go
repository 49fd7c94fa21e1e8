package steer

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// newReplan lets a running release go on by its policy as it is now.
func newReplan(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newVerb(env, flags, &cobra.Command{
		Use:   "replan <service>",
		Short: "Let the running release go on by its policy as it is now",
		Long: "Let the running release go on by its policy as it is now: its steps, holds, pace, deadlines and limits of the workload. A\n" +
			"release otherwise keeps the policy it began with. By what it is judged (objectives, confidence, tolerance, warm-up) stays\n" +
			"as it began, because evidence that begins anew in the middle is worth less; for that, abort it and retry.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger replan checkout --reason 'shorter holds for the night' --wait",
	}, replanVerb)
}

func replanVerb() verb {
	return verb{name: "replan", check: checkReplan, describe: func(r *v1alpha1.Release) string {
		return fmt.Sprintf("release %d told to go on by its policy as it is now", r.Number)
	}}
}

func checkReplan(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case r.State.Ended():
		return fmt.Errorf("no release of %s is running, and the next one takes its policy as it is then: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.CommandLine("status", shift.Name))
	case r.Outcome != nil || r.State == v1alpha1.StateHandover:
		return fmt.Errorf("release %d of %s is past its steps (it is %s), so there is nothing to plan; see: %s",
			r.Number, shift.Name, r.State, c.CommandLine("status", shift.Name))
	}
	return nil
}
