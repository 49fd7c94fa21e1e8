package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// Footprint reads the pods and routes that a running release uses, as of now; nil where none runs. What may not be read is left out.
// Routes that were read before are taken as they are, and read where they are nil: they change only when a weight is written.
func (c Cluster) Footprint(ctx context.Context, shift *v1alpha1.TrafficShift, now time.Time, routes []string) (*view.Footprint, error) {
	r := shift.Status.Release
	if !r.Running() {
		return nil, nil
	}
	a := &view.Footprint{Routes: routes}
	var err error
	if shift.Spec.Destinations == nil {
		if a.Stable, a.Canary, err = c.podsOf(ctx, r, now); err != nil {
			return nil, err
		}
	}
	if routes == nil {
		a.Routes, err = c.shiftedRoutes(ctx, shift)
	}
	return a, err
}

// FootprintCache keeps the footprint of one Service's release between two looks at the cluster.
type FootprintCache struct {
	Cluster Cluster
	Now     func() time.Time
	last    *view.Footprint
	// readAt is when the last was read; number and moves are its release and weight.
	readAt time.Time
	number int64
	moves  int32
}

// FootprintMaxAge is how old a footprint may be on a screen that is shown for long.
const FootprintMaxAge = 5 * time.Second

// Refresh reads the footprint anew, unless the last is younger than maxAge. When that fails, the last one stays.
func (f *FootprintCache) Refresh(ctx context.Context, shift *v1alpha1.TrafficShift, maxAge time.Duration) {
	now := f.Now()
	if now.Sub(f.readAt) < maxAge {
		return
	}
	f.readAt = now
	var routes []string
	if r := shift.Status.Release; r != nil && f.last != nil && f.number == r.Number && f.moves == r.Moves {
		routes = f.last.Routes
	}
	in := f.Cluster
	in.Namespace = shift.Namespace
	if around, err := in.Footprint(ctx, shift, now, routes); err == nil && around != nil {
		f.last, f.number, f.moves = around, shift.Status.Release.Number, shift.Status.Release.Moves
	}
}

// Of is the last footprint; nil where no release runs.
func (f *FootprintCache) Of(shift *v1alpha1.TrafficShift) *view.Footprint {
	if !shift.Status.Release.Running() {
		return nil
	}
	return f.last
}

// shiftedRoutes are the VirtualServices that bear the mark of a TrafficShift, of its namespace or of its record, sorted; none where they may not be
// seen. A mark in another namespace may be anybody's.
func (c Cluster) shiftedRoutes(ctx context.Context, shift *v1alpha1.TrafficShift) ([]string, error) {
	all, _, err := c.ListVisible(ctx, VirtualServicesResource)
	if seen, err := visible(err); !seen || err != nil {
		return nil, err
	}
	var names []string
	for _, vs := range all {
		name := vs.GetNamespace() + "/" + vs.GetName()
		ours := vs.GetNamespace() == shift.Namespace || shift.Status.Release != nil && slices.Contains(shift.Status.Release.Routes, name)
		for _, m := range routing.Marks(vs) {
			if m.Shift == shift.Namespace+"/"+shift.Name && ours {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// visible says whether something could be looked at; it is no error that it may not be.
func visible(err error) (bool, error) {
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// podsOf are the pods of both versions of a release; nil where they may not be seen.
func (c Cluster) podsOf(ctx context.Context, r *v1alpha1.Release, now time.Time) (stable, canary *view.Pods, err error) {
	pods, err := List[corev1.Pod](ctx, c, PodsResource, c.Namespace, fmt.Sprintf("%s in (%s,%s)", workload.HashLabel, r.Stable, r.Revision))
	if seen, err := visible(err); !seen || err != nil {
		return nil, nil, err
	}
	of := map[string][]*corev1.Pod{}
	for _, p := range pods {
		of[p.Labels[workload.HashLabel]] = append(of[p.Labels[workload.HashLabel]], p)
	}
	return counted(of[r.Stable], now), counted(of[r.Revision], now), nil
}

// counted are how many pods there are and serve, and which do not.
func counted(pods []*corev1.Pod, now time.Time) *view.Pods {
	p := &view.Pods{}
	for _, pod := range pods {
		if workload.Present(pod) {
			p.All++
		}
		if workload.Serving(pod) {
			p.Ready++
		}
	}
	health := workload.HealthOf(pods, now, workload.Norm{})
	for _, f := range health.Crashing {
		p.Odd = append(p.Odd, f.String())
	}
	for _, o := range health.NotStarting {
		p.Odd = append(p.Odd, o.String())
	}
	return p
}
