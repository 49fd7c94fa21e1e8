package look

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// redraw is how often the times on a live screen are brought up to date.
const redraw = time.Second

// reread is how often the Deployment is looked at anew while the release of what was shipped has not begun.
const reread = 5 * time.Second

// liveRelease is one release on a screen that follows it.
type liveRelease struct {
	cluster   cli.Cluster
	env       cli.Env
	wide      bool
	display   *display
	footprint *cli.FootprintCache
	beside    *cli.BesideCache
	timeout   time.Duration
	// shipped is the version that is followed, deployment the one that asks for it, read at a time.
	shipped    shipped
	deployment *appsv1.Deployment
	readAt     time.Time
	// unread says that the Deployment could not be read just now, so that nobody knows what it asks for.
	unread bool
	// said is what was last said to be waited for.
	said string
	// last is the last screen. That nobody looks after the release, as it may tell, begins without an event.
	last view.Screen
}

func newWatch(env cli.Env, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var o cli.Output
	all, timeout, version := false, time.Duration(0), shipped{}
	c := &cobra.Command{
		Use:   "watch [service]",
		Short: "Follow the version that was shipped to a Service until its release ends, or all Services of the namespace",
		Long: "Follow the version that a Service's Deployment asks for until its release ends, and say by the exit code how. A release that it\n" +
			"supersedes is waited for, and never its outcome taken for that of the version; where nothing is to be released, how things stand is\n" +
			"shown. With --image the Deployment is waited for too, until it asks for that image.\n" +
			"Without a name: follow the list of the managed Services of the namespace until it is interrupted.\n" +
			"Without a terminal each change is written below the one before.\n\n" + cli.ExitHelp,
		Example:           "  kubectl stagger watch checkout\n  kubectl stagger watch checkout --image checkout:1.5.0 --timeout 1h\n  kubectl stagger watch -A",
		ValidArgsFunction: cli.CompleteServices(flags),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return errors.New("watch follows one Service or all; name one, or none")
			case len(args) == 1 && all:
				return errors.New("-A follows all Services; leave out the name, or choose the namespace with -n")
			case len(args) == 0 && (version.image != "" || timeout != 0):
				return errors.New("--image and --timeout are for one Service; name it")
			case timeout < 0:
				return errors.New("--timeout is less than 0; leave it out to wait without a limit")
			}
			if err := o.Check("wide"); err != nil {
				return err
			}
			cluster, err := cli.Connect(flags)
			if err != nil {
				return err
			}
			env := cluster.Timed(env)
			if len(args) == 0 {
				return newLiveList(cluster, env, o == cli.OutputWide, all).run(c.Context())
			}
			l := liveRelease{cluster: cluster, env: env, wide: o == cli.OutputWide, display: newDisplay(env), shipped: version, timeout: timeout,
				footprint: &cli.FootprintCache{Cluster: cluster, Now: env.Now}, beside: &cli.BesideCache{Cluster: cluster, Now: env.Now}}
			return l.run(c.Context(), cli.ServiceName(args[0]))
		},
	}
	c.Flags().BoolVarP(&all, "all-namespaces", "A", false, "follow the Services of all namespaces")
	c.Flags().StringVar(&version.image, "image", "", "follow the version with this image, such as checkout:1.5.0, and wait until the Deployment asks for it")
	c.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long; 0 waits without a limit")
	o.AddTo(c.Flags(), "wide")
	return c
}

// run follows what was shipped until its release has ended, or something else takes its place.
func (l *liveRelease) run(ctx context.Context, service string) error {
	ctx = logr.NewContext(ctx, logr.Discard())
	if l.timeout > 0 {
		limited, stop := context.WithTimeout(ctx, l.timeout)
		defer stop()
		ctx = limited
	}
	for {
		shift, err := l.cluster.Shift(ctx, service)
		if err != nil {
			return err
		}
		switch err := l.follow(ctx, shift); {
		case errors.Is(err, context.DeadlineExceeded):
			return l.tooLate(service)
		case !cli.IsExpired(err):
			return err
		}
	}
}

// tooLate says that the time is over; where nobody looks after the release, by the code for that.
func (l *liveRelease) tooLate(service string) error {
	message := fmt.Sprintf("the release of %s %s after %s; %s; look with: %s", l.shipped.name(), l.unended(), l.timeout, l.standing(service),
		l.cluster.CommandLine("status", service))
	if !l.last.Unattended {
		return cli.TimeoutError{Message: message}
	}
	cli.Say(l.env.Streams.ErrOut, "error: %s", message)
	return cli.ExitStatus{Code: cli.ExitUnattended}
}

// unended says how far the release has come that has not ended.
func (l *liveRelease) unended() string {
	if l.shipped.number == 0 {
		return "has not begun"
	}
	return "has not ended"
}

// standing says what a release that was waited for waits for itself, or that it goes on.
func (l *liveRelease) standing(service string) string {
	waits := l.shipped.number == 0
	switch s := l.last; {
	case s.Unattended:
		return "nobody looks after it, find out why with: kubectl stagger check -n " + l.cluster.Namespace
	case l.unread:
		return "its Deployment could not be read"
	case waits && l.deployment != nil && l.shipped.template == nil:
		return "Deployment " + l.deployment.Name + " does not ask for it"
	case s.TakingBack:
		return "an abort or undo of it waits to be carried out"
	case waits && s.Weight != nil:
		return fmt.Sprintf("release %d comes before it", s.Number)
	case s.State == view.StatePaused:
		return "it waits until it is resumed: " + l.cluster.CommandLine("resume", service)
	case s.State == view.StateHeld, s.State == view.StateStalled, s.State == view.StateWaiting:
		return fmt.Sprintf("it is %s, see: %s", s.State, l.cluster.CommandLine("why", service))
	case waits:
		return "it begins when an operator has seen it"
	case s.Outcome != nil && s.Outcome.Result == view.StateAborted:
		return "it is being taken back"
	}
	return "it goes on"
}

// follow shows what was shipped from the version of the object on that is given, to the end. The error is one of cli.IsExpired when that version
// has expired, so that the object is read anew.
func (l *liveRelease) follow(ctx context.Context, shift *v1alpha1.TrafficShift) error {
	l.refresh(ctx, shift, 0)
	if end, err := l.show(shift); end || err != nil {
		return err
	}
	events, err := watchtools.NewRetryWatcherWithContext(ctx, shift.ResourceVersion, l.cluster.Watcher(fields.OneTermEqualSelector(metav1.ObjectNameField, shift.Name)))
	if err != nil {
		return fmt.Errorf("watching TrafficShift %s: %w", shift.Name, err)
	}
	defer events.Stop()
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			l.refresh(ctx, shift, reread)
			if quiet := l.goesOn(shift) && l.screen(shift).Unattended == l.last.Unattended; quiet && !l.display.terminal {
				continue
			}
		case e, open := <-events.ResultChan():
			next, err := changed(ctx, shift.Name, e, open)
			if err != nil {
				return err
			}
			shift, l.readAt = next, time.Time{} // what the operator tells is compared with the Deployment as it is now
			l.refresh(ctx, shift, redraw)
		}
		if end, err := l.show(shift); end || err != nil {
			return err
		}
	}
}

// changed is the object of an event, or why there is none.
func changed(ctx context.Context, name string, e watch.Event, open bool) (*v1alpha1.TrafficShift, error) {
	switch {
	case !open && ctx.Err() != nil:
		return nil, ctx.Err()
	case !open:
		return nil, errors.New("the cluster ended the watch; type it again")
	}
	return cli.DecodeEvent(name, e)
}

// refresh looks anew at what is beside the TrafficShift, unless the last look is younger than maxAge.
func (l *liveRelease) refresh(ctx context.Context, shift *v1alpha1.TrafficShift, maxAge time.Duration) {
	l.footprint.Refresh(ctx, shift, min(maxAge, cli.FootprintMaxAge))
	l.beside.Refresh(ctx, maxAge, shift)
	if now := l.env.Now(); l.shipped.number == 0 && now.Sub(l.readAt) >= maxAge {
		d, err := deployment(ctx, l.cluster, shift)
		if l.unread = err != nil; !l.unread {
			l.readAt, l.deployment = now, d
		}
	}
}

// stage is how far the version has come. While it is not known what the Deployment asks for, it is waited for.
func (l *liveRelease) stage(shift *v1alpha1.TrafficShift) stage {
	if l.unread {
		return stageWaits
	}
	return l.shipped.look(shift, l.deployment)
}

// goesOn says whether there is more to come.
func (l *liveRelease) goesOn(shift *v1alpha1.TrafficShift) bool {
	stage := l.stage(shift)
	return stage == stageWaits || stage == stageRuns && shift.Status.Release.Running()
}

func (l *liveRelease) screen(shift *v1alpha1.TrafficShift) view.Screen {
	return l.beside.Known.Release(shift, l.env.Now())
}

// show draws the screen and says whether that was the last: the release has ended, or there is none. The error then carries the exit code.
func (l *liveRelease) show(shift *v1alpha1.TrafficShift) (bool, error) {
	stage, screen := l.stage(shift), l.screen(shift)
	screen.Footprint = l.footprint.Of(shift)
	l.last = screen
	if r := shift.Status.Release; stage == stageRuns && (r == nil || r.Number != l.shipped.number) {
		e, err := l.cluster.EndingOf(screen, l.shipped.number)
		if err != nil {
			return true, err
		}
		return true, e.Print(l.env, shift.Name)
	}
	if err := l.display.draw(screen.Text(cli.LayoutOf(l.env, l.wide))); err != nil {
		return true, err
	}
	switch {
	case stage == stageSuperseded:
		cli.Say(l.env.Streams.ErrOut, "%s: another version took the place of %s before its release began", shift.Name, l.shipped.name())
		return true, cli.ExitStatus{Code: cli.ExitSuperseded}
	case stage == stageWaits:
		if text := l.shipped.waits(shift); text != l.said {
			l.said = text
			cli.Say(l.env.Streams.ErrOut, "%s", text)
		}
		return false, nil
	case stage == stageRuns && shift.Status.Release.Running():
		return false, nil
	}
	return true, l.over(shift, screen)
}

// over is the exit code of a release that has ended, also where another version waits by then, or of how things stand without one.
func (l *liveRelease) over(shift *v1alpha1.TrafficShift, screen view.Screen) error {
	code := cli.ExitCodeOf(screen)
	if o := screen.Ended; l.shipped.number != 0 && o != nil {
		switch {
		case o.Reason == string(v1alpha1.ReasonSuperseded):
			cli.Say(l.env.Streams.ErrOut, "%s: another version took the place of %s", shift.Name, l.shipped.name())
			code = cli.ExitSuperseded
		case screen.Waiting != "" && o.Result == view.StateAborted:
			code = cli.ExitAborted
		case screen.Waiting != "":
			code = cli.ExitOK
		}
	}
	if code == cli.ExitOK {
		return nil
	}
	return cli.ExitStatus{Code: code}
}
