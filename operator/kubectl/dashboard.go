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

func NewVerb(env Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
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
			cluster, err := Connect(flags)
			if err != nil {
				return err
			}
			return d.run(c.Context(), cluster, env)
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

func (d *dash) run(ctx context.Context, c Cluster, env Env) error {
	if d.all {
		c.Namespace = metav1.NamespaceAll
	}
	if _, err := c.Shifts().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return err // said here rather than on an empty page
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(d.port)))
	if err != nil {
		return fmt.Errorf("%w; choose another port with --port, or none for any that is free", err)
	}
	server := dashboard.New(dashboard.Config{
		Shifts: c.Shifts(), Namespace: c.Namespace, Read: Decode, Explain: Explain, Now: env.Now, Token: env.Token(),
		Do: func(ctx context.Context, o dashboard.Order) (string, error) {
			return Do(ctx, c, Request(o), env.Token())
		},
		Refused: func(v view.Verb, shift *v1alpha1.TrafficShift) string { return Refused(c, v, shift) },
		Look:    func() dashboard.Look { return watching(c, env.Now) },
	}, listener.Addr().String())
	if err := Write(env.Streams.Out, server.Address()+"\n"); err != nil {
		return errors.Join(err, listener.Close())
	}
	Say(env.Streams.ErrOut, "the dashboard is served until this ends (Ctrl-C); whoever has the address can use your rights")
	if d.open {
		forget, err := browse(server.Address(), env)
		defer forget()
		if err != nil {
			Say(env.Streams.ErrOut, "warning: no browser could be opened (%v); open the address by hand", err)
		}
	}
	return server.Run(ctx, listener)
}

// browse opens the address by a file that only this user can read, since others can see what programs are started with.
func browse(address string, env Env) (forget func(), err error) {
	forget = func() {}
	if env.Open == nil {
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
	return forget, env.Open(file.Name())
}

// watching looks at the pods and routes of the Service that a page shows, in whatever namespace it is.
func watching(c Cluster, now func() time.Time) dashboard.Look {
	l := &FootprintCache{Now: now}
	return func(ctx context.Context, shift *v1alpha1.TrafficShift) *view.Around {
		l.Cluster = c
		l.Cluster.Namespace = shift.Namespace
		l.Refresh(ctx, shift, FootprintMaxAge)
		return l.Of(shift)
	}
}
