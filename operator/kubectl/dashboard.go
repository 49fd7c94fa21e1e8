package kubectl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/dashboard"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// loopback is the only address that a dashboard listens on.
const loopback = "127.0.0.1"

// dash is a page in the browser of whoever starts it.
type dash struct {
	port int
	all  bool
	open bool
}

func newDashboard(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	d := dash{}
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Show releases live on a page in your browser, and steer them there",
		Long: "Show releases live on a page in your browser, and steer them there, until it is interrupted. The page is served on this\n" +
			"machine's loopback address, with your own rights. Whoever has the address that is printed can use them: do not hand it on.",
		Example: "  kubectl stagger dashboard -n shop\n  kubectl stagger dashboard -A --open",
		RunE: func(c *cobra.Command, args []string) error {
			if err := d.check(args); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return d.run(c.Context(), cluster, w)
		},
	}
	c.Flags().IntVar(&d.port, "port", 0, "the port on "+loopback+"; 0 takes any that is free")
	c.Flags().BoolVarP(&d.all, "all-namespaces", "A", false, "show the Services of all namespaces")
	c.Flags().BoolVar(&d.open, "open", false, "open the page in the browser")
	return c
}

func (d *dash) check(args []string) error {
	switch {
	case len(args) > 0:
		return errors.New("dashboard takes no name; choose the namespace with -n, or all with -A")
	case d.port < 0 || d.port > 65535:
		return fmt.Errorf("--port must be from 0 to 65535, not %d", d.port)
	}
	return nil
}

func (d *dash) run(ctx context.Context, c cluster, w World) error {
	if d.all {
		c.namespace = metav1.NamespaceAll
	}
	if _, err := c.shifts().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return err // said here rather than on an empty page
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(d.port)))
	if err != nil {
		return fmt.Errorf("%w; choose another port with --port, or none for any that is free", err)
	}
	server := dashboard.New(dashboard.Config{
		Shifts: c.shifts(), Namespace: c.namespace, Read: typed, Explain: explain, Now: w.Now, Token: w.Token(),
		Do:      func(ctx context.Context, o dashboard.Order) (string, error) { return c.carryOut(ctx, o, w.Token()) },
		Refused: c.refused, Look: func() dashboard.Look { return c.lookout(w.Now) },
	}, listener.Addr().String())
	if err := write(w.Streams.Out, server.Address()+"\n"); err != nil {
		return errors.Join(err, listener.Close())
	}
	say(w.Streams.ErrOut, "the dashboard is served until this ends (Ctrl-C); whoever has the address can use your rights")
	if d.open {
		forget, err := browse(server.Address(), w)
		defer forget()
		if err != nil {
			say(w.Streams.ErrOut, "warning: no browser could be opened (%v); open the address by hand", err)
		}
	}
	return server.Run(ctx, listener)
}

// browse opens the address by a file that only this user can read, since others can see what programs are started with.
func browse(address string, w World) (forget func(), err error) {
	forget = func() {}
	if w.Open == nil {
		return forget, errors.New("none is known")
	}
	file, err := os.CreateTemp("", "stagger-dashboard-*.html")
	if err != nil {
		return forget, err
	}
	forget = func() { _ = os.Remove(file.Name()) } // a stale file leads nowhere
	_, err = fmt.Fprintf(file, "<!doctype html><meta charset=utf-8><title>Stagger</title><meta http-equiv=refresh content=\"0;url=%s\">\n", address)
	if err := errors.Join(err, file.Close()); err != nil {
		return forget, err
	}
	return forget, w.Open(file.Name())
}

// carryOut is what a verb does, for the release and the weight that were shown. An abort is for the release at any weight, and a pause
// for any release: brakes work also when it has gone on.
func (c cluster) carryOut(ctx context.Context, o dashboard.Order, token string) (string, error) {
	c.namespace = o.Namespace
	given, err := newCommand(string(o.Verb), o.Name, o.Reason)
	if err != nil {
		return "", err
	}
	if o.Number > 0 {
		given.seen = &v1alpha1.Release{Number: o.Number, Moves: o.Moves}
	}
	if control, is := controlOf(o.Verb, given.seen); is {
		control.reason = given.reason
		d, err := control.give(ctx, c, given.service)
		return d.text, err
	}
	verb, is := orders()[o.Verb]
	if !is {
		return "", fmt.Errorf("%q is no verb of the dashboard", o.Verb)
	}
	given.weight = verb.weight
	d, err := (&ordering{order: verb, command: given}).give(ctx, c, token)
	return d.text, err
}

// lookout looks at the pods and routes of the Service that a page shows, in whatever namespace it is.
func (c cluster) lookout(now func() time.Time) dashboard.Look {
	l := &lookout{now: now}
	return func(ctx context.Context, shift *v1alpha1.TrafficShift) *view.Around {
		l.cluster = c
		l.cluster.namespace = shift.Namespace
		l.look(ctx, shift, lookAgain)
		return l.of(shift)
	}
}

// orders are the verbs of the dashboard that command the operator.
func orders() map[view.Verb]order {
	return map[view.Verb]order{view.VerbPromote: promoting(), view.VerbAbort: aborting(), view.VerbUndo: undoing(), view.VerbRetry: retrying()}
}

// controlOf are those that set control, of a release that was seen where weights may be raised by it.
func controlOf(verb view.Verb, seen *v1alpha1.Release) (*control, bool) {
	switch verb {
	case view.VerbPause:
		return pausing(), true
	case view.VerbResume:
		k := resuming()
		k.seen = seen
		return k, true
	}
	return nil, false
}

// refused says why a verb would be refused at this moment, in its own words; "" when it would not.
func (c cluster) refused(verb view.Verb, shift *v1alpha1.TrafficShift) string {
	c.namespace = shift.Namespace
	order, is := orders()[verb]
	if !is {
		return ""
	}
	if err := (command{verb: string(verb)}).same(c, shift, nil); err != nil {
		return err.Error()
	}
	if err := order.allowed(c, shift); err != nil {
		return err.Error()
	}
	return ""
}
