package kubectl

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/pkg/view"
)

// status shows one Service, or lists those of a namespace.
type status struct {
	service string
	all     bool
	output  output
	// code says the state by the exit code too.
	code bool
}

func newStatus(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	s := status{}
	c := &cobra.Command{
		Use:   "status [service]",
		Short: "Show the release of a Service, or list all Services of the namespace",
		Long: "Show the release of a Service: weights, both versions' numbers, evidence and what happens next. Without a name: list the\n" +
			"managed Services of the namespace, newest trouble first.\n\n" + exitHelp,
		Example:           "  kubectl stagger status checkout\n  kubectl stagger status -A -o wide",
		ValidArgsFunction: completeNames(flags),
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.parse(args); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return s.run(c.Context(), cluster, w)
		},
	}
	c.Flags().BoolVarP(&s.all, "all-namespaces", "A", false, "list the Services of all namespaces")
	c.Flags().StringVarP((*string)(&s.output), "output", "o", "", "json, yaml, wide or name")
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
		s.service = serviceName(args[0])
	case s.code:
		return errors.New("--exit-code tells the state of one Service; name it")
	}
	return s.output.check("json", "yaml", "wide", "name")
}

func (s *status) run(ctx context.Context, c cluster, w World) error {
	if s.service == "" {
		return s.list(ctx, c, w)
	}
	object, err := c.find(ctx, s.service)
	var missing absent
	switch {
	case errors.As(err, &missing) && missing.policy != "" && !s.output.object():
		return s.show(view.Unseen(c.namespace, s.service, missing.policy), w)
	case err != nil:
		return err
	case s.output.object() && !s.code:
		return s.output.print(object, w.Streams.Out) // works with every version of the object
	}
	shift, err := typed(object)
	if err != nil {
		return err
	}
	screen := view.Release(shift, w.Now())
	if !s.output.object() {
		if screen.Around, err = c.around(ctx, shift, w.Now(), nil); err != nil {
			say(w.Streams.ErrOut, "warning: looking at pods and routes: %v", err)
		}
		return s.show(screen, w)
	}
	if err := s.output.print(object, w.Streams.Out); err != nil {
		return err
	}
	return s.exit(screen)
}

func (s *status) show(screen view.Screen, w World) error {
	if err := write(w.Streams.Out, screen.Text(paper(w, s.output == outputWide))); err != nil {
		return err
	}
	if tone := screen.State.Tone(); tone == view.ToneBad || tone == view.ToneCareful && screen.Number > 0 {
		say(w.Streams.ErrOut, "more of it: kubectl stagger why %s -n %s", screen.Name, screen.Namespace)
	}
	return s.exit(screen)
}

func (s *status) exit(screen view.Screen) error {
	if code := exitOf(screen); s.code && code != ExitOK {
		return ended{code: code}
	}
	return nil
}

func (s *status) list(ctx context.Context, c cluster, w World) error {
	if s.all {
		c.namespace = metav1.NamespaceAll
	}
	list, err := c.shifts().List(ctx, metav1.ListOptions{})
	switch {
	case err != nil:
		return err
	case s.output.object():
		return s.output.print(list, w.Streams.Out)
	case len(list.Items) == 0:
		nobody := view.Nobody(c.namespace)
		say(w.Streams.ErrOut, "%s %s", nobody.Text, nobody.Line)
		return nil
	}
	shifts := known(list, w)
	return write(w.Streams.Out, view.Table(view.Fleet(shifts, w.Now()), s.all, paper(w, s.output == outputWide)))
}
