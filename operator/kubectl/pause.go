package kubectl

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// control says who may raise the weights of a Service.
type control struct {
	to v1alpha1.Control
	// done and already say it of a Service.
	done, already string
}

func newPause(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	p := control{to: v1alpha1.ControlPaused,
		done: "paused; no weight is raised until it is resumed, aborts still work", already: "paused already"}
	return p.verb(&cobra.Command{
		Use:   "pause <service>",
		Short: "Keep weights from being raised until it is resumed",
		Long: "Keep weights from being raised until it is resumed. A running release stays at its weight, and is still taken back when the\n" +
			"evidence is against it; one that starts gets no traffic. The pause outlives releases.\n\n" + exitHelp,
		Example: "  kubectl stagger pause checkout",
	}, w, flags)
}

func newResume(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	r := control{to: v1alpha1.ControlAuto, done: "resumed; weights are raised by evidence again", already: "not paused"}
	return r.verb(&cobra.Command{
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

func (k control) run(ctx context.Context, c cluster, service string, w World) error {
	for attempt := 1; ; attempt++ {
		object, err := c.find(ctx, service)
		if err != nil {
			return err
		}
		shift, err := typed(object)
		if err != nil {
			return err
		}
		if shift.Spec.Control == k.to {
			say(w.Streams.ErrOut, "%s is %s", shift.Name, k.already)
			return nil
		}
		data, err := json.Marshal(k.patch(shift))
		if err != nil {
			return fmt.Errorf("encoding the patch: %w", err)
		}
		_, err = c.shifts().Patch(ctx, shift.Name, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: fieldManager})
		switch {
		case err == nil:
			return write(w.Streams.Out, fmt.Sprintf("%s: %s\n", shift.Name, k.done))
		case !raced(err) || attempt == attempts:
			return fmt.Errorf("setting control of %s to %s: %w", shift.Name, k.to, err)
		}
	}
}

// patch sets control if it is still what was seen; the API server sets it where nobody did.
func (k control) patch(shift *v1alpha1.TrafficShift) patch.Patch {
	path := patch.Pointer("spec", "control")
	return patch.Patch{patch.Test(path, shift.Spec.Control), patch.Replace(path, k.to)}
}
