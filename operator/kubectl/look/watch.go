package look

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// redraw is how often the times on a live screen are brought up to date.
const redraw = time.Second

// liveRelease is one release on a screen that follows it.
type liveRelease struct {
	cluster   cli.Cluster
	env       cli.Env
	wide      bool
	display   *display
	footprint *cli.FootprintCache
	// unattended says that the last screen told that nobody looks after the release: no event tells when that begins.
	unattended bool
}

func newWatch(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o cli.Output
	all := false
	c := &cobra.Command{
		Use:   "watch [service]",
		Short: "Follow the running release of a Service until it ends, or all Services of the namespace",
		Long: "Follow the running release of a Service until it ends, and say by the exit code how. Where none runs, the last one is shown.\n" +
			"Without a name: follow the list of the managed Services of the namespace until it is interrupted.\n" +
			"Without a terminal each change is written below the one before.\n\n" + cli.ExitHelp,
		Example:           "  kubectl stagger watch checkout\n  kubectl stagger watch -A",
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return errors.New("watch follows one Service or all; name one, or none")
			case len(args) == 1 && all:
				return errors.New("-A follows all Services; leave out the name, or choose the namespace with -n")
			}
			if err := o.Check("wide"); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return newLiveList(cluster, env, o == cli.OutputWide, all).run(c.Context())
			}
			l := liveRelease{cluster: cluster, env: env, wide: o == cli.OutputWide, display: newDisplay(env), footprint: &cli.FootprintCache{Cluster: cluster, Now: env.Now}}
			return l.run(c.Context(), cli.ServiceName(args[0]))
		},
	}
	c.Flags().BoolVarP(&all, "all-namespaces", "A", false, "follow the Services of all namespaces")
	o.AddTo(c.Flags(), "wide")
	return c
}

// run shows the release until it has ended, or another one takes its place.
func (l *liveRelease) run(ctx context.Context, service string) error {
	ctx = logr.NewContext(ctx, logr.Discard())
	number := int64(0)
	for {
		shift, err := l.cluster.Shift(ctx, service)
		if err != nil {
			return err
		}
		if number == 0 && shift.Status.Release != nil {
			number = shift.Status.Release.Number
		}
		if end, err := l.follow(ctx, shift, number); end || err != nil {
			return err
		}
	}
}

// follow shows one release from the version on that is given. It returns false when that version has expired, so that it is read anew.
func (l *liveRelease) follow(ctx context.Context, shift *v1alpha1.TrafficShift, number int64) (bool, error) {
	l.footprint.Refresh(ctx, shift, 0)
	if end, err := l.show(shift, number); end || err != nil {
		return true, err
	}
	events, err := watchtools.NewRetryWatcherWithContext(ctx, shift.ResourceVersion, l.cluster.Watcher(fields.OneTermEqualSelector(metav1.ObjectNameField, shift.Name)))
	if err != nil {
		return true, fmt.Errorf("watching TrafficShift %s: %w", shift.Name, err)
	}
	defer events.Stop()
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-tick.C:
			if !l.display.terminal && view.Release(shift, l.env.Now()).Unattended == l.unattended {
				continue
			}
			l.footprint.Refresh(ctx, shift, cli.FootprintMaxAge)
		case e, open := <-events.ResultChan():
			if !open {
				return true, errors.New("the cluster ended the watch; type it again")
			}
			next, err := cli.DecodeEvent(shift.Name, e)
			if cli.IsExpired(err) {
				return false, nil
			}
			if err != nil {
				return true, err
			}
			shift = next
			l.footprint.Refresh(ctx, shift, redraw)
		}
		if end, err := l.show(shift, number); end || err != nil {
			return true, err
		}
	}
}

// show draws the screen and says whether that was the last: the release has ended, or none runs. The error then carries the exit code.
func (l *liveRelease) show(shift *v1alpha1.TrafficShift, number int64) (bool, error) {
	r := shift.Status.Release
	screen := view.Release(shift, l.env.Now())
	screen.Footprint = l.footprint.Of(shift)
	l.unattended = screen.Unattended
	if r != nil && r.Number != number {
		e, err := l.cluster.EndingOf(screen, number)
		if err != nil {
			return true, err
		}
		return true, e.Print(l.env, shift.Name)
	}
	if err := l.display.draw(screen.Text(cli.LayoutOf(l.env, l.wide))); err != nil {
		return true, err
	}
	if r.Running() {
		return false, nil
	}
	if code := cli.ExitCodeOf(screen); code != cli.ExitOK {
		return true, cli.ExitStatus{Code: code}
	}
	return true, nil
}
