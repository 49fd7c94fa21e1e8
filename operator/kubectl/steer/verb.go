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

// verb is one verb of this package that commands the operator.
type verb struct {
	// name is the verb as the operator reads it.
	name string
	// gate is what an approve opens; empty for other verbs.
	gate string
	// perWeight says that the command is only for the weight that was seen.
	perWeight bool
	// needsReason says that a reason has to be given.
	needsReason bool
	// check refuses what the operator would refuse whatever the evidence is.
	check func(c cli.Cluster, shift *v1alpha1.TrafficShift) error
	// describe says what was commanded; it follows the Service's name.
	describe func(r *v1alpha1.Release) string
	// waitsForEnd says that --wait waits until the release has ended, not only until the command is answered.
	waitsForEnd bool
}

// invocation is a verb with its arguments and flags.
type invocation struct {
	verb
	cli.WriteFlags
	cli.WaitFlags
	command command
	reason  string
}

// newVerb adds to a command its flags and what it does. The verb is chosen when the flags are known.
func newVerb(env cli.Env, flags *genericclioptions.ConfigFlags, c *cobra.Command, choose func() verb) *cobra.Command {
	return (&invocation{}).newVerb(env, flags, c, choose)
}

func (i *invocation) newVerb(env cli.Env, flags *genericclioptions.ConfigFlags, c *cobra.Command, choose func() verb) *cobra.Command {
	c.Args = cli.OneService
	c.ValidArgsFunction = cli.CompleteServices(flags)
	c.RunE = func(c *cobra.Command, args []string) error {
		i.verb = choose()
		if err := i.parse(args[0], env); err != nil {
			return err
		}
		cluster, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		return i.run(c.Context(), cluster, env)
	}
	waits := "wait until the operator has answered the command"
	if choose().waitsForEnd {
		waits = "wait until the release has ended"
	}
	c.Flags().StringVar(&i.reason, "reason", "", "why, for the record")
	i.WaitFlags.AddTo(c.Flags(), waits)
	i.WriteFlags.AddTo(c.Flags())
	return c
}

func (i *invocation) parse(arg string, env cli.Env) (err error) {
	if i.command, err = newCommand(i.name, arg, i.reason, env.Now); err != nil {
		return err
	}
	i.command.perWeight, i.command.dryRun, i.command.gate = i.perWeight, i.DryRun, i.gate
	if i.needsReason && i.command.reason == "" {
		return errors.New("this overrides the evidence; say why with --reason")
	}
	return cmp.Or(i.WaitFlags.Check(i.DryRun), i.WriteFlags.Check())
}

// alreadyAborting says that the release is being taken back already, with why and by whom, so that nothing needs to be written.
type alreadyAborting struct{ why string }

func (a alreadyAborting) Error() string { return "it is being taken back already: " + a.why }

func (i *invocation) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	token := env.Token()
	result, err := i.send(ctx, c, token)
	if err != nil {
		return err
	}
	if err := result.Print(i.Output, env); err != nil {
		return err
	}
	switch {
	case !i.Wait && !i.DryRun && !result.Unchanged:
		cli.Say(env.Streams.ErrOut, "follow it with: %s", c.CommandLine("watch", result.Shift.Name))
		return nil
	case !i.Wait:
		return nil
	}
	return i.wait(ctx, c, env, result, token)
}

// wait waits for what came of the command.
func (i *invocation) wait(ctx context.Context, c cli.Cluster, env cli.Env, result cli.Result, token string) error {
	if !i.waitsForEnd {
		return i.waitForAnswer(ctx, c, env, result.Shift, token)
	}
	return cli.WaitForEnd(ctx, c, env, result.Shift, i.Timeout, func(shift *v1alpha1.TrafficShift) error {
		if result.Unchanged {
			return nil
		}
		_, err := answerTo(c, shift, token)
		return err
	})
}

// send writes the command.
func (i *invocation) send(ctx context.Context, c cli.Cluster, token string) (cli.Result, error) {
	written, err := i.command.send(ctx, c, token, func(shift *v1alpha1.TrafficShift) error {
		if err := i.check(c, shift); err != nil {
			return err
		}
		if i.perWeight && i.command.reason == "" && view.Overrides(shift) {
			return errors.New("the evidence does not clear the next step; say why it is to be left all the same, with --reason")
		}
		return nil
	})
	var already alreadyAborting
	if errors.As(err, &already) {
		text := fmt.Sprintf("release %d of %s is being taken back already: %s", written.Shift.Status.Release.Number, written.Shift.Name, already.why)
		return cli.Result{Written: written, Text: text, Unchanged: true}, nil
	}
	var way inTheWay
	if errors.As(err, &way) {
		if i.name == "abort" || i.name == "undo" && way.verb == "undo" { // what waits takes it back too
			return cli.Result{Written: written, Text: fmt.Sprintf("%s: %s stands already, and is not carried out yet", written.Shift.Name, way.said), Unchanged: true}, nil
		}
		return cli.Result{}, fmt.Errorf("%w; look with: %s", err, c.CommandLine("why", written.Shift.Name))
	}
	if err != nil {
		return cli.Result{}, err
	}
	return cli.Result{Written: written, Text: i.Describe(written.Shift.Name + ": " + i.describe(written.Shift.Status.Release))}, nil
}

// waitForAnswer waits until the operator has carried the command out, or refused it.
func (i *invocation) waitForAnswer(ctx context.Context, c cli.Cluster, env cli.Env, shift *v1alpha1.TrafficShift, token string) error {
	var answer *v1alpha1.CommandAnswer
	err := c.Await(ctx, shift, i.Timeout, func(shift *v1alpha1.TrafficShift) (is bool, err error) {
		answer, err = answerTo(c, shift, token)
		return answer != nil, err
	})
	switch {
	case errors.Is(err, cli.ErrTimeout):
		return cli.TimeoutError{Message: fmt.Sprintf("the operator has not carried out %s of %s after %s; the command stands, look with: %s", i.name, shift.Name, i.Timeout, c.CommandLine("why", shift.Name))}
	case err != nil:
		return c.Interrupted(err, "the command", shift.Name)
	case answer.Result == "":
		cli.Say(env.Streams.ErrOut, "the operator has handled the command; it is older than this plugin, so look what it did: %s", c.CommandLine("status", shift.Name))
		return nil
	case answer.Result == v1alpha1.CommandRefused:
		return fmt.Errorf("the operator refused: %s", answer.Message)
	}
	cli.Say(env.Streams.ErrOut, "%s: %s", shift.Name, answer.Message)
	return nil
}
