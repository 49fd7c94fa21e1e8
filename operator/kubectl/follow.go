package kubectl

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

var errGone = errors.New("the TrafficShift was deleted while it was waited for; is the Service still annotated with " + v1alpha1.PolicyAnnotation + "?")

// follow waits until one release has ended.
type follow struct {
	cluster cluster
	name    string
	number  int64
	timeout time.Duration
	talk    io.Writer
	now     func() time.Time
	// state is the last one that was told.
	state v1alpha1.ReleaseState
	end   end
}

// end is how a release ended.
type end struct {
	number int64
	result v1alpha1.ReleaseState
	why    string
}

// tell says how the release ended, in words and by the exit code.
func (e end) tell(w World, name string) error {
	text := fmt.Sprintf("%s: release %d ended %s", name, e.number, e.result)
	if e.why != "" {
		text += ": " + e.why
	}
	if err := write(w.Streams.Out, text+"\n"); err != nil {
		return err
	}
	if e.result == v1alpha1.StateAborted {
		return ended{code: ExitAborted}
	}
	return nil
}

func (f *follow) run(ctx context.Context, shift *v1alpha1.TrafficShift) (end, error) {
	// A watch that breaks off is begun again, which is nothing to tell people about.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), f.timeout)
	defer cancel()
	for {
		done, err := f.seen(shift)
		if done || err != nil {
			return f.end, err
		}
		_, err = watchtools.Until(ctx, shift.ResourceVersion, f.watcher(), f.event)
		switch {
		case err == nil:
			return f.end, nil
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return end{}, f.late()
		case ctx.Err() != nil:
			return end{}, ctx.Err()
		case !forgotten(err):
			return end{}, err
		}
		// The API server has forgotten what came after the last look, so look anew.
		object, err := f.cluster.shifts().Get(ctx, f.name, metav1.GetOptions{})
		if err != nil {
			return end{}, err
		}
		if shift, err = typed(object); err != nil {
			return end{}, err
		}
	}
}

func (f *follow) watcher() *cache.ListWatch {
	return &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, f.name).String()
		return f.cluster.shifts().Watch(ctx, o)
	}}
}

func (f *follow) event(e watch.Event) (bool, error) {
	shift, err := seenIn(f.name, e)
	if err != nil {
		return false, err
	}
	return f.seen(shift)
}

// forgotten says that the API server no longer knows what came after a look.
func forgotten(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// seenIn is the object of an event of the TrafficShift with the name.
func seenIn(name string, e watch.Event) (*v1alpha1.TrafficShift, error) {
	object, is := e.Object.(*unstructured.Unstructured)
	switch {
	case e.Type == watch.Deleted:
		return nil, errGone
	case is:
		return typed(object)
	}
	return nil, fmt.Errorf("watching TrafficShift %s: %w", name, apierrors.FromObject(e.Object))
}

// seen says whether the release has ended, and tells each new state of it.
func (f *follow) seen(shift *v1alpha1.TrafficShift) (bool, error) {
	r := shift.Status.Release
	screen := view.Release(shift, f.now())
	if r == nil || r.Number != f.number {
		var err error
		f.end, err = f.cluster.missed(screen, f.number)
		return err == nil, err
	}
	if !r.State.Ended() {
		if r.State != f.state {
			f.state = r.State
			say(f.talk, "release %d is %s", f.number, r.State)
		}
		return false, nil
	}
	f.end = end{number: f.number, result: r.State}
	if o := screen.Outcome; o != nil {
		f.end.why = strings.Trim(o.Reason+": "+o.Message, ": ")
	}
	return true, nil
}

// missed finds a release that ended between two looks, with a newer one in its place.
func (c cluster) missed(screen view.Screen, number int64) (end, error) {
	for _, h := range screen.History {
		if h.Number == number {
			return end{number: number, result: v1alpha1.ReleaseState(h.Result), why: h.Reason}, nil
		}
	}
	return end{}, fmt.Errorf("release %d of %s is no longer known; see: %s", number, screen.Name, c.line("status", screen.Name))
}

func (f *follow) late() error {
	return late{fmt.Sprintf("release %d of %s has not ended after %s (it is %s); the command stands, look with: %s",
		f.number, f.name, f.timeout, f.state, f.cluster.line("status", f.name))}
}
