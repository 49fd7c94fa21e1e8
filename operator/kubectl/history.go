package kubectl

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/view"
)

func newHistory(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o output
	c := &cobra.Command{
		Use:               "history <service>",
		Short:             "List the releases of a Service that are known, newest first",
		Long:              "List the releases of a Service that are known, newest first: the running or last one, and the ten that ended before.",
		Example:           "  kubectl stagger history checkout",
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
			return listPast(c.Context(), cluster, serviceName(args[0]), w, o)
		},
	}
	c.Flags().StringVarP((*string)(&o), "output", "o", "", "json or yaml")
	return c
}

// listPast lists what is known of a Service's releases.
func listPast(ctx context.Context, c cluster, service string, w World, o output) error {
	shift, err := c.shift(ctx, service)
	if err != nil {
		return err
	}
	if o.object() {
		return answer(o, w, view.ReportsOf(shift), nil)
	}
	table := view.Release(shift, w.Now()).HistoryTable(paper(w, true))
	if table == "" {
		say(w.Streams.ErrOut, "%s has had no release yet; see: %s", shift.Name, c.line("status", shift.Name))
		return nil
	}
	if err := write(w.Streams.Out, table); err != nil {
		return err
	}
	say(w.Streams.ErrOut, "one of them as a record: kubectl stagger report %s <number> -n %s", shift.Name, c.namespace)
	return nil
}
