package look

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/view"
)

func newHistory(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o cli.Output
	c := &cobra.Command{
		Use:               "history <service>",
		Short:             "List the releases of a Service that are known, newest first",
		Long:              "List the releases of a Service that are known, newest first: the running or last one, and the ten that ended before.",
		Example:           "  kubectl stagger history checkout",
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
			env := cluster.Timed(env)
			return printHistory(c.Context(), cluster, cli.ServiceName(args[0]), env, o)
		},
	}
	o.AddTo(c.Flags(), "json or yaml")
	return c
}

// printHistory lists what is known of a Service's releases.
func printHistory(ctx context.Context, c cli.Cluster, service string, env cli.Env, o cli.Output) error {
	shift, err := c.Shift(ctx, service)
	if err != nil {
		return err
	}
	if o.IsObject() {
		return cli.PrintValue(o, env, view.ReportsOf(shift, env.Now()), nil)
	}
	table := view.Release(shift, env.Now()).HistoryTable(cli.LayoutOf(env, true))
	if table == "" {
		cli.Say(env.Streams.ErrOut, "%s has had no release yet; see: %s", shift.Name, c.CommandLine("status", shift.Name))
		return nil
	}
	if err := cli.Paint(env.Streams.Out, table); err != nil {
		return err
	}
	cli.Say(env.Streams.ErrOut, "one of them as a record: kubectl stagger report %s <number> -n %s", shift.Name, c.Namespace)
	return nil
}
