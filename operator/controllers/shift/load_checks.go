package shift

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// loadChecks reads what checks need: the Service by which they meet the canary, the CronJobs that the policy or the running release asks for,
// and the Jobs that were made of them.
func (l *loader) loadChecks(ctx context.Context, o *cluster.Objects) error {
	var err error
	namespace, service := o.Shift.Namespace, o.Shift.Spec.Service.Name
	if o.PreviewService, err = get[corev1.Service](ctx, l.finder, namespace, routing.PreviewName(service)); err != nil {
		return err
	}
	if o.Jobs, err = l.jobs(ctx, namespace, shiftKey(namespace+"/"+o.Shift.Name)); err != nil {
		return err
	}
	for _, name := range checksOf(o) {
		c, err := get[batchv1.CronJob](ctx, l.finder, namespace, workload.CronJobName(service, name))
		if err != nil {
			return err
		}
		if c != nil {
			o.CronJobs = append(o.CronJobs, c)
		}
	}
	return nil
}

// checksOf are the checks of the plan by which a running release goes, or the next one would.
func checksOf(o *cluster.Objects) []v1alpha1.CheckName {
	var plan v1alpha1.ShiftPolicySpec
	switch r := o.Shift.Status.Release; {
	case r.Running():
		plan = r.Plan
	case o.Policy != nil:
		plan = o.Policy.Spec
	}
	var all []v1alpha1.CheckName
	for _, step := range plan.Steps {
		all = append(all, step.Checks...)
	}
	return all
}
