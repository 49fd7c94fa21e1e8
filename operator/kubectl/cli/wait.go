package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

var errDeleted = errors.New("the TrafficShift was deleted while it was waited for; is the Service still annotated with " + v1alpha1.PolicyAnnotation + "?")

// releaseWait waits until one release has ended.
type releaseWait struct {
	cluster Cluster
	name    string
	number  int64
	stderr  io.Writer
	now     func() time.Time
	// stands says whether the command that is to end the release is still there.
	stands func(*v1alpha1.TrafficShift) error
	// state is the last one that was printed.
	state v1alpha1.ReleaseState
	end   Ending
}

// Ending is how a release ended.
type Ending struct {
	number int64
	result v1alpha1.ReleaseState
	why    string
	// superseded says that a newer version took its place.
	superseded bool
}

// Print says how the release ended; the error carries the exit code.
func (e Ending) Print(env Env, name string) error {
	text := fmt.Sprintf("%s: release %d ended %s", name, e.number, e.result)
	if e.why != "" {
		text += ": " + e.why
	}
	if err := Write(env.Streams.Out, text+"\n"); err != nil {
		return err
	}
	switch {
	case e.superseded:
		return ExitStatus{Code: ExitSuperseded}
	case e.result == v1alpha1.StateAborted:
		return ExitStatus{Code: ExitAborted}
	}
	return nil
}

// WaitForEnd waits until the release of a TrafficShift has ended, and prints how. While its end is not decided, stands is asked whether the
// command that is to end it is still there; its error ends the wait.
func WaitForEnd(ctx context.Context, c Cluster, env Env, shift *v1alpha1.TrafficShift, timeout time.Duration, stands func(*v1alpha1.TrafficShift) error) error {
	f := releaseWait{cluster: c, name: shift.Name, number: shift.Status.Release.Number, stderr: env.Streams.ErrOut, now: env.Now, stands: stands}
	err := c.Await(ctx, shift, timeout, f.seen)
	if errors.Is(err, ErrTimeout) {
		return TimeoutError{fmt.Sprintf("release %d of %s has not ended after %s (it is %s); the command stands, look with: %s",
			f.number, f.name, timeout, f.state, c.CommandLine("status", f.name))}
	}
	if err != nil {
		return c.Interrupted(err, "the command", f.name)
	}
	return f.end.Print(env, shift.Name)
}

// Interrupted says that what was written stands, where the person has broken a wait off; any other error is returned as it is.
func (c Cluster) Interrupted(err error, what, name string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("interrupted; %s stands, look with: %s", what, c.CommandLine("status", name))
}

// ErrTimeout says that what was waited for did not come in time.
var ErrTimeout = errors.New("it took too long")

// Await watches a TrafficShift, from the version that is given, until done says true of it or fails.
func (c Cluster) Await(ctx context.Context, shift *v1alpha1.TrafficShift, timeout time.Duration, done func(*v1alpha1.TrafficShift) (bool, error)) error {
	// A watch that breaks off is begun again, which is nothing to tell people about.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), timeout)
	defer cancel()
	name := shift.Name
	for {
		if is, err := done(shift); is || err != nil {
			return err
		}
		_, err := watchtools.Until(ctx, shift.ResourceVersion, c.Watcher(fields.OneTermEqualSelector(metav1.ObjectNameField, name)), func(e watch.Event) (bool, error) {
			shift, err := DecodeEvent(name, e)
			if err != nil {
				return false, err
			}
			return done(shift)
		})
		switch {
		case err == nil:
			return nil
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return ErrTimeout
		case ctx.Err() != nil:
			return ctx.Err()
		case !IsExpired(err):
			return err
		}
		// The API server no longer has the changes since the last read, so read anew.
		object, err := c.Shifts().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if shift, err = Decode(object); err != nil {
			return err
		}
	}
}

// Watcher watches the TrafficShifts that are selected.
func (c Cluster) Watcher(which fields.Selector) *cache.ListWatch {
	return &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.FieldSelector = which.String()
		return c.Shifts().Watch(ctx, o)
	}}
}

// IsExpired says that the API server no longer has the changes since the version that a watch began at.
func IsExpired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// DecodeEvent is the object of an event of the TrafficShift with the name; an error when it was deleted.
func DecodeEvent(name string, e watch.Event) (*v1alpha1.TrafficShift, error) {
	object, is := e.Object.(*unstructured.Unstructured)
	switch {
	case e.Type == watch.Deleted:
		return nil, errDeleted
	case is:
		return Decode(object)
	}
	return nil, fmt.Errorf("watching TrafficShift %s: %w", name, apierrors.FromObject(e.Object))
}

// seen says whether the release has ended, and prints each new state of it.
func (f *releaseWait) seen(shift *v1alpha1.TrafficShift) (bool, error) {
	r := shift.Status.Release
	screen := view.Release(shift, f.now())
	if r == nil || r.Number != f.number {
		var err error
		f.end, err = f.cluster.EndingOf(screen, f.number)
		return err == nil, err
	}
	if !r.State.Ended() {
		if r.State != f.state {
			f.state = r.State
			Say(f.stderr, "release %d is %s", f.number, r.State)
		}
		if r.Outcome == nil {
			return false, f.stands(shift)
		}
		return false, nil
	}
	f.end = Ending{number: f.number, result: r.State}
	if o := screen.Ended; o != nil {
		f.end.why, f.end.superseded = strings.Trim(o.Reason+": "+o.Message, ": "), o.Reason == string(v1alpha1.ReasonSuperseded)
	}
	return true, nil
}

// EndingOf is how a past release ended that is followed by a newer one already.
func (c Cluster) EndingOf(screen view.Screen, number int64) (Ending, error) {
	for _, h := range screen.History {
		if h.Number == number {
			return Ending{number: number, result: v1alpha1.ReleaseState(h.Result), why: h.Reason, superseded: h.Reason == string(v1alpha1.ReasonSuperseded)}, nil
		}
	}
	return Ending{}, fmt.Errorf("release %d of %s is no longer known; see: %s", number, screen.Name, c.CommandLine("status", screen.Name))
}
