package steer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/view"
)

// control is a change of spec.control, which says who may raise the weights of a Service.
type control struct {
	to v1alpha1.Control
	// done says that it was changed, already that it was so before; both follow the Service's name.
	done, already string
	// seen is the release that a page showed, nil elsewhere. When another one runs now, nothing is changed.
	seen   *v1alpha1.Release
	reason string
	// now is the clock.
	now func() time.Time
	cli.WriteFlags
	cli.WaitFlags
}

func pauseControl() *control {
	return &control{to: v1alpha1.ControlPaused,
		done: "paused; no weight is raised until it is resumed, aborts still work", already: "paused already"}
}

func resumeControl() *control {
	return &control{to: v1alpha1.ControlAuto, done: "resumed; weights are raised by evidence again", already: "not paused"}
}

func newPause(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	p := pauseControl()
	c := &cobra.Command{
		Use:   "pause <service>",
		Short: "Keep weights from being raised until it is resumed",
		Long: "Keep weights from being raised until it is resumed. A running release stays at its weight, and is still taken back when the\n" +
			"evidence is against it; one that starts gets no traffic. The pause outlives releases. A promotion that is not carried out yet is\n" +
			"refused by it. A pause that stands keeps its name and its reason, whoever else pauses.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger pause checkout --reason 'sale until midnight'",
	}
	c.Flags().StringVar(&p.reason, "reason", "", "why, for those who wonder why nothing goes on")
	return p.newVerb(c, env, flags)
}

func newResume(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return resumeControl().newVerb(&cobra.Command{
		Use:     "resume <service>",
		Aliases: []string{"unpause"},
		Short:   "Let weights be raised by evidence again",
		Long:    "Let weights be raised by evidence again, after a pause.\n\n" + cli.ExitHelp,
		Example: "  kubectl stagger resume checkout",
	}, env, flags)
}

func (k *control) newVerb(c *cobra.Command, env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	k.WriteFlags.AddTo(c.Flags())
	k.WaitFlags.AddTo(c.Flags(), "wait until the operator has seen it")
	c.Args = cli.OneService
	c.ValidArgsFunction = cli.CompleteServices(flags)
	c.RunE = func(c *cobra.Command, args []string) error {
		err := cmp.Or(k.WriteFlags.Check(), k.WaitFlags.Check(k.DryRun))
		if err != nil {
			return err
		}
		k.now = env.Now
		if k.reason, err = oneLine(k.reason); err != nil {
			return err
		}
		cluster, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		return k.run(c.Context(), cluster, cli.ServiceName(args[0]), env)
	}
	return c
}

// errAlready says that there is nothing to set.
var errAlready = errors.New("control is so already")

func (k *control) run(ctx context.Context, c cli.Cluster, service string, env cli.Env) error {
	d, err := k.set(ctx, c, service)
	if err != nil {
		return err
	}
	if err := d.Print(k.Output, env); err != nil || !k.Wait {
		return err
	}
	return k.waitUntilSeen(ctx, c, d.Shift)
}

// waitUntilSeen waits until the status is about what was written.
func (k *control) waitUntilSeen(ctx context.Context, c cli.Cluster, shift *v1alpha1.TrafficShift) error {
	generation := shift.Generation
	err := c.Await(ctx, shift, k.Timeout, func(shift *v1alpha1.TrafficShift) (bool, error) {
		return shift.Status.ObservedGeneration >= generation, nil
	})
	if errors.Is(err, cli.ErrTimeout) {
		return cli.TimeoutError{Message: fmt.Sprintf("the operator has not looked at %s after %s; what was written stands, look with: %s", shift.Name, k.Timeout, c.CommandLine("status", shift.Name))}
	}
	return c.Interrupted(err, "what was written", shift.Name)
}

// set writes it.
func (k *control) set(ctx context.Context, c cli.Cluster, service string) (cli.Result, error) {
	written, err := c.Edit(ctx, service, k.DryRun, func(shift *v1alpha1.TrafficShift) (cli.Edit, error) {
		if shift.Spec.Control == k.to { // a pause that stands keeps its name and its reason
			return cli.Edit{}, errAlready
		}
		if k.seen != nil {
			if err := (command{verb: "resume"}).checkRelease(c, shift, k.seen); err != nil {
				return cli.Edit{}, err
			}
		}
		return cli.Edit{Patch: k.patch(shift), Does: fmt.Sprintf("setting control of %s to %s", shift.Name, k.to)}, nil
	})
	if errors.Is(err, errAlready) {
		text := fmt.Sprintf("%s is %s", written.Shift.Name, k.already)
		if by := view.PausedBy(written.Shift, k.now()); k.to == v1alpha1.ControlPaused && by != "" {
			text += " (" + by + "); nothing was changed"
		}
		return cli.Result{Written: written, Text: text, Unchanged: true}, nil
	}
	if err != nil {
		return cli.Result{}, err
	}
	text := written.Shift.Name + ": " + k.done
	if k.to == v1alpha1.ControlAuto && release.InTheWay(written.Shift, "abort") != nil {
		text = fmt.Sprintf("%s: resumed; %s stands, and is carried out all the same", written.Shift.Name, view.Waits(written.Shift, k.now()))
	}
	return cli.Result{Written: written, Text: k.Describe(text)}, nil
}

// patch sets control if it is still what was seen, and why; the API server sets control where nobody did.
func (k *control) patch(shift *v1alpha1.TrafficShift) patch.Patch {
	path := patch.Pointer("spec", "control")
	p := patch.Patch{patch.Test(path, shift.Spec.Control), patch.Replace(path, k.to)}
	annotations, said := patch.Pointer("metadata", "annotations"), shift.Annotations[v1alpha1.PausedAnnotation]
	switch {
	case k.reason != "" && len(shift.Annotations) == 0:
		p = append(p, patch.Version(shift.ResourceVersion))
		fallthrough
	case k.reason != "":
		p = append(p, patch.SetIn(annotations, shift.Annotations, v1alpha1.PausedAnnotation, k.reason)...)
	case said != "":
		p = append(p, patch.UnsetIn(annotations, shift.Annotations, v1alpha1.PausedAnnotation)...)
	}
	return p
}
