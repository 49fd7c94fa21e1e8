package cli

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/view"
)

// OperatorLabel is on the operator's Deployment in the chart.
const OperatorLabel = "app.kubernetes.io/name=stagger"

// Operators are the Deployments of operators, in all namespaces.
func (c Cluster) Operators(ctx context.Context) ([]*appsv1.Deployment, error) {
	return List[appsv1.Deployment](ctx, c, DeploymentsResource, metav1.NamespaceAll, OperatorLabel)
}

// LeaseOf is the Lease of the replicas of an operator's Deployment, the one that was renewed last; nil where none of them has one.
func (c Cluster) LeaseOf(ctx context.Context, operator *appsv1.Deployment) (*coordination.LeaseSpec, error) {
	leases, err := List[coordination.Lease](ctx, c, leasesResource, operator.Namespace, "")
	if err != nil {
		return nil, err
	}
	var newest *coordination.LeaseSpec
	for _, l := range leases {
		// The operator's Lease has its own name, unless it is configured otherwise; it is held by the name of a pod.
		if l.Name != operator.Name && !strings.HasPrefix(ptr.Deref(l.Spec.HolderIdentity, ""), operator.Name+"-") || l.Spec.RenewTime == nil {
			continue
		}
		if newest == nil || newest.RenewTime.Before(l.Spec.RenewTime) {
			newest = &l.Spec
		}
	}
	return newest, nil
}

// HolderOf is the pod that holds a Lease; "" where the last one left.
func HolderOf(l *coordination.LeaseSpec) string {
	holder, _, _ := strings.Cut(ptr.Deref(l.HolderIdentity, ""), "_")
	return holder
}

// leader is which replica of which operator works; nil where nobody tells, or it may not be seen.
func (c Cluster) leader(ctx context.Context) (*view.Leader, error) {
	operators, err := c.Operators(ctx)
	if seen, err := visible(err); !seen || err != nil {
		return nil, err
	}
	var last *view.Leader
	for _, o := range operators {
		l, err := c.LeaseOf(ctx, o)
		if seen, err := visible(err); !seen || err != nil {
			return nil, err
		}
		if l != nil && (last == nil || l.RenewTime.After(last.Renewed)) {
			last = &view.Leader{Holder: HolderOf(l), Renewed: l.RenewTime.Time}
		}
	}
	return last, nil
}
