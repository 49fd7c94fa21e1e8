package prepare

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// previewOthers looks whether another tool releases versions of the Service, or has the name that the canary's Service needs. What may not
// be read is left to the operator.
func previewOthers(ctx context.Context, c cli.Cluster, service *corev1.Service, a *view.Adoption) error {
	pods, err := cli.List[corev1.Pod](ctx, c, cli.PodsResource, c.Namespace, labels.FormatLabels(service.Spec.Selector))
	if err != nil && !apierrors.IsForbidden(err) {
		return err
	}
	obstruct(a, workload.RolloutBehind(service, pods))
	canary, err := cli.Get[corev1.Service](ctx, c, cli.ServicesResource, routing.CanaryName(service.Name))
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return err
	}
	obstruct(a, workload.ReleasedBy("Service", canary))
	if _, ours := workload.MarkOf(canary); !ours {
		obstruct(a, fmt.Sprintf("Service %s exists and is not Stagger's: delete or rename it, since a release of Service %s needs the name", canary.Name, service.Name))
	}
	return nil
}

// obstruct notes what is in the way of a release where nothing was before; an empty obstacle is none.
func obstruct(a *view.Adoption, obstacle string) {
	if a.Obstacle == "" {
		a.Obstacle = obstacle
	}
}
