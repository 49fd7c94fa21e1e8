package prepare

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/simulate"
	"github.com/stagger-dev/stagger/pkg/view"
)

// simulation runs releases in virtual time.
type simulation struct {
	service, policy, file string
	faults                []string
	burst                 float64
	runs                  int
	traffic               traffic
	output                cli.Output
}

// The most that may be asked for: beyond it numbers lose their meaning.
const (
	mostRuns  = 10_000
	mostBurst = 1_000_000
)

func newSimulate(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	s := simulation{}
	c := &cobra.Command{
		Use:   "simulate [service]",
		Short: "Run releases in virtual time: what a policy does with good and bad versions",
		Long: "Run many releases in virtual time, by the operator's own decisions, against the Service's real traffic (--prometheus), that\n" +
			"of its last release, or what is given (--rate, --bad, --burst). The first row is a version just as good as the stable: what\n" +
			"is aborted there would be a false alarm. The others show how soon a fault is noticed, and how many requests it costs.\n" +
			"The same command gives the same numbers.",
		Example: "  kubectl stagger simulate checkout --prometheus http://localhost:9090 --from 24h\n" +
			"  kubectl stagger simulate -f policy.yaml --rate 200 --bad 0.1% --fault 3x,5%",
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.parse(args); err != nil {
				return err
			}
			return s.run(c.Context(), flags, env)
		},
	}
	c.Flags().StringVar(&s.policy, "policy", "", "the ShiftPolicy instead of the Service's own")
	c.Flags().StringVarP(&s.file, "filename", "f", "", "a file with the ShiftPolicy, which need not be in the cluster")
	c.Flags().StringSliceVar(&s.faults, "fault", []string{"100%", "30%", "10x", "3x"}, "versions to try: a share of bad requests, or how many times the stable's")
	c.Flags().Float64Var(&s.burst, "burst", 1, "the mean size of bursts of bad requests, with --rate")
	c.Flags().IntVar(&s.runs, "runs", 200, "how many releases of each version")
	s.output.AddTo(c.Flags(), "json or yaml")
	s.traffic.flags(c.Flags())
	return c
}

func (s *simulation) parse(args []string) error {
	switch {
	case len(args) > 1:
		return errors.New("simulate takes one Service, or none with --policy or -f")
	case len(args) == 1:
		s.service = cli.ServiceName(args[0])
	case s.policy == "" && s.file == "":
		return errors.New("simulate needs a Service, or a policy: --policy standard, or -f policy.yaml")
	case s.traffic.rate <= 0:
		return errors.New("without a Service there is no traffic; give it with --rate, in requests per second")
	}
	switch {
	case s.runs < 1 || s.runs > mostRuns:
		return fmt.Errorf("--runs must be from 1 to %d", mostRuns)
	case s.output.Check("json", "yaml") != nil:
		return s.output.Check("json", "yaml")
	case !(s.burst >= 1 && s.burst <= mostBurst): // a number that is none compares with nothing
		return fmt.Errorf("--burst must be from 1 to %d", mostBurst)
	case s.file != "" && s.policy != "":
		return errors.New("give the policy by --policy or by -f, not both")
	}
	for _, f := range s.faults {
		if _, err := parseFault(f); err != nil {
			return err
		}
	}
	return s.traffic.check()
}

// parseFault reads "30%", a share of bad requests, or "3x", how many times the stable's.
func parseFault(text string) (simulate.Canary, error) {
	if times, found := strings.CutSuffix(text, "x"); found {
		if n, err := strconv.ParseFloat(times, 64); err == nil && n > 0 && n <= 1e6 {
			return simulate.Canary{Factor: n}, nil
		}
	} else if share := v1alpha1.Percentage(text).Fraction(); share > 0 {
		return simulate.Canary{Bad: share}, nil
	}
	return simulate.Canary{}, fmt.Errorf("--fault must be a share such as 30%%, or a factor such as 3x; not %q", text)
}

func (s *simulation) run(ctx context.Context, flags *genericclioptions.ConfigFlags, env cli.Env) error {
	shift, policy, err := s.subject(ctx, flags, env)
	if err != nil {
		return err
	}
	setup := simulate.Setup{Plan: policy.Spec}
	screen := view.Simulation{Name: s.service, Policy: policy.Name, Runs: s.runs}
	if setup.Traffic, screen.Traffic, err = s.trafficOf(ctx, shift, policy.Spec, env); err != nil {
		return err
	}
	versions := append([]string{"as good as the stable"}, s.faults...)
	for i, version := range versions {
		setup.Canary = simulate.Canary{}
		if i > 0 {
			if setup.Canary, err = parseFault(version); err != nil {
				return err
			}
			version = map[bool]string{true: strings.TrimSuffix(version, "x") + " times the stable", false: version + " bad"}[strings.HasSuffix(version, "x")]
		}
		cli.Say(env.Streams.ErrOut, "simulating version %d of %d: %s", i+1, len(versions), version)
		outcomes, err := runAll(ctx, setup, s.runs)
		if err != nil {
			return err
		}
		sum := simulate.Summarize(outcomes)
		screen.Rows = append(screen.Rows, view.Simulated{Version: version, Promoted: sum.Promoted, Aborted: sum.Aborted, Held: sum.Held,
			Took: sum.Took, Noticed: sum.Noticed, Failed: sum.Excess})
		if i == 0 {
			screen.Version = version
			for _, m := range outcomes[0].Moves {
				screen.Moves = append(screen.Moves, view.SimulatedMove{At: m.At, Weight: m.Share, Why: m.Why})
			}
		}
	}
	if screen.Dead, err = dead(ctx, policy.Spec, setup.Traffic); err != nil {
		return err
	}
	return cli.PrintScreen(s.output, env, screen.Record(), screen.Text)
}

// subject is what is simulated: a Service's TrafficShift, nil without one, and a policy.
func (s *simulation) subject(ctx context.Context, flags *genericclioptions.ConfigFlags, env cli.Env) (*v1alpha1.TrafficShift, *v1alpha1.ShiftPolicy, error) {
	var policy *v1alpha1.ShiftPolicy
	if s.file != "" {
		var err error
		if policy, err = policyOf(ctx, env, s.file); err != nil {
			return nil, nil, err
		}
		if s.service == "" {
			return nil, policy, nil
		}
	}
	c, err := cli.Connect(flags)
	if err != nil {
		return nil, nil, err
	}
	if s.service == "" {
		policy, err = readPolicy(ctx, c, s.policy)
		return nil, policy, err
	}
	var shift *v1alpha1.TrafficShift
	if policy == nil {
		shift, policy, err = readPlanned(ctx, c, env, s.service, s.policy)
	} else {
		shift, err = c.Shift(ctx, s.service)
	}
	if err != nil || s.traffic.address == "" {
		return shift, policy, err
	}
	s.traffic.arm, err = serving(ctx, c, shift)
	return shift, policy, err
}

// trafficOf is the traffic to simulate, and how to call it.
func (s *simulation) trafficOf(ctx context.Context, shift *v1alpha1.TrafficShift, policy v1alpha1.ShiftPolicySpec, env cli.Env) (simulate.Traffic, string, error) {
	if s.traffic.address != "" && shift != nil {
		h, err := s.traffic.read(ctx, policy, env.Now())
		if err != nil {
			return simulate.Traffic{}, "", err
		}
		past := h.baseline(policy)
		return h.traffic(past), h.describe() + ", " + describeDispersions(past), nil
	}
	past := s.traffic.fromFlags(policy)
	from := "as given"
	if s.traffic.rate == 0 {
		var err error
		if past, from, err = s.traffic.past(ctx, shift, policy, env); err != nil {
			return simulate.Traffic{}, "", err
		}
	}
	t := simulate.Traffic{Rate: past.Rate(), Drift: 0.5, Burst: s.burst, Stable: evidence.TrafficOf(policy, past).Bad}
	for _, o := range past.Objectives {
		if s.traffic.rate == 0 {
			t.Burst = max(t.Burst, (o.Dispersion()+1)/2)
		}
	}
	return t, fmt.Sprintf("%s: about %.3g requests/s, bad requests in bursts of %.3g", from, t.Rate, max(1, t.Burst)), nil
}

// describeDispersions says how bad requests come.
func describeDispersions(past *v1alpha1.Baseline) string {
	var all []string
	for _, o := range past.Objectives {
		text := fmt.Sprintf("%s %d of %d bad, dispersion %s", o.Name, o.Counts.Bad, o.Counts.Requests, o.Phi)
		if o.Outages != "" {
			text += fmt.Sprintf(" without %s of outages", o.Outages)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// runAll runs releases side by side, each with a seed of its own.
func runAll(ctx context.Context, setup simulate.Setup, runs int) ([]simulate.Outcome, error) {
	outcomes, errs := make([]simulate.Outcome, runs), make([]error, runs)
	var work sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range runs {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				one := setup
				one.Seed = uint64(i + 1)
				outcomes[i], errs[i] = simulate.Run(one)
			}
		})
	}
	work.Wait()
	return outcomes, errors.Join(errs...)
}

// parallel is how many releases are simulated at a time.
const parallel = 4
