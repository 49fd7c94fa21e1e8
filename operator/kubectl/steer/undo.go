package steer

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// newUndo puts the template that runs back into the Deployment.
func newUndo(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newVerb(env, flags, &cobra.Command{
		Use:   "undo <service>",
		Short: "Put the version that serves back into the Deployment",
		Long: "Put the version that serves back into the Deployment, in place of one that was taken back. A running release is taken back\n" +
			"first. No pod starts or ends by it. What is kept in Git has to be put back there too, or the tool that applies it brings\n" +
			"the version again; it stays refused until it changes or \"retry\" says so.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger undo checkout --reason 'not before the sale' --wait",
	}, undoVerb)
}

func undoVerb() verb {
	return verb{name: "undo", check: checkUndo, describe: func(r *v1alpha1.Release) string {
		if r.State.Ended() {
			return "told to put the version that serves back into the Deployment"
		}
		return fmt.Sprintf("told to take release %d back, and to put the version before it back into the Deployment", r.Number)
	}}
}

func checkUndo(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case shift.Spec.Destinations != nil:
		return fmt.Errorf("%s moves traffic between destinations that Stagger does not run; to go back, set spec.destinations.revision to the one before", shift.Name)
	case r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted && (!r.State.Ended() || !cli.TemplateWaits(shift)):
		return fmt.Errorf("release %d of %s is promoted, so its version is the one that serves; to go back, release the version before it: kubectl rollout undo deployment/%s -n %s",
			r.Number, shift.Name, r.Workload.Deployment, c.Namespace)
	case r.State.Ended() && !cli.TemplateWaits(shift):
		return fmt.Errorf("the Deployment of %s asks for the version that serves, so there is nothing to undo; see: %s", shift.Name, c.CommandLine("status", shift.Name))
	}
	return nil
}
