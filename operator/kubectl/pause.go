package kubectl

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// control says who may raise the weights of a Service.
type control struct {
	to v1alpha1.Control
	// done and already say it of a Service.
	done, already string
	// seen is the release whose weights may be raised, where it was seen before; another one stays as it is.
	seen *v1alpha1.Release
}

// pausing and resuming are the two ways of it.
func pausing() control {
	return control{to: v1alpha1.ControlPaused,
		done: "paused; no weight is raised until it is resumed, aborts still work", already: "paused already"}
}

func resuming() control {
	return control{to: v1alpha1.ControlAuto, done: "resumed; weights are raised by evidence again", already: "not paused"}
}

func newPause(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return pausing().verb(&cobra.Command{
		Use:   "pause <service>",
		Short: "Keep weights from being raised until it is resumed",
		Long: "Keep weights from being raised until it is resumed. A running release stays at its weight, and is still taken back when the\n" +
			"evidence is against it; one that starts gets no traffic. The pause outlives releases.\n\n" + exitHelp,
		Example: "  kubectl stagger pause checkout",
	}, w, flags)
}

func newResume(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return resuming().verb(&cobra.Command{
		Use:     "resume <service>",
		Short:   "Let weights be raised by evidence again",
		Long:    "Let weights be raised by evidence again, after a pause.\n\n" + exitHelp,
		Example: "  kubectl stagger resume checkout",
	}, w, flags)
}

func (k control) verb(c *cobra.Command, w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	c.Args = one
	c.ValidArgsFunction = completeNames(flags)
	c.RunE = func(c *cobra.Command, args []string) error {
		cluster, err := connect(flags)
		if err != nil {
			return err
		}
		return k.run(c.Context(), cluster, serviceName(args[0]), w)
	}
	return c
}

// errAlready says that there is nothing to set.
var errAlready = errors.New("control is so already")

func (k control) run(ctx context.Context, c cluster, service string, w World) error {
	done, err := k.order(ctx, c, service)
	if err != nil {
		return err
	}
	return done.tell(w)
}

func (k control) order(ctx context.Context, c cluster, service string) (done, error) {
	shift, err := c.edit(ctx, service, func(shift *v1alpha1.TrafficShift) (edit, error) {
		if shift.Spec.Control == k.to {
			return edit{}, errAlready
		}
		if k.seen != nil {
			if err := (command{verb: "resume"}).same(c, shift, k.seen); err != nil {
				return edit{}, err
			}
		}
		return edit{k.patch(shift), fmt.Sprintf("setting control of %s to %s", shift.Name, k.to)}, nil
	})
	switch {
	case errors.Is(err, errAlready):
		return done{shift: shift, text: fmt.Sprintf("%s is %s", shift.Name, k.already), already: true}, nil
	case err != nil:
		return done{}, err
	}
	return done{shift: shift, text: fmt.Sprintf("%s: %s", shift.Name, k.done)}, nil
}

// patch sets control if it is still what was seen; the API server sets it where nobody did.
func (k control) patch(shift *v1alpha1.TrafficShift) patch.Patch {
	path := patch.Pointer("spec", "control")
	return patch.Patch{patch.Test(path, shift.Spec.Control), patch.Replace(path, k.to)}
}
