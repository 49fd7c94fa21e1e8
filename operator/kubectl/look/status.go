package look

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// status shows one Service, or lists those of a namespace.
type status struct {
	service string
	all     bool
	output  cli.Output
	// code says the state by the exit code too.
	code bool
}

func newStatus(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	s := status{}
	c := &cobra.Command{
		Use:   "status [service]",
		Short: "Show the release of a Service, or list all Services of the namespace",
		Long: "Show the release of a Service: weights, both versions' numbers, evidence and what happens next. Without a name: list the\n" +
			"managed Services of the namespace, newest trouble first.\n\n" + cli.ExitHelp,
		Example:           "  kubectl stagger status checkout\n  kubectl stagger status -A -o wide",
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.parse(args); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			return s.run(c.Context(), cluster, cluster.Timed(env))
		},
	}
	c.Flags().BoolVarP(&s.all, "all-namespaces", "A", false, "list the Services of all namespaces")
	s.output.AddTo(c.Flags(), "json, yaml, wide or name")
	c.Flags().BoolVar(&s.code, "exit-code", false, "say the state by the exit code too")
	return c
}

func (s *status) parse(args []string) error {
	switch {
	case len(args) > 1:
		return errors.New("status shows one Service or all; name one, or none")
	case len(args) == 1 && s.all:
		return errors.New("-A lists all Services; leave out the name, or choose the namespace with -n")
	case len(args) == 1:
		s.service = cli.ServiceName(args[0])
	case s.code:
		return errors.New("--exit-code tells the state of one Service; name it")
	}
	return s.output.Check("json", "yaml", "wide", "name")
}

func (s *status) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	if s.service == "" {
		return s.list(ctx, c, env)
	}
	object, err := c.Find(ctx, s.service)
	var missing cli.NotManagedError
	switch {
	case errors.As(err, &missing) && missing.Policy != "" && !s.output.IsObject():
		return s.show(view.Unseen(c.Namespace, s.service, missing.Policy), env)
	case err != nil:
		return err
	case s.output.IsObject() && !s.code:
		return s.output.PrintObject(object, env.Streams.Out) // works with every version of the object
	}
	shift, err := cli.Decode(object)
	if err != nil {
		return err
	}
	screen := s.beside(ctx, c, env, shift).Release(shift, env.Now())
	if !s.output.IsObject() {
		if screen.Footprint, err = c.Footprint(ctx, shift, env.Now(), nil); err != nil {
			cli.Say(env.Streams.ErrOut, "warning: looking at pods and routes: %v", err)
		}
		return s.show(screen, env)
	}
	if err := s.output.PrintObject(object, env.Streams.Out); err != nil {
		return err
	}
	return s.exit(screen)
}

// beside is what is known beside TrafficShifts. What could not be read is a warning.
func (s *status) beside(ctx context.Context, c cli.Cluster, env cli.Env, shifts ...*v1alpha1.TrafficShift) view.Beside {
	b, err := c.Beside(ctx, shifts...)
	if err != nil {
		cli.Say(env.Streams.ErrOut, "warning: looking at the operator and the Deployments: %v", err)
	}
	return b
}

func (s *status) show(screen view.Screen, env cli.Env) error {
	if err := cli.Paint(env.Streams.Out, screen.Text(cli.LayoutOf(env, s.output == cli.OutputWide))); err != nil {
		return err
	}
	if tone := screen.State.Tone(); tone == view.ToneBad || tone == view.ToneCareful && screen.Number > 0 || screen.Unattended {
		cli.Say(env.Streams.ErrOut, "more of it: kubectl stagger why %s -n %s", screen.Name, screen.Namespace)
	}
	return s.exit(screen)
}

func (s *status) exit(screen view.Screen) error {
	if code := cli.ExitCodeOf(screen); s.code && code != cli.ExitOK {
		return cli.ExitStatus{Code: code}
	}
	return nil
}

func (s *status) list(ctx context.Context, c cli.Cluster, env cli.Env) error {
	if s.all {
		c.Namespace = metav1.NamespaceAll
	}
	list, err := c.Shifts().List(ctx, metav1.ListOptions{})
	switch {
	case err != nil:
		return err
	case s.output.IsObject():
		return s.output.PrintObject(list, env.Streams.Out)
	case len(list.Items) == 0:
		nobody := view.NoServices(c.Namespace)
		cli.Say(env.Streams.ErrOut, "%s %s", nobody.Text, nobody.Line)
		return nil
	}
	shifts := cli.DecodeList(list, env)
	rows := s.beside(ctx, c, env, cli.Pointers(shifts)...).Fleet(shifts, env.Now())
	return cli.Paint(env.Streams.Out, view.Table(rows, s.all, cli.LayoutOf(env, s.output == cli.OutputWide)))
}
