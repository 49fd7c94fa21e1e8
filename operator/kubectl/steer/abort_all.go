package steer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// abortAll takes back every release that runs in the cluster or in a namespace.
type abortAll struct {
	*invocation
	// all says that every release is meant, everywhere that those of all namespaces were asked for by -A.
	all, everywhere bool
	// policy is the one by which a release has to go; "" for any.
	policy string
}

// addTo adds --all and the flags that go with it to abort.
func (a *abortAll) addTo(c *cobra.Command, env cli.Env, flags *genericclioptions.ConfigFlags) {
	one := c.RunE
	c.Flags().BoolVar(&a.all, "all", false, "take back every release that runs, in all namespaces or the one that -n names")
	c.Flags().BoolVarP(&a.everywhere, "all-namespaces", "A", false, "with --all: those of all namespaces, also where -n names one")
	c.Flags().StringVar(&a.policy, "policy", "", "with --all: only those that go by this ShiftPolicy")
	c.Args = a.check
	c.RunE = func(c *cobra.Command, args []string) error {
		if !a.all {
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
		list, err := a.list(c.Context(), &cluster, flags.Namespace != nil && *flags.Namespace != "", env)
		if err != nil {
			return err
		}
		return a.run(c.Context(), cluster, list, env)
	}
}

// check refuses what does not go together.
func (a *abortAll) check(c *cobra.Command, args []string) error {
	switch {
	case a.all && len(args) > 0:
		return errors.New("--all takes back every release; leave out the name, or --all")
	case !a.all && a.policy != "":
		return errors.New("--policy chooses among the releases of --all; add --all, or leave it out")
	case !a.all && a.everywhere:
		return errors.New("-A is for the releases of --all; add --all, or leave it out")
	case a.all && a.Output != cli.OutputText:
		return a.Output.Check("name")
	case a.all:
		return nil
	}
	return cli.OneService(c, args)
}

// list reads the TrafficShifts of all namespaces, or of the one that was named. Who may see one namespace only means that one.
func (a *abortAll) list(ctx context.Context, c *cli.Cluster, named bool, env cli.Env) (*unstructured.UnstructuredList, error) {
	mine := c.Namespace
	if a.everywhere || !named {
		c.Namespace = metav1.NamespaceAll
	}
	list, err := c.Shifts().List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) && !a.everywhere && !named {
		cli.Say(env.Streams.ErrOut, "warning: you may not list the releases of all namespaces, so only those of %s are taken back; name another with -n", cli.NamespaceText(mine))
		c.Namespace = mine
		list, err = c.Shifts().List(ctx, metav1.ListOptions{})
	}
	return list, err
}

// run commands all of the aborts, each whatever became of the others, before it waits for any.
func (a *abortAll) run(ctx context.Context, c cli.Cluster, list *unstructured.UnstructuredList, env cli.Env) error {
	var left []error
	var waits []func(cli.Env) error
	var begin []string
	found := 0
	for i := range list.Items {
		shift, err := cli.Decode(&list.Items[i])
		if err != nil {
			found, left = found+1, append(left, err)
			continue
		}
		r := shift.Status.Release
		one, at, token := *a.invocation, c, env.Token()
		one.command.service, at.Namespace = shift.Name, shift.Namespace
		if next := begins(at, shift); next != "" && (a.policy == "" || a.policy == shift.Spec.PolicyRef.Name) {
			begin = append(begin, shift.Namespace+"/"+shift.Name+": "+next)
		}
		if !r.Running() || a.policy != "" && a.policy != r.Policy {
			continue
		}
		found++
		result, err := one.send(ctx, at, token)
		if err != nil {
			left = append(left, fmt.Errorf("%s/%s: %w", shift.Namespace, shift.Name, cli.Explain(err)))
			continue
		}
		result.Text = shift.Namespace + ": " + result.Text
		if err := result.Print(a.Output, env); err != nil {
			return err
		}
		waits = append(waits, func(env cli.Env) error {
			return cmp.Or(cli.Write(env.Streams.Out, at.Namespace+": "), one.wait(ctx, at, env, result, token))
		})
	}
	for _, warning := range begin {
		cli.Say(env.Streams.ErrOut, "warning: %s", warning)
	}
	if found == 0 {
		cli.Say(env.Streams.ErrOut, "no release%s runs in %s", a.said(), cli.NamespaceText(c.Namespace))
		return nil
	}
	if !a.Wait {
		return notAll(left, found, "commanded")
	}
	ended, late := waitForAll(waits, env)
	if err := notAll(append(left, late...), found, "taken back"); err != nil {
		return err
	}
	return errors.Join(ended...)
}

// waitForAll waits for all at once, so that one --timeout is that of all of them. It returns how the releases ended, as exit codes, and what
// is to be said of those that did not end.
func waitForAll(waits []func(cli.Env) error, env cli.Env) (ended, late []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, wait := range waits {
		all.Go(func() {
			var out bytes.Buffer
			quiet := env
			quiet.Streams.Out, quiet.Streams.ErrOut = &out, io.Discard
			err := wait(quiet)
			mu.Lock()
			defer mu.Unlock()
			if end := (cli.ExitStatus{}); err == nil || errors.As(err, &end) {
				ended = append(ended, cmp.Or(cli.Write(env.Streams.Out, out.String()), err))
			} else {
				late = append(late, err)
			}
		})
	}
	all.Wait()
	return ended, late
}

// notAll is the error that some of the releases are left, with what is to be said of each; nil when none is.
func notAll(left []error, found int, what string) error {
	if len(left) == 0 {
		return nil
	}
	late, said := true, make([]string, 0, len(left))
	for _, err := range left {
		late = errors.As(err, new(cli.TimeoutError)) && late
		said = append(said, err.Error())
	}
	slices.Sort(said)
	message := fmt.Sprintf("%d of %d releases were not %s: %s", len(left), found, what, strings.Join(said, "; "))
	if late {
		return cli.TimeoutError{Message: message}
	}
	return errors.New(message)
}

// said is the policy in a sentence about releases.
func (a *abortAll) said() string {
	if a.policy == "" {
		return ""
	}
	return " of policy " + a.policy
}
