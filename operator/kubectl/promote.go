package kubectl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// promote leaves the present weight for the next step before the evidence says so.
type promote struct{ command }

func newPromote(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	p := promote{}
	var reason string
	c := &cobra.Command{
		Use:   "promote <service>",
		Short: "Leave the present weight for the next step",
		Long: "Leave the present weight for the next step, without waiting for its hold. Where the evidence does not clear the next step,\n" +
			"--reason has to say why it is to be left all the same. The command is for the weight that was seen: when the release has moved\n" +
			"by itself, or somebody else promoted it, nothing more happens. The last step is left by evidence only.\n\n" + exitHelp,
		Example:           "  kubectl stagger promote checkout --reason 'checked by hand, the fix cannot wait'",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if p.command, err = newCommand("promote", args[0], reason); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return p.run(c.Context(), cluster, w)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record; needed where the evidence does not clear the next step")
	return c
}

func (p *promote) run(ctx context.Context, c cluster, w World) error {
	done, err := p.order(ctx, c, w.Token())
	if err != nil {
		return err
	}
	if err := done.tell(w); err != nil {
		return err
	}
	say(w.Streams.ErrOut, "follow it with: %s", c.line("status", done.shift.Name))
	return nil
}

func (p *promote) order(ctx context.Context, c cluster, token string) (done, error) {
	p.weight = true
	shift, err := p.give(ctx, c, token, func(shift *v1alpha1.TrafficShift) error { return promotable(c, shift) })
	if err != nil {
		return done{}, err
	}
	r := shift.Status.Release
	return done{shift: shift, text: fmt.Sprintf("%s: release %d told to leave %s", shift.Name, r.Number, r.Weight)}, nil
}

// promotable refuses what the operator would refuse whatever the evidence is.
func promotable(c cluster, shift *v1alpha1.TrafficShift) error {
	r := shift.Status.Release
	_, more := r.NextStop()
	switch {
	case r.State.Ended():
		return fmt.Errorf("no release of %s is running, so there is no step to leave: release %d ended %s; see: %s",
			shift.Name, r.Number, r.State, c.line("status", shift.Name))
	case r.Outcome != nil || r.State == v1alpha1.StateHandover:
		return fmt.Errorf("release %d of %s is past its steps (it is %s), so there is none to leave; see: %s",
			r.Number, shift.Name, r.State, c.line("status", shift.Name))
	case r.Step == 0:
		return fmt.Errorf("release %d of %s has no traffic yet, so there is no step to leave; see: %s",
			r.Number, shift.Name, c.line("status", shift.Name))
	case !more:
		return fmt.Errorf("release %d of %s is at its last step, which only evidence ends; see: %s",
			r.Number, shift.Name, c.line("status", shift.Name))
	case shift.Spec.Control == v1alpha1.ControlPaused:
		return fmt.Errorf("%s is paused, and no weight is raised until then: %s", shift.Name, c.line("resume", shift.Name))
	}
	return nil
}
