package steer

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
	"github.com/stagger-dev/stagger/pkg/view"
)

// newAbort takes the running release of a Service back.
func newAbort(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := &abortAll{invocation: &invocation{}}
	c := a.newVerb(env, flags, &cobra.Command{
		Use:   "abort <service>",
		Short: "Take the running release of a Service back",
		Long: "Take the running release of a Service back: the canary's traffic goes to 0% first, then everything else. The command\n" +
			"names the release that runs now; it never hits a later one. The template is not released again until it changes or\n" +
			"\"retry\" says so. It stays in the Deployment; \"undo\" takes the release back and puts the template before it back too.\n\n" +
			"With --all every release that runs is taken back: those of all namespaces, or of the one that -n names. Who may list one\n" +
			"namespace only takes back those of the present one. What is not taken back is named, each release with its reason, and\n" +
			"so is each version whose release begins by itself, with the pause that keeps it from that.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger abort checkout --reason 'orders are booked twice' --wait\n" +
			"  kubectl stagger abort --all --policy fast --reason 'the database is down' --wait",
	}, abortVerb)
	a.addTo(c, env, flags)
	return c
}

func abortVerb() verb {
	return verb{name: "abort", waitsForEnd: true, check: checkAbort, describe: func(r *v1alpha1.Release) string {
		return fmt.Sprintf("abort of release %d commanded", r.Number)
	}}
}

func checkAbort(c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case r.State.Ended():
		message := fmt.Sprintf("no release of %s is running, so there is nothing to abort: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.CommandLine("status", shift.Name))
		if next := begins(c, shift); next != "" {
			message += "; " + next
		}
		return errors.New(message)
	case r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted:
		return fmt.Errorf("release %d of %s is promoted already and only puts routes and Service back; to go back, release the version before it", r.Number, shift.Name)
	case r.Outcome != nil:
		return alreadyAborting{why: text.Clean(cmp.Or(r.Outcome.Message, string(r.Outcome.Reason)))}
	}
	return nil
}

// begins says which version's release begins by itself, where no abort reaches it yet, and how to keep it from that; "" where none does.
func begins(c cli.Cluster, shift *v1alpha1.TrafficShift) string {
	version := view.Begins(shift)
	if version == "" {
		return ""
	}
	return fmt.Sprintf("%s waits to be released, and no abort reaches it before; keep its release from beginning with: %s", version, c.CommandLine("pause", shift.Name))
}
