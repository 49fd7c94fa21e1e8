package kubectl

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// order is a verb by which people command the operator.
type order struct {
	// word is the verb as the operator reads it.
	word string
	// weight says that the command is only for the weight that was seen.
	weight bool
	// why says that a reason has to be given.
	why bool
	// allowed refuses what the operator would refuse whatever the evidence is.
	allowed func(c cluster, shift *v1alpha1.TrafficShift) error
	// given says what is commanded, after the Service's name.
	given func(r *v1alpha1.Release) string
	// ends says that --wait waits until the release has ended, not only until the command is answered.
	ends bool
}

// ordering is an order with what a person gives along.
type ordering struct {
	order
	writing
	waiting
	command command
	reason  string
}

// orderVerb makes a verb of help and flags. The order is chosen when the flags are known.
func orderVerb(w World, flags *genericclioptions.ConfigFlags, c *cobra.Command, choose func() order) *cobra.Command {
	o := ordering{}
	c.Args = one
	c.ValidArgsFunction = completeNames(flags)
	c.RunE = func(c *cobra.Command, args []string) error {
		o.order = choose()
		if err := o.parse(args[0]); err != nil {
			return err
		}
		cluster, err := connect(flags)
		if err != nil {
			return err
		}
		return o.run(c.Context(), cluster, w)
	}
	waits := "wait until the operator has answered the command"
	if choose().ends {
		waits = "wait until the release has ended"
	}
	c.Flags().StringVar(&o.reason, "reason", "", "why, for the record")
	o.waiting.flags(c.Flags(), waits)
	o.writing.flags(c.Flags())
	return c
}

func (o *ordering) parse(arg string) (err error) {
	if o.command, err = newCommand(o.word, arg, o.reason); err != nil {
		return err
	}
	o.command.weight, o.command.dryRun = o.weight, o.dryRun
	if o.why && o.command.reason == "" {
		return errors.New("this overrides the evidence; say why with --reason")
	}
	return cmp.Or(o.waiting.check(o.dryRun), o.writing.check())
}

// takenBack says that the release is being taken back already, so that there is nothing left to command.
type takenBack struct{ why v1alpha1.Reason }

func (t takenBack) Error() string { return "it is being taken back already: " + string(t.why) }

func (o *ordering) run(ctx context.Context, c cluster, w World) error {
	token := w.Token()
	d, err := o.give(ctx, c, token)
	if err != nil {
		return err
	}
	if err := d.tell(o.output, w); err != nil {
		return err
	}
	switch {
	case !o.wait && !o.dryRun && !d.already:
		say(w.Streams.ErrOut, "follow it with: %s", c.line("watch", d.shift.Name))
		return nil
	case !o.wait:
		return nil
	case o.ends:
		return waitForEnd(ctx, c, w, d.shift, o.timeout)
	}
	return o.waitForAnswer(ctx, c, w, d.shift, token)
}

// give writes the command.
func (o *ordering) give(ctx context.Context, c cluster, token string) (done, error) {
	is, err := o.command.give(ctx, c, token, func(shift *v1alpha1.TrafficShift) error {
		if err := o.allowed(c, shift); err != nil {
			return err
		}
		if o.weight && o.command.reason == "" && view.Overrides(shift) {
			return errors.New("the evidence does not clear the next step; say why it is to be left all the same, with --reason")
		}
		return nil
	})
	var already takenBack
	if errors.As(err, &already) {
		text := fmt.Sprintf("release %d of %s is being taken back already (%s)", is.shift.Status.Release.Number, is.shift.Name, already.why)
		return done{written: is, text: text, already: true}, nil
	}
	if err != nil {
		return done{}, err
	}
	return done{written: is, text: o.said(is.shift.Name + ": " + o.given(is.shift.Status.Release))}, nil
}

// waitForAnswer waits until the operator has carried the command out, or refused it.
func (o *ordering) waitForAnswer(ctx context.Context, c cluster, w World, shift *v1alpha1.TrafficShift, token string) error {
	var answer *v1alpha1.CommandAnswer
	err := c.await(ctx, shift, o.timeout, func(shift *v1alpha1.TrafficShift) (bool, error) {
		answer = shift.Status.LastAnswer
		return shift.Status.LastHandledCommand == token, nil
	})
	switch {
	case errors.Is(err, errLate):
		return late{fmt.Sprintf("the operator has not carried out %s of %s after %s; the command stands, look with: %s", o.word, shift.Name, o.timeout, c.line("why", shift.Name))}
	case err != nil:
		return err
	case answer == nil:
		say(w.Streams.ErrOut, "the operator has handled the command; it is older than this plugin, so look what it did: %s", c.line("status", shift.Name))
		return nil
	case answer.Result == v1alpha1.CommandRefused:
		return fmt.Errorf("the operator refused: %s", answer.Message)
	}
	say(w.Streams.ErrOut, "%s: %s", shift.Name, answer.Message)
	return nil
}

// waits says whether the Deployment asks for another version than the one that runs, as far as the conditions tell.
func waits(shift *v1alpha1.TrafficShift) bool {
	return !meta.IsStatusConditionTrue(shift.Status.Conditions, v1alpha1.ConditionReady)
}
