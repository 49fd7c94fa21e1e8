package look

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// liveList is the list of Services on a screen that follows it.
type liveList struct {
	cluster cli.Cluster
	env     cli.Env
	wide    bool
	all     bool
	display *display
	// shifts are the objects by namespace and name.
	shifts map[string]v1alpha1.TrafficShift
	beside cli.BesideCache
	// unattended is how many the last list told that nobody looks after: no event tells when that begins.
	unattended int
}

func newLiveList(c cli.Cluster, env cli.Env, wide, all bool) *liveList {
	if all {
		c.Namespace = metav1.NamespaceAll
	}
	return &liveList{cluster: c, env: env, wide: wide, all: all, display: newDisplay(env), beside: cli.BesideCache{Cluster: c, Now: env.Now}}
}

// run shows the list until it is interrupted, which is its usual end and no error.
func (l *liveList) run(ctx context.Context) error {
	ctx = logr.NewContext(ctx, logr.Discard())
	for {
		list, err := l.cluster.Shifts().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		l.shifts = map[string]v1alpha1.TrafficShift{}
		for _, shift := range cli.DecodeList(list, l.env) {
			l.shifts[shift.Namespace+"/"+shift.Name] = shift
		}
		if over, err := l.follow(ctx, list.GetResourceVersion()); over || err != nil {
			return err
		}
	}
}

// follow shows the changes after a list, until it is interrupted. It returns false when the list's version has expired.
func (l *liveList) follow(ctx context.Context, version string) (bool, error) {
	l.beside.Refresh(ctx, 0, cli.Pointers(slices.Collect(maps.Values(l.shifts)))...)
	if err := l.draw(); err != nil {
		return true, err
	}
	events, err := watchtools.NewRetryWatcherWithContext(ctx, version, l.cluster.Watcher(fields.Everything()))
	if err != nil {
		return true, fmt.Errorf("watching TrafficShifts: %w", err)
	}
	defer events.Stop()
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-tick.C:
			l.beside.Refresh(ctx, cli.BesideMaxAge, cli.Pointers(slices.Collect(maps.Values(l.shifts)))...)
			if !l.display.terminal && unattended(l.rows()) == l.unattended {
				continue
			}
		case e, open := <-events.ResultChan():
			if !open {
				return true, l.broken(ctx)
			}
			err := l.take(e)
			if cli.IsExpired(err) {
				return false, nil
			}
			if err != nil {
				return true, err
			}
		}
		if err := l.draw(); err != nil {
			return true, err
		}
	}
}

// broken is the error of a watch that ended though nobody interrupted it.
func (l *liveList) broken(ctx context.Context) error {
	if ctx.Err() == nil {
		return errors.New("the cluster ended the watch; type it again")
	}
	return nil
}

// take updates the list by an event.
func (l *liveList) take(e watch.Event) error {
	object, is := e.Object.(*unstructured.Unstructured)
	if !is || e.Type == watch.Error {
		return fmt.Errorf("watching TrafficShifts: %w", apierrors.FromObject(e.Object))
	}
	key := object.GetNamespace() + "/" + object.GetName()
	if e.Type == watch.Deleted {
		delete(l.shifts, key)
		return nil
	}
	if shift, err := cli.Decode(object); err == nil { // the list has warned of what this version does not understand
		l.shifts[key] = *shift
	}
	return nil
}

func (l *liveList) draw() error {
	rows := l.rows()
	l.unattended = unattended(rows)
	if len(rows) == 0 {
		nobody := view.NoServices(l.cluster.Namespace)
		return l.display.draw(nobody.Text + " " + nobody.Line + "\n")
	}
	return l.display.draw(view.Table(rows, l.all, cli.LayoutOf(l.env, l.wide)))
}

func (l *liveList) rows() []view.Row {
	return l.beside.Known.Fleet(slices.Collect(maps.Values(l.shifts)), l.env.Now())
}

// unattended counts the releases that nobody looks after.
func unattended(rows []view.Row) int {
	n := 0
	for _, r := range rows {
		if r.Unattended {
			n++
		}
	}
	return n
}
