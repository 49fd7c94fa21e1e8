package kubectl

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/view"
)

func newWhy(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o output
	c := &cobra.Command{
		Use:   "why <service>",
		Short: "Tell why a release ended, waits, or goes on",
		Long: "Tell why a release ended, waits, or goes on: the objective with both versions' numbers and the evidence, what happens next, what\n" +
			"can be done, and a query for Prometheus to look at the same traffic.",
		Example:           "  kubectl stagger why checkout",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check("json", "yaml"); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return why(c.Context(), cluster, serviceName(args[0]), w, o)
		},
	}
	c.Flags().StringVarP((*string)(&o), "output", "o", "", "json or yaml")
	return c
}

func why(ctx context.Context, c cluster, service string, w World, o output) error {
	shift, err := c.shift(ctx, service)
	if err != nil {
		return err
	}
	told := view.WhyOf(shift, w.Now())
	return answer(o, w, told.Record(shift), func() string { return told.Text(paper(w, false)) })
}
