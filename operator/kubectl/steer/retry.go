package steer

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// newRetry releases a template again that was taken back.
func newRetry(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return newVerb(env, flags, &cobra.Command{
		Use:   "retry <service>",
		Short: "Release a version again that was taken back",
		Long: "Release a version again that was taken back, as it is. After an abort the same pod template is refused until it changes;\n" +
			"this is the way on when the version was not to blame. The new release starts at the first step.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger retry checkout --reason 'the database was down, not the version'",
	}, retryVerb)
}

func retryVerb() verb {
	return verb{name: "retry", check: checkRetry, describe: func(r *v1alpha1.Release) string {
		return fmt.Sprintf("retry of the version of release %d commanded", r.Number)
	}}
}

// checkRetry asks for a refused template that waits. That is usually the last release's own, but a template stays refused also
// while another one is released, and may be wanted again after that.
func checkRetry(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case !r.State.Ended():
		return fmt.Errorf("release %d of %s is still running, and retry is for a version that was taken back; see: %s",
			r.Number, shift.Name, c.CommandLine("status", shift.Name))
	case shift.Status.Refused == "":
		return fmt.Errorf("no version of %s is refused, so there is nothing to retry: release %d ended %s; change the pod template to release again",
			shift.Name, r.Number, r.State)
	case !cli.TemplateWaits(shift):
		return fmt.Errorf("the refused version of %s is no longer what its Deployment asks for, so there is nothing to retry; apply it again first", shift.Name)
	}
	return nil
}
