package cli

import (
	"context"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// Arm is one of the destinations of a TrafficShift of the namespace as its requests are counted.
func (c Cluster) Arm(ctx context.Context, d v1alpha1.Destination) (arm counting.Service, err error) {
	t := routing.Target{Namespace: c.Namespace}
	of := routing.Destination{Host: d.Host, Subset: d.Subset, Port: int64(d.Port)}
	if arm.Name, arm.Namespace = t.ServiceOf(of); d.Subset == "" {
		return arm, nil
	}
	rules, _, err := c.ListVisible(ctx, DestinationRulesResource)
	if err != nil {
		return arm, err
	}
	arm.Revision, err = routing.RevisionOf(rules, t, of)
	return arm, err
}

// Arms are what the requests of the newest release of a TrafficShift of the namespace are counted by.
func (c Cluster) Arms(ctx context.Context, shift *v1alpha1.TrafficShift) (arms counting.Pair, err error) {
	d := shift.Spec.Destinations
	if d == nil {
		arms.Stable = counting.Service{Namespace: shift.Namespace, Name: shift.Spec.Service.Name}
		arms.Canary = counting.Service{Namespace: shift.Namespace, Name: routing.CanaryName(shift.Spec.Service.Name)}
		return arms, nil
	}
	stable, canary := d.Stable, d.Canary
	if r := shift.Status.Release; r != nil && r.Toward == v1alpha1.TowardStable {
		stable, canary = canary, stable
	}
	if arms.Stable, err = c.Arm(ctx, stable); err != nil {
		return arms, err
	}
	arms.Canary, err = c.Arm(ctx, canary)
	return arms, err
}
