package look

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/view"
)

// report is one release as a record to hand on.
type report struct {
	service string
	// number of the release, 0 for the newest.
	number int64
	output cli.Output
}

func newReport(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	r := report{output: "markdown"}
	c := &cobra.Command{
		Use:   "report <service> [number]",
		Short: "Write one release as a record to hand on",
		Long: "Write one release as a record to hand on: the cluster and the Deployment, the images with their digests, the policy and its objectives,\n" +
			"each weight with its hold, its time, what it rested on and the evidence at that moment, what people commanded and overrode, how many met it,\n" +
			"how many failed, what could not be counted, and why it ended. Without a number: the newest release. The last ten that ended are kept.",
		Example:           "  kubectl stagger report checkout > release.md\n  kubectl stagger report checkout 6 -o json",
		ValidArgsFunction: cli.CompleteReleases(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.parse(args); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			env := cluster.Timed(env)
			return r.run(c.Context(), cluster, env)
		},
	}
	r.output.AddTo(c.Flags(), "markdown, json or yaml")
	return c
}

func (r *report) parse(args []string) (err error) {
	if len(args) < 1 || len(args) > 2 || cli.ServiceName(args[0]) == "" {
		return errors.New("report needs the name of one Service, and may have the number of a release: kubectl stagger report checkout 6")
	}
	r.service = cli.ServiceName(args[0])
	if len(args) == 2 {
		if r.number, err = strconv.ParseInt(args[1], 10, 64); err != nil || r.number < 1 {
			return fmt.Errorf("%q is no number of a release; they count from 1", args[1])
		}
	}
	switch r.output {
	case "markdown", "json", "yaml":
		return nil
	}
	return fmt.Errorf("-o %s is not known; use one of markdown, json, yaml", string(r.output))
}

func (r *report) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	shift, err := c.Shift(ctx, r.service)
	if err != nil {
		return err
	}
	record, known := view.ReportOf(shift, r.number, env.Now())
	switch {
	case !known && r.number == 0:
		return fmt.Errorf("%s has had no release yet; see: %s", shift.Name, c.CommandLine("status", shift.Name))
	case !known:
		return fmt.Errorf("release %d of %s is not known; those that are: %s", r.number, shift.Name, c.CommandLine("history", shift.Name))
	}
	if record.Cluster, err = c.Identity(ctx); err != nil {
		return err
	}
	return cli.PrintValue(r.output, env, record, record.Markdown)
}
