package look

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

func newWhy(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o cli.Output
	c := &cobra.Command{
		Use:   "why <service>",
		Short: "Tell why a release ended, waits, or goes on",
		Long: "Tell why a release ended, waits, or goes on: the objective with both versions' numbers and the evidence, what happens next, what\n" +
			"can be done, and a query for Prometheus to look at the same traffic.",
		Example:           "  kubectl stagger why checkout",
		Args:              cli.OneService,
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Check("json", "yaml"); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			return why(c.Context(), cluster, cli.ServiceName(args[0]), cluster.Timed(env), o)
		},
	}
	o.AddTo(c.Flags(), "json or yaml")
	return c
}

func why(ctx context.Context, c cli.Cluster, service string, env cli.Env, o cli.Output) error {
	shift, err := c.Shift(ctx, service)
	if err != nil {
		return err
	}
	beside, err := c.Beside(ctx, shift)
	if err != nil {
		cli.Say(env.Streams.ErrOut, "warning: looking at the operator and the Deployment: %v", err)
	}
	now := env.Now()
	told := beside.Why(shift, now)
	return cli.PrintScreen(o, env, told.Record(shift, now), told.Text)
}
