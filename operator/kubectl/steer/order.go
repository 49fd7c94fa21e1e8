package steer

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// verb is a verb by which people command the operator.
type verb struct {
	// name is the verb as the operator reads it.
	name string
	// perWeight says that the command is only for the weight that was seen.
	perWeight bool
	// needsReason says that a reason has to be given.
	needsReason bool
	// check refuses what the operator would refuse whatever the evidence is.
	check func(c cli.Cluster, shift *v1alpha1.TrafficShift) error
	// describe says what is commanded, after the Service's name.
	describe func(r *v1alpha1.Release) string
	// waitsForEnd says that --wait waits until the release has ended, not only until the command is answered.
	waitsForEnd bool
}

// invocation is an order with what a person gives along.
type invocation struct {
	verb
	cli.WriteFlags
	cli.WaitFlags
	command command
	reason  string
}

// newVerb makes a verb of help and flags. The order is chosen when the flags are known.
func newVerb(env cli.Env, flags *genericclioptions.ConfigFlags, c *cobra.Command, choose func() verb) *cobra.Command {
	o := invocation{}
	c.Args = cli.OneService
	c.ValidArgsFunction = cli.CompleteServices(flags)
	c.RunE = func(c *cobra.Command, args []string) error {
		o.verb = choose()
		if err := o.parse(args[0]); err != nil {
			return err
		}
		cluster, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		return o.run(c.Context(), cluster, env)
	}
	waits := "wait until the operator has answered the command"
	if choose().waitsForEnd {
		waits = "wait until the release has ended"
	}
	c.Flags().StringVar(&o.reason, "reason", "", "why, for the record")
	o.WaitFlags.AddTo(c.Flags(), waits)
	o.WriteFlags.AddTo(c.Flags())
	return c
}

func (o *invocation) parse(arg string) (err error) {
	if o.command, err = newCommand(o.name, arg, o.reason); err != nil {
		return err
	}
	o.command.perWeight, o.command.dryRun = o.perWeight, o.DryRun
	if o.needsReason && o.command.reason == "" {
		return errors.New("this overrides the evidence; say why with --reason")
	}
	return cmp.Or(o.WaitFlags.Check(o.DryRun), o.WriteFlags.Check())
}

// alreadyAborting says that the release is being taken back already, so that there is nothing left to command.
type alreadyAborting struct{ why v1alpha1.Reason }

func (t alreadyAborting) Error() string { return "it is being taken back already: " + string(t.why) }

func (o *invocation) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	token := env.Token()
	d, err := o.send(ctx, c, token)
	if err != nil {
		return err
	}
	if err := d.Print(o.Output, env); err != nil {
		return err
	}
	switch {
	case !o.Wait && !o.DryRun && !d.Unchanged:
		cli.Say(env.Streams.ErrOut, "follow it with: %s", c.CommandLine("watch", d.Shift.Name))
		return nil
	case !o.Wait:
		return nil
	case o.waitsForEnd:
		return cli.WaitForEnd(ctx, c, env, d.Shift, o.Timeout)
	}
	return o.waitForAnswer(ctx, c, env, d.Shift, token)
}

// send writes the command.
func (o *invocation) send(ctx context.Context, c cli.Cluster, token string) (cli.Result, error) {
	is, err := o.command.send(ctx, c, token, func(shift *v1alpha1.TrafficShift) error {
		if err := o.check(c, shift); err != nil {
			return err
		}
		if o.perWeight && o.command.reason == "" && view.Overrides(shift) {
			return errors.New("the evidence does not clear the next step; say why it is to be left all the same, with --reason")
		}
		return nil
	})
	var already alreadyAborting
	if errors.As(err, &already) {
		text := fmt.Sprintf("release %d of %s is being taken back already (%s)", is.Shift.Status.Release.Number, is.Shift.Name, already.why)
		return cli.Result{Written: is, Text: text, Unchanged: true}, nil
	}
	if err != nil {
		return cli.Result{}, err
	}
	return cli.Result{Written: is, Text: o.Describe(is.Shift.Name + ": " + o.describe(is.Shift.Status.Release))}, nil
}

// waitForAnswer waits until the operator has carried the command out, or refused it.
func (o *invocation) waitForAnswer(ctx context.Context, c cli.Cluster, env cli.Env, shift *v1alpha1.TrafficShift, token string) error {
	var answer *v1alpha1.CommandAnswer
	err := c.Await(ctx, shift, o.Timeout, func(shift *v1alpha1.TrafficShift) (bool, error) {
		answer = shift.Status.LastAnswer
		return shift.Status.LastHandledCommand == token, nil
	})
	switch {
	case errors.Is(err, cli.ErrTimeout):
		return cli.TimeoutError{Message: fmt.Sprintf("the operator has not carried out %s of %s after %s; the command stands, look with: %s", o.name, shift.Name, o.Timeout, c.CommandLine("why", shift.Name))}
	case err != nil:
		return err
	case answer == nil:
		cli.Say(env.Streams.ErrOut, "the operator has handled the command; it is older than this plugin, so look what it did: %s", c.CommandLine("status", shift.Name))
		return nil
	case answer.Result == v1alpha1.CommandRefused:
		return fmt.Errorf("the operator refused: %s", answer.Message)
	}
	cli.Say(env.Streams.ErrOut, "%s: %s", shift.Name, answer.Message)
	return nil
}
