package steer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// abortAll takes back every release that runs in a namespace or, where it is none, in the cluster.
type abortAll struct {
	*invocation
	// policy is the one by which a release has to go; "" for any.
	policy string
}

// addTo adds --all and --policy to abort.
func (a *abortAll) addTo(c *cobra.Command, env cli.Env, flags *genericclioptions.ConfigFlags) {
	all, one := false, c.RunE
	c.Flags().BoolVar(&all, "all", false, "take back every release that runs, in all namespaces or the one that -n names")
	c.Flags().StringVar(&a.policy, "policy", "", "with --all: only those that go by this ShiftPolicy")
	c.Args = func(c *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return errors.New("--all takes back every release; leave out the name, or --all")
		case !all && a.policy != "":
			return errors.New("--policy chooses among the releases of --all; add --all, or leave it out")
		case all:
			return nil
		}
		return cli.OneService(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if !all {
			return one(c, args)
		}
		a.verb = abortVerb()
		if err := a.parse("", env); err != nil {
			return err
		}
		cluster, err := cli.Connect(flags)
		if err != nil {
			return err
		}
		if flags.Namespace == nil || *flags.Namespace == "" {
			cluster.Namespace = metav1.NamespaceAll
		}
		return a.run(c.Context(), cluster, env)
	}
}

// run commands all of the aborts, each whatever became of the others, before it waits for any.
func (a *abortAll) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	list, err := c.Shifts().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var failed []string
	var waits []func() error
	found := 0
	for _, shift := range cli.DecodeList(list, env) {
		r := shift.Status.Release
		if !r.Running() || r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted || a.policy != "" && a.policy != r.Policy {
			continue
		}
		found++
		one := *a.invocation
		one.command.service = shift.Name
		at := c
		at.Namespace = shift.Namespace
		token := env.Token()
		result, err := one.send(ctx, at, token)
		if err == nil {
			result.Text = shift.Namespace + ": " + result.Text
			err = result.Print(a.Output, env)
			waits = append(waits, func() error { return one.wait(ctx, at, env, result, token) })
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s/%s: %v", shift.Namespace, shift.Name, err))
		}
	}
	if found == 0 {
		cli.Say(env.Streams.ErrOut, "no release%s runs in %s", a.said(), cli.NamespaceText(c.Namespace))
		return nil
	}
	errs := []error{nil}
	if len(failed) > 0 {
		errs[0] = fmt.Errorf("%d of %d releases were not commanded: %s", len(failed), found, strings.Join(failed, "; "))
	}
	if a.Wait {
		for _, wait := range waits {
			errs = append(errs, wait())
		}
	}
	return worst(errs)
}

// said is the policy in a sentence about releases.
func (a *abortAll) said() string {
	if a.policy == "" {
		return ""
	}
	return " of policy " + a.policy
}

// worst is what a person has to know first: an error, or else that releases were taken back.
func worst(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	for _, err := range errs {
		if end := (cli.ExitStatus{}); !errors.As(err, &end) {
			return err
		}
	}
	return errors.Join(errs...)
}
