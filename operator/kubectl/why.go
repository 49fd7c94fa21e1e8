package kubectl

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/view"
)

func newWhy(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "why <service>",
		Short: "Tell why a release ended, waits, or goes on",
		Long: "Tell why a release ended, waits, or goes on: the objective with both versions' numbers and the evidence, what happens next, what\n" +
			"can be done, and a query for Prometheus to look at the same traffic.",
		Example:           "  kubectl stagger why checkout",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return why(c.Context(), cluster, serviceName(args[0]), w)
		},
	}
}

func why(ctx context.Context, c cluster, service string, w World) error {
	shift, err := c.shift(ctx, service)
	if err != nil {
		return err
	}
	return write(w.Streams.Out, view.WhyOf(shift, w.Now()).Text(paper(w, false)))
}
