package kubectl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/check"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/dashboard"
	"github.com/stagger-dev/stagger/operator/kubectl/look"
	"github.com/stagger-dev/stagger/operator/kubectl/prepare"
	"github.com/stagger-dev/stagger/operator/kubectl/steer"
)

// Main runs the plugin with the arguments after its name and returns its exit code. Errors are one sentence on the standard error.
func Main(ctx context.Context, args []string, env cli.Env) int {
	root := NewRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var end cli.ExitStatus
	var tooLate cli.TimeoutError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &end):
		return end.Code
	}
	cli.Say(env.Streams.ErrOut, "error: %v", cli.Explain(err))
	if errors.As(err, &tooLate) {
		return cli.ExitTimeout
	}
	return cli.ExitError
}

// NewRoot returns the plugin's command with all of its verbs, as it is run and as its reference is made from it.
func NewRoot(env cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-stagger",
		Short:         "See and steer staggered releases",
		Long:          "See and steer the staggered releases of Services that carry the annotation stagger.dev/policy.\n\n" + cli.ExitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl stagger"},
	}
	root.Args = cobra.ArbitraryArgs // the sentence about an unknown verb is this plugin's own
	root.SuggestionsMinimumDistance = 2
	root.RunE = unknown
	root.SetIn(env.Streams.In)
	root.SetOut(env.Streams.Out)
	root.SetErr(env.Streams.ErrOut)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
	flags := connectionFlags(root.PersistentFlags())
	for _, g := range []struct {
		title string
		verbs []*cobra.Command
	}{
		{"Look:", append(look.Verbs(env, flags), dashboard.NewVerb(env, flags))},
		{"Steer a release:", steer.Verbs(env, flags)},
		{"Before a release:", prepare.Verbs(env, flags)},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, verb := range g.verbs {
			verb.GroupID = g.title
			root.AddCommand(verb)
		}
	}
	root.AddCommand(check.NewVerb(env, flags), newVersion(env, flags))
	complete(root, flags)
	return root
}

// complete gives the command and all below it the completion of their flags.
func complete(c *cobra.Command, flags *genericclioptions.ConfigFlags) {
	cli.Complete(c, flags)
	for _, below := range c.Commands() {
		complete(below, flags)
	}
}

// unknown answers what is no verb: nothing at all with the help, anything else with the verbs that are alike.
func unknown(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	if alike := c.SuggestionsFor(args[0]); len(alike) > 0 {
		return fmt.Errorf("%q is no verb; did you mean %s?", args[0], strings.Join(alike, " or "))
	}
	return fmt.Errorf("%q is no verb; see %s --help", args[0], c.CommandPath())
}

// connectionFlags are kubectl's own. The help names the usual ones; the others work all the same.
func connectionFlags(set *pflag.FlagSet) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.CacheDir = nil // nothing of this plugin is cached
	flags.AddFlags(set)
	usual := map[string]bool{"namespace": true, "context": true, "kubeconfig": true, "request-timeout": true}
	set.VisitAll(func(f *pflag.Flag) { f.Hidden = !usual[f.Name] })
	return flags
}
