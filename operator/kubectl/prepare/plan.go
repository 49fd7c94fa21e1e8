package prepare

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
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
			"cleared, and how long a bad one goes unnoticed. The traffic is that of the last release, that which Prometheus knows\n" +
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
	c.Flags().StringVarP((*string)(&p.output), "output", "o", "", "json or yaml")
	p.traffic.flags(c.Flags())
	return c
}

func (p *plan) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	shift, policy, err := readPlanned(ctx, c, p.service, p.policy)
	if err != nil {
		return err
	}
	if p.traffic.arm, err = serving(ctx, c, shift); err != nil {
		return err
	}
	past, from, err := p.traffic.past(ctx, shift, policy.Spec, env)
	if err != nil {
		return err
	}
	screen := view.Plan{
		Name: p.service, Policy: policy.Name, Rate: past.Rate(), From: from,
		Steps: release.Detects(policy.Spec, past), Holds: map[v1alpha1.Percentage]time.Duration{},
	}
	for _, s := range policy.Spec.Steps {
		screen.Holds[s.Weight] = s.Hold.Duration()
	}
	screen.Warning = release.TooLittle(policy.Spec, screen.Steps)
	return cli.PrintValue(p.output, env, screen, func() string { return screen.Text(cli.LayoutOf(env, false)) })
}

// traffic says where a Service's traffic is known from.
type traffic struct {
	rate float64
	bad  string
	prometheusFlags
}

func (t *traffic) check() error {
	if t.rate < 0 || t.bad != "" && v1alpha1.Percentage(t.bad).Millionths() == 0 && t.bad != "0%" {
		return errors.New("--rate must not be below 0, and --bad must be a percentage such as 0.2%")
	}
	return t.prometheusFlags.check()
}

// past is the Service's traffic before a release: as given, as Prometheus knows it, or as the last release found it.
func (t *traffic) past(ctx context.Context, shift *v1alpha1.TrafficShift, policy v1alpha1.ShiftPolicySpec, env cli.Env) (*v1alpha1.Baseline, string, error) {
	switch {
	case t.rate > 0:
		return t.fromFlags(policy), "as given", nil
	case t.address != "":
		r, err := t.read(ctx, policy, env.Now())
		if err != nil {
			return nil, "", err
		}
		return r.baseline(policy), r.describe(), nil
	case shift.Status.Release != nil && shift.Status.Release.Baseline != nil:
		r := shift.Status.Release
		return r.Baseline, fmt.Sprintf("as it was before release %d, on %s", r.Number, r.StartedAt.UTC().Format("2006-01-02 15:04 MST")), nil
	}
	return nil, "", fmt.Errorf("no traffic of %s is known yet, for it was never released; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus", shift.Name)
}

// fromFlags makes a past of the flags.
func (t *traffic) fromFlags(policy v1alpha1.ShiftPolicySpec) *v1alpha1.Baseline {
	const requests = v1alpha1.Whole
	b := &v1alpha1.Baseline{RequestsPerSecond: strconv.FormatFloat(t.rate, 'g', -1, 64)}
	for _, o := range policy.Objectives {
		if t.bad != "" {
			b.Objectives = append(b.Objectives, v1alpha1.BaselineObjective{Name: o.Name, Phi: "1",
				Counts: v1alpha1.ArmCounts{Requests: requests, Bad: v1alpha1.Percentage(t.bad).Millionths()}})
		}
	}
	return b
}
