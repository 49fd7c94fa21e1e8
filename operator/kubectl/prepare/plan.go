package prepare

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/simulate"
	"github.com/stagger-dev/stagger/pkg/view"
)

// plan shows what the policy of a Service can see in its traffic.
type plan struct {
	service, policy string
	traffic         traffic
	output          cli.Output
}

func newPlan(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	p := plan{}
	c := &cobra.Command{
		Use:   "plan <service>",
		Short: "Show what each step of a release can see in the Service's traffic",
		Long: "Show, for the first weight and for each step of the policy: the requests to expect, how long a good version takes to be\n" +
			"cleared, and how long a bad one goes unnoticed; and what a version costs that fails every request once it has much of the\n" +
			"traffic, with and without proxies that are read. The traffic is that of the last release, that which Prometheus knows\n" +
			"(--prometheus), or what is given (--rate, --bad).",
		Example:           "  kubectl stagger plan checkout\n  kubectl stagger plan checkout --policy cautious --rate 20 --bad 0.2%",
		Args:              cli.OneService,
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			p.service = cli.ServiceName(args[0])
			if err := errors.Join(p.traffic.check(), p.output.Check("json", "yaml")); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			return p.run(c.Context(), cluster, env)
		},
	}
	c.Flags().StringVar(&p.policy, "policy", "", "the ShiftPolicy to look at instead of the Service's own")
	p.output.AddTo(c.Flags(), "json or yaml")
	p.traffic.flags(c.Flags())
	return c
}

func (p *plan) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	shift, policy, err := readPlanned(ctx, c, env, p.service, p.policy)
	if err != nil {
		return err
	}
	if p.traffic.address != "" {
		if p.traffic.arm, err = serving(ctx, c, shift); err != nil {
			return err
		}
	}
	past, from, err := p.traffic.past(ctx, shift, policy.Spec, env)
	if err != nil {
		return err
	}
	screen := view.Plan{
		Name: p.service, Policy: policy.Name, Rate: past.Rate(), From: from,
		Steps: release.Detects(policy.Spec, past), Holds: map[v1alpha1.Percentage]v1alpha1.Duration{},
	}
	for _, s := range policy.Spec.Steps {
		screen.Holds[s.Weight] = s.Hold
	}
	screen.Warning = release.TooLittle(policy.Spec, past, screen.Steps)
	if past.Rate() == 0 {
		screen.Warning = "no request was seen in that time, so nobody knows how long a version waits; give --rate in requests per second"
	}
	if past.Rate() > 0 {
		at := evidence.TrafficOf(policy.Spec, past)
		if screen.Dead, err = dead(ctx, policy.Spec, simulate.Traffic{Rate: past.Rate(), Stable: at.Bad}); err != nil {
			return err
		}
	}
	return cli.PrintScreen(p.output, env, screen, screen.Text)
}
