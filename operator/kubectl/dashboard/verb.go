package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// loopback is the only address that a dashboard listens on.
const loopback = "127.0.0.1"

// verb is the verb dashboard with its flags.
type verb struct {
	port int
	all  bool
	open bool
	// prometheus tells what was before the dashboard saw a release, "" where nobody does.
	prometheus cli.Address
}

// NewVerb is the verb dashboard.
func NewVerb(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	v := verb{}
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Show releases live on a page in your browser, and steer them there",
		Long: "Show releases live on a page in your browser, and steer them there, until it is interrupted. The page is served on this\n" +
			"machine's loopback address, with your own rights. Whoever has the address that is printed can use them: do not hand it on.",
		Example: "  kubectl stagger dashboard -n shop\n  kubectl stagger dashboard -A --open\n  kubectl stagger dashboard -n shop --prometheus localhost:9090",
		RunE: func(c *cobra.Command, args []string) error {
			if err := v.check(args); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			return v.run(c.Context(), cluster, cluster.Timed(env))
		},
	}
	c.Flags().IntVar(&v.port, "port", 0, "the port on "+loopback+"; 0 takes any that is free")
	c.Flags().BoolVarP(&v.all, "all-namespaces", "A", false, "show the Services of all namespaces")
	v.prometheus.AddTo(c.Flags(), "the address of the mesh's Prometheus, for the plots of the time before the dashboard saw a release")
	c.Flags().BoolVar(&v.open, "open", false, "open the page in the browser")
	return c
}

func (v *verb) check(args []string) error {
	switch {
	case len(args) > 0:
		return errors.New("dashboard takes no name; choose the namespace with -n, or all with -A")
	case v.port < 0 || v.port > 65535:
		return fmt.Errorf("--port must be from 0 to 65535, not %d", v.port)
	}
	return nil
}

func (v *verb) run(ctx context.Context, c cli.Cluster, env cli.Env) error {
	if v.all {
		c.Namespace = metav1.NamespaceAll
	}
	p, err := newPast(v.prometheus)
	if err != nil {
		return err
	}
	if _, err := c.Shifts().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return err // said here rather than on an empty page
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(v.port)))
	if err != nil {
		return fmt.Errorf("%w; choose another port with --port, or none for any that is free", err)
	}
	server := newServer(c, env, listener.Addr().String(), p)
	if err := cli.Write(env.Streams.Out, server.address()+"\n"); err != nil {
		return errors.Join(err, listener.Close())
	}
	cli.Say(env.Streams.ErrOut, "the dashboard is served until this ends (Ctrl-C); whoever has the address can use your rights")
	if v.open {
		forget, err := browse(server.address(), env)
		defer forget()
		if err != nil {
			cli.Say(env.Streams.ErrOut, "warning: no browser could be opened (%v); open the address by hand", err)
		}
	}
	return server.run(ctx, listener)
}

// browse opens the address by a file that only this user can read, since others can see what programs are started with.
func browse(address string, env cli.Env) (forget func(), err error) {
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
