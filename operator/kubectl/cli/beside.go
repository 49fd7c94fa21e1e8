package cli

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// Beside reads what is known beside TrafficShifts of this namespace, or of all where it is "": which operator works, and the Deployments that
// are at rest. What may not be read is left out. Of a running release its status tells both.
func (c Cluster) Beside(ctx context.Context, shifts ...*v1alpha1.TrafficShift) (view.Beside, error) {
	b := view.Beside{Deployments: map[string]*appsv1.Deployment{}}
	var resting []*v1alpha1.TrafficShift
	for _, s := range shifts {
		if !s.Status.Release.Running() {
			resting = append(resting, s)
		}
	}
	if len(resting) == 0 {
		return b, nil
	}
	var deployments []*appsv1.Deployment
	var err error
	if name := resting[0].Status.Deployment.Name; len(resting) > 1 {
		deployments, err = List[appsv1.Deployment](ctx, c, DeploymentsResource, "")
	} else if name != "" {
		c.Namespace = resting[0].Namespace
		var d *appsv1.Deployment
		d, err = Get[appsv1.Deployment](ctx, c, DeploymentsResource, name)
		deployments = append(deployments, d)
	}
	if seen, err := visible(err); err != nil {
		return b, err
	} else if seen {
		for _, d := range deployments {
			b.Deployments[d.Namespace+"/"+d.Name] = d
		}
	}
	b.Leader, err = c.leader(ctx)
	return b, err
}

// BesideCache keeps what is known beside TrafficShifts between two looks at the cluster.
type BesideCache struct {
	Cluster Cluster
	Now     func() time.Time
	// Known is what the last look saw.
	Known  view.Beside
	readAt time.Time
}

// BesideMaxAge is how old what is known beside TrafficShifts may be on a screen that is shown for long.
const BesideMaxAge = 15 * time.Second

// Refresh looks anew, unless the last look is younger than maxAge. When that fails, what was seen last stays.
func (k *BesideCache) Refresh(ctx context.Context, maxAge time.Duration, shifts ...*v1alpha1.TrafficShift) {
	now := k.Now()
	if len(shifts) == 0 || now.Sub(k.readAt) < maxAge {
		return
	}
	k.readAt = now
	if b, err := k.Cluster.Beside(ctx, shifts...); err == nil {
		k.Known = b
	}
}
