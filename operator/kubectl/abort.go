package kubectl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// abort takes the running release of a Service back.
type abort struct {
	command
	wait    bool
	timeout time.Duration
}

func newAbort(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	a := abort{}
	var reason string
	c := &cobra.Command{
		Use:   "abort <service>",
		Short: "Take the running release of a Service back",
		Long: "Take the running release of a Service back: the canary's traffic goes to 0% first, then everything else. The command\n" +
			"names the release that runs now; it never hits a later one. The template is not released again until it changes or\n" +
			"\"retry\" says so.\n\n" + exitHelp,
		Example:           "  kubectl stagger abort checkout --reason 'orders are booked twice' --wait",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.parse(args[0], reason); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return a.run(c.Context(), cluster, w)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	c.Flags().BoolVar(&a.wait, "wait", false, "wait until the release has ended")
	c.Flags().DurationVar(&a.timeout, "timeout", 2*time.Minute, "how long --wait waits")
	return c
}

func (a *abort) parse(arg, reason string) (err error) {
	if a.timeout <= 0 {
		return fmt.Errorf("--timeout must be above 0, not %s", a.timeout)
	}
	a.command, err = newCommand("abort", arg, reason)
	return err
}

// takenBack says that the release is being taken back already, so that there is nothing left to command.
type takenBack struct{ why v1alpha1.Reason }

func (t takenBack) Error() string { return "it is being taken back already: " + string(t.why) }

func (a *abort) run(ctx context.Context, c cluster, w World) error {
	done, err := a.order(ctx, c, w.Token())
	if err != nil {
		return err
	}
	if err := done.tell(w); err != nil {
		return err
	}
	if !a.wait {
		return nil
	}
	shift := done.shift
	wait := follow{cluster: c, name: shift.Name, number: shift.Status.Release.Number, timeout: a.timeout, talk: w.Streams.ErrOut, now: w.Now}
	end, err := wait.run(ctx, shift)
	if err != nil {
		return err
	}
	return end.tell(w, shift.Name)
}

func (a *abort) order(ctx context.Context, c cluster, token string) (done, error) {
	shift, err := a.give(ctx, c, token, func(shift *v1alpha1.TrafficShift) error { return abortable(c, shift) })
	var already takenBack
	switch {
	case errors.As(err, &already):
		text := fmt.Sprintf("release %d of %s is being taken back already (%s)", shift.Status.Release.Number, shift.Name, already.why)
		return done{shift: shift, text: text, already: true}, nil
	case err != nil:
		return done{}, err
	}
	return done{shift: shift, text: fmt.Sprintf("%s: abort of release %d commanded", shift.Name, shift.Status.Release.Number)}, nil
}

func abortable(c cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	switch {
	case r.State.Ended():
		return fmt.Errorf("no release of %s is running, so there is nothing to abort: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.line("status", shift.Name))
	case r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted:
		return fmt.Errorf("release %d of %s is promoted already and only puts routes and Service back; to go back, release the version before it", r.Number, shift.Name)
	case r.Outcome != nil:
		return takenBack{why: r.Outcome.Reason}
	}
	return nil
}
