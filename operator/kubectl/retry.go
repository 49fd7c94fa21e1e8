package kubectl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// retry releases a template again that was taken back.
type retry struct{ command }

func newRetry(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	r := retry{}
	var reason string
	c := &cobra.Command{
		Use:   "retry <service>",
		Short: "Release a version again that was taken back",
		Long: "Release a version again that was taken back, as it is. After an abort the same pod template is refused until it changes;\n" +
			"this is the way on when the version was not to blame. The new release starts at the first step.\n\n" + exitHelp,
		Example:           "  kubectl stagger retry checkout --reason 'the database was down, not the version'",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if r.command, err = newCommand("retry", args[0], reason); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return r.run(c.Context(), cluster, w)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return c
}

func (r *retry) run(ctx context.Context, c cluster, w World) error {
	done, err := r.order(ctx, c, w.Token())
	if err != nil {
		return err
	}
	if err := done.tell(w); err != nil {
		return err
	}
	say(w.Streams.ErrOut, "follow it with: %s", c.line("status", done.shift.Name))
	return nil
}

func (r *retry) order(ctx context.Context, c cluster, token string) (done, error) {
	shift, err := r.give(ctx, c, token, func(shift *v1alpha1.TrafficShift) error { return retryable(c, shift) })
	if err != nil {
		return done{}, err
	}
	return done{shift: shift, text: fmt.Sprintf("%s: retry of the version of release %d commanded", shift.Name, shift.Status.Release.Number)}, nil
}

// retryable asks for a refused template that waits. That is usually the last release's own, but a template stays refused also
// while another one is released, and may be wanted again after that.
func retryable(c cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case !r.State.Ended():
		return fmt.Errorf("release %d of %s is still running, and retry is for a version that was taken back; see: %s",
			r.Number, shift.Name, c.line("status", shift.Name))
	case shift.Status.Refused == "":
		return fmt.Errorf("no version of %s is refused, so there is nothing to retry: release %d ended %s; change the pod template to release again",
			shift.Name, r.Number, r.State)
	case meta.IsStatusConditionTrue(shift.Status.Conditions, v1alpha1.ConditionReady):
		return fmt.Errorf("the refused version of %s is no longer what its Deployment asks for, so there is nothing to retry; apply it again first", shift.Name)
	}
	return nil
}
