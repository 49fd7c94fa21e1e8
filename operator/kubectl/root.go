package kubectl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// World is what the plugin takes from around it.
type World struct {
	// Streams are where it reads and writes.
	Streams genericiooptions.IOStreams
	// Now is the clock.
	Now func() time.Time
	// Token makes a word without blanks that no other command has.
	Token func() string
	// Getenv reads the environment.
	Getenv func(string) string
	// Open shows a file in the user's browser; nil where there is none.
	Open func(path string) error
	// Version of the plugin.
	Version string
}

// Main runs the plugin with the arguments after its name and returns its exit code. Errors are one sentence on the standard error.
func Main(ctx context.Context, args []string, w World) int {
	root := newRoot(w)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var end ended
	var tooLate late
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &end):
		return end.code
	}
	say(w.Streams.ErrOut, "error: %v", explain(err))
	if errors.As(err, &tooLate) {
		return ExitTimeout
	}
	return ExitError
}

func newRoot(w World) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-stagger",
		Short:         "See and steer staggered releases",
		Long:          "See and steer the staggered releases of Services that carry the annotation stagger.dev/policy.\n\n" + exitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl stagger"},
	}
	root.Args = cobra.ArbitraryArgs // the sentence about an unknown verb is this plugin's own
	root.SuggestionsMinimumDistance = 2
	root.RunE = unknown
	root.SetIn(w.Streams.In)
	root.SetOut(w.Streams.Out)
	root.SetErr(w.Streams.ErrOut)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
	flags := connectionFlags(root.PersistentFlags())
	for _, g := range []struct {
		title string
		verbs []*cobra.Command
	}{
		{"Look:", []*cobra.Command{newStatus(w, flags), newWatch(w, flags), newWhy(w, flags), newHistory(w, flags), newReport(w, flags),
			newDashboard(w, flags)}},
		{"Steer a release:", []*cobra.Command{newPause(w, flags), newResume(w, flags), newPromote(w, flags), newAbort(w, flags), newUndo(w, flags),
			newRetry(w, flags), newReplan(w, flags)}},
		{"Before a release:", []*cobra.Command{newAdopt(w, flags), newLetGo(w, flags), newPlan(w, flags), newSimulate(w, flags), newLint(w, flags),
			newConfig(w, flags)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, verb := range g.verbs {
			verb.GroupID = g.title
			root.AddCommand(verb)
		}
	}
	root.AddCommand(newVersion(w, flags))
	return root
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

// serviceName takes the name as people give it: "checkout", "service/checkout", "svc/checkout".
func serviceName(arg string) string {
	return arg[strings.LastIndexByte(arg, '/')+1:]
}

// one takes exactly one Service, and says so in a sentence.
func one(c *cobra.Command, args []string) error {
	if len(args) != 1 || serviceName(args[0]) == "" {
		return fmt.Errorf("%s needs the name of one Service: %s checkout", c.Name(), c.CommandPath())
	}
	return nil
}

// say writes one line of talk. Nobody is left to tell when the standard error itself cannot be written.
func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...)
}

// completeNames offers the names of managed Services; none when the cluster does not answer.
func completeNames(flags *genericclioptions.ConfigFlags) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		cluster, err := connect(flags)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := cluster.names(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
