package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

const leaderCheck = "leader"

// leader looks at which replica of a Deployment works, and returns whether nothing speaks against one of them doing so.
func (k *check) leader(ctx context.Context, operator unstructured.Unstructured, replicas int64) bool {
	list, err := k.cluster.Client.Resource(coordination.SchemeGroupVersion.WithResource("leases")).Namespace(operator.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		k.unknown(leaderCheck, err)
		return true
	}
	logs := fmt.Sprintf("see why: kubectl -n %s logs deployment/%s --all-pods", operator.GetNamespace(), operator.GetName())
	var newest *coordination.LeaseSpec
	for _, o := range list.Items {
		var l coordination.Lease
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &l); err != nil {
			k.unknown(leaderCheck, fmt.Errorf("reading the Lease %s: %w", o.GetName(), err))
			return true
		}
		// The operator's Lease has its own name, unless it is configured otherwise; it is held by the name of a pod.
		if l.Name != operator.GetName() && !strings.HasPrefix(ptr.Deref(l.Spec.HolderIdentity, ""), operator.GetName()+"-") || l.Spec.RenewTime == nil {
			continue
		}
		if newest == nil || newest.RenewTime.Before(l.Spec.RenewTime) {
			newest = &l.Spec
		}
	}
	switch {
	case newest == nil && replicas == 1:
		k.add(ResultUnknown, leaderCheck, "no replica holds a Lease, as it is with leaderElection.enabled: false", "if it is enabled, "+logs)
		return true
	case newest == nil:
		k.add(ResultMissing, leaderCheck, "no replica holds a Lease, so none of them works", logs)
		return false
	case ptr.Deref(newest.HolderIdentity, "") == "":
		k.add(ResultMissing, leaderCheck, "the last leader left, and no replica has taken its place", "look again in half a minute; then "+logs)
		return false
	}
	holder, _, _ := strings.Cut(*newest.HolderIdentity, "_")
	ago := k.env.Now().Sub(newest.RenewTime.Time).Round(time.Second)
	lease := time.Duration(ptr.Deref(newest.LeaseDurationSeconds, 0)) * time.Second
	if ago > lease {
		k.add(ResultMissing, leaderCheck, fmt.Sprintf("%s was it, and has not renewed its Lease of %s for %s by the clock here, so no replica works", holder, lease, ago), logs)
		return false
	}
	k.add(ResultOK, leaderCheck, fmt.Sprintf("%s, renewed %s ago", holder, max(ago, 0)), "")
	return true
}
