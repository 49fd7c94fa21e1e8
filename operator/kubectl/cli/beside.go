package cli

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// few is up to how many Deployments are read one by one.
const few = 10

// Beside reads what is known beside TrafficShifts of this namespace, or of all where it is "": which operator works, and the Deployments that
// are at rest: of a running release its status tells all that. What may not be read is left out.
func (c Cluster) Beside(ctx context.Context, shifts ...*v1alpha1.TrafficShift) (view.Beside, error) {
	var b view.Beside
	if len(shifts) == 0 {
		return b, nil
	}
	var err error
	if b.Deployments, err = c.deployments(ctx, atRest(shifts)); err != nil {
		return b, err
	}
	b.Leader, err = c.leader(ctx)
	return b, err
}

// atRest are those of which no release runs.
func atRest(shifts []*v1alpha1.TrafficShift) []*v1alpha1.TrafficShift {
	var resting []*v1alpha1.TrafficShift
	for _, s := range shifts {
		if !s.Status.Release.Running() {
			resting = append(resting, s)
		}
	}
	return resting
}

// deployments reads those of TrafficShifts at rest, by namespace and name. A few are read one by one, each a request and some kilobytes, whatever
// else the cluster holds. More of them are one list of all that the namespace, or the cluster, holds, managed or not: the API server answers it
// from its memory, asking no etcd, and sends some 5 kB for each, which are 25 MB where there are five thousand.
func (c Cluster) deployments(ctx context.Context, resting []*v1alpha1.TrafficShift) (map[string]*appsv1.Deployment, error) {
	known := map[string]*appsv1.Deployment{}
	if len(resting) > few {
		list, err := c.Client.Resource(DeploymentsResource).Namespace(c.Namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if seen, err := visible(err); !seen || err != nil {
			return known, err
		}
		wanted := map[string]bool{}
		for _, s := range resting {
			wanted[s.Namespace+"/"+s.Status.Deployment.Name] = true
		}
		for _, o := range list.Items {
			key := o.GetNamespace() + "/" + o.GetName()
			if !wanted[key] {
				continue
			}
			d := &appsv1.Deployment{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, d); err != nil {
				return known, fmt.Errorf("reading Deployment %s: %w", key, err)
			}
			known[key] = d
		}
		return known, nil
	}
	for _, s := range resting {
		if s.Status.Deployment.Name == "" {
			continue
		}
		c.Namespace = s.Namespace
		d, err := Get[appsv1.Deployment](ctx, c, DeploymentsResource, s.Status.Deployment.Name)
		if seen, err := visible(err); err != nil {
			return known, err
		} else if seen {
			known[d.Namespace+"/"+d.Name] = d
		}
	}
	return known, nil
}

// BesideCache keeps what is known beside TrafficShifts between two looks at the cluster.
type BesideCache struct {
	Cluster Cluster
	Now     func() time.Time
	// Known is what the last look saw.
	Known view.Beside
	// readAt is when the leader was looked at, listedAt when the Deployments were.
	readAt, listedAt time.Time
}

const (
	// BesideMaxAge is how old what is known beside TrafficShifts may be on a screen that is shown for long.
	BesideMaxAge = 15 * time.Second
	// listMaxAge is how old the Deployments may be there where all have to be listed.
	listMaxAge = 2 * time.Minute
)

// Refresh looks anew, unless the last look is younger than maxAge; a list of all Deployments is not read anew more often than each two minutes.
// When that fails, what was seen last stays.
func (k *BesideCache) Refresh(ctx context.Context, maxAge time.Duration, shifts ...*v1alpha1.TrafficShift) {
	now := k.Now()
	resting := atRest(shifts)
	if len(shifts) == 0 || now.Sub(k.readAt) < maxAge {
		return
	}
	k.readAt = now
	if leader, err := k.Cluster.leader(ctx); err == nil {
		k.Known.Leader = leader
	}
	if len(resting) > few && now.Sub(k.listedAt) < listMaxAge {
		return
	}
	k.listedAt = now
	if all, err := k.Cluster.deployments(ctx, resting); err == nil {
		k.Known.Deployments = all
	}
}
