package check

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

const leaderCheck = "leader"

// leader looks at which replica of a Deployment works, and returns whether nothing speaks against one of them doing so.
func (k *check) leader(ctx context.Context, operator *appsv1.Deployment) bool {
	newest, err := k.cluster.LeaseOf(ctx, operator)
	if err != nil {
		k.unknown(leaderCheck, err)
		return true
	}
	logs := fmt.Sprintf("see why: kubectl -n %s logs deployment/%s --all-pods", operator.Namespace, operator.Name)
	switch {
	case newest == nil && wantedReplicas(operator) == 1:
		k.add(ResultUnknown, leaderCheck, "no replica holds a Lease, as it is with leaderElection.enabled: false", "if it is enabled, "+logs)
		return true
	case newest == nil:
		k.add(ResultMissing, leaderCheck, "no replica holds a Lease, so none of them works", logs)
		return false
	case cli.HolderOf(newest) == "":
		k.add(ResultMissing, leaderCheck, "the last leader left, and no replica has taken its place", "look again in half a minute; then "+logs)
		return false
	}
	holder := cli.HolderOf(newest)
	ago := k.env.Now().Sub(newest.RenewTime.Time).Round(time.Second)
	lease := time.Duration(ptr.Deref(newest.LeaseDurationSeconds, 0)) * time.Second
	if ago > lease {
		k.add(ResultMissing, leaderCheck, fmt.Sprintf("%s was it, and has not renewed its Lease of %s for %s, so no replica works", holder, lease, ago), logs)
		return false
	}
	k.add(ResultOK, leaderCheck, fmt.Sprintf("%s, renewed %s ago", holder, max(ago, 0)), "")
	return true
}
