package cli

import (
	"context"
	"fmt"
	"strings"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/view"
)

// OperatorLabel is on the operator's Deployment in the chart.
const OperatorLabel = "app.kubernetes.io/name=stagger"

// Operators are the Deployments of operators, in all namespaces.
func (c Cluster) Operators(ctx context.Context) ([]unstructured.Unstructured, error) {
	list, err := c.Client.Resource(DeploymentsResource).List(ctx, metav1.ListOptions{LabelSelector: OperatorLabel})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// LeaseOf is the Lease of the replicas of an operator's Deployment, the one that was renewed last; nil where none of them has one.
func (c Cluster) LeaseOf(ctx context.Context, operator unstructured.Unstructured) (*coordination.LeaseSpec, error) {
	list, err := c.Client.Resource(coordination.SchemeGroupVersion.WithResource("leases")).Namespace(operator.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var newest *coordination.LeaseSpec
	for _, o := range list.Items {
		var l coordination.Lease
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &l); err != nil {
			return nil, fmt.Errorf("reading the Lease %s: %w", o.GetName(), err)
		}
		// The operator's Lease has its own name, unless it is configured otherwise; it is held by the name of a pod.
		if l.Name != operator.GetName() && !strings.HasPrefix(ptr.Deref(l.Spec.HolderIdentity, ""), operator.GetName()+"-") || l.Spec.RenewTime == nil {
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
