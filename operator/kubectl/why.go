package kubectl

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/view"
)

func newWhy(env Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o Output
	c := &cobra.Command{
		Use:   "why <service>",
		Short: "Tell why a release ended, waits, or goes on",
		Long: "Tell why a release ended, waits, or goes on: the objective with both versions' numbers and the evidence, what happens next, what\n" +
			"can be done, and a query for Prometheus to look at the same traffic.",
		Example:           "  kubectl stagger why checkout",
		Args:              OneService,
		ValidArgsFunction: CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Check("json", "yaml"); err != nil {
				return err
			}
			cluster, err := Connect(flags)
			if err != nil {
				return err
			}
			return why(c.Context(), cluster, ServiceName(args[0]), env, o)
		},
	}
	c.Flags().StringVarP((*string)(&o), "output", "o", "", "json or yaml")
	return c
}

func why(ctx context.Context, c Cluster, service string, env Env, o Output) error {
	shift, err := c.Shift(ctx, service)
	if err != nil {
		return err
	}
	told := view.WhyOf(shift, env.Now())
	return PrintValue(o, env, told.Record(shift), func() string { return told.Text(LayoutOf(env, false)) })
}
