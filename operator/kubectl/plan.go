package kubectl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/view"
)

// plan shows what the policy of a Service can see in its traffic.
type plan struct {
	service, policy string
	traffic         traffic
	output          output
}

func newPlan(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	p := plan{}
	c := &cobra.Command{
		Use:   "plan <service>",
		Short: "Show what each step of a release can see in the Service's traffic",
		Long: "Show, for the first weight and for each step of the policy: the requests to expect, how long a good version takes to be\n" +
			"cleared, and how long a bad one goes unnoticed. The traffic is that of the last release, that which Prometheus knows\n" +
			"(--prometheus), or what is given (--rate, --bad).",
		Example:           "  kubectl stagger plan checkout\n  kubectl stagger plan checkout --policy cautious --rate 20 --bad 0.2%",
		Args:              one,
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) error {
			p.service = serviceName(args[0])
			if err := errors.Join(p.traffic.check(), p.output.check("json", "yaml")); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return p.run(c.Context(), cluster, w)
		},
	}
	c.Flags().StringVar(&p.policy, "policy", "", "the ShiftPolicy to look at instead of the Service's own")
	c.Flags().StringVarP((*string)(&p.output), "output", "o", "", "json or yaml")
	p.traffic.flags(c.Flags())
	return c
}

func (p *plan) run(ctx context.Context, c cluster, w World) error {
	shift, policy, err := c.planned(ctx, p.service, p.policy)
	if err != nil {
		return err
	}
	if p.traffic.arm, err = c.serving(ctx, shift); err != nil {
		return err
	}
	past, from, err := p.traffic.past(ctx, shift, policy.Spec, w)
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
	return answer(p.output, w, screen, func() string { return screen.Text(paper(w, false)) })
}

// planned reads the TrafficShift of a Service and its policy, or another one.
func (c cluster) planned(ctx context.Context, service, policy string) (*v1alpha1.TrafficShift, *v1alpha1.ShiftPolicy, error) {
	shift, err := c.shift(ctx, service)
	if err != nil {
		return nil, nil, err
	}
	if policy == "" {
		policy = shift.Spec.PolicyRef.Name
	}
	found, err := c.policy(ctx, policy)
	return shift, found, err
}

// policy reads a ShiftPolicy.
func (c cluster) policy(ctx context.Context, name string) (*v1alpha1.ShiftPolicy, error) {
	object, err := c.client.Resource(v1alpha1.GroupVersion.WithResource("shiftpolicies")).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !notServed(err):
		return nil, c.missingPolicy(ctx, name)
	case err != nil:
		return nil, err
	}
	p := &v1alpha1.ShiftPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, p); err != nil {
		return nil, fmt.Errorf("ShiftPolicy %s was written for another version of Stagger (%w); update the plugin", name, err)
	}
	return p, nil
}

// missingPolicy says that no ShiftPolicy has the name, and which one may be meant.
func (c cluster) missingPolicy(ctx context.Context, name string) error {
	list, err := c.client.Resource(v1alpha1.GroupVersion.WithResource("shiftpolicies")).List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("listing ShiftPolicies: %w", err)
	}
	var names []string
	if list != nil {
		for i := range list.Items {
			names = append(names, list.Items[i].GetName())
		}
	}
	return noPolicy{name: name, near: nearest(name, names)}
}

// noPolicy is the error of a policy that is not there; near is one of a like name, "" when there is none.
type noPolicy struct{ name, near string }

func (n noPolicy) Error() string {
	if n.near != "" {
		return fmt.Sprintf("no ShiftPolicy is named %s; did you mean %s?", n.name, n.near)
	}
	return fmt.Sprintf("no ShiftPolicy is named %s; list those there are with: kubectl get shiftpolicies", n.name)
}

// traffic says where a Service's traffic is known from.
type traffic struct {
	rate float64
	bad  string
	recorded
}

func (t *traffic) check() error {
	if t.rate < 0 || t.bad != "" && v1alpha1.Percentage(t.bad).Millionths() == 0 && t.bad != "0%" {
		return errors.New("--rate must not be below 0, and --bad must be a percentage such as 0.2%")
	}
	return t.recorded.check()
}

// past is the Service's traffic before a release: as given, as Prometheus knows it, or as the last release found it.
func (t *traffic) past(ctx context.Context, shift *v1alpha1.TrafficShift, policy v1alpha1.ShiftPolicySpec, w World) (*v1alpha1.Baseline, string, error) {
	switch {
	case t.rate > 0:
		return t.given(policy), "as given", nil
	case t.address != "":
		r, err := t.read(ctx, policy, w.Now())
		if err != nil {
			return nil, "", err
		}
		return r.baseline(policy), r.said(), nil
	case shift.Status.Release != nil && shift.Status.Release.Baseline != nil:
		r := shift.Status.Release
		return r.Baseline, fmt.Sprintf("as it was before release %d, on %s", r.Number, r.StartedAt.UTC().Format("2006-01-02 15:04 MST")), nil
	}
	return nil, "", fmt.Errorf("no traffic of %s is known yet, for it was never released; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus", shift.Name)
}

// given makes a past of the flags.
func (t *traffic) given(policy v1alpha1.ShiftPolicySpec) *v1alpha1.Baseline {
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
