package service

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// facts are what a pass rests on. They are a cache's and are not changed.
type facts struct {
	key types.NamespacedName
	// service is nil when there is none or it is being deleted.
	service *corev1.Service
	// shift is nil when there is none.
	shift *v1alpha1.TrafficShift
	// policies are the names of all ShiftPolicies.
	policies []string
}

// policy is what the annotation says, and whether there is one.
func (f facts) policy() (string, bool) {
	if f.service == nil {
		return "", false
	}
	policy, found := f.service.Annotations[v1alpha1.PolicyAnnotation]
	return policy, found
}

// ours says whether Stagger made the TrafficShift.
func (f facts) ours() bool {
	return f.shift != nil && f.shift.Labels[v1alpha1.ServiceLabel] == f.key.Name
}

func (r *reconciler) observe(ctx context.Context, key types.NamespacedName) (facts, error) {
	f := facts{key: key}
	var s corev1.Service
	err := r.client.Get(ctx, key, &s)
	if client.IgnoreNotFound(err) != nil {
		return f, fmt.Errorf("reading Service %s: %w", key, err)
	}
	if err == nil && s.DeletionTimestamp.IsZero() {
		f.service = &s
	}
	var t v1alpha1.TrafficShift
	err = r.client.Get(ctx, key, &t)
	if client.IgnoreNotFound(err) != nil {
		return f, fmt.Errorf("reading TrafficShift %s: %w", key, err)
	}
	if err == nil {
		f.shift = &t
	}
	if _, annotated := f.policy(); !annotated {
		return f, nil
	}
	var all v1alpha1.ShiftPolicyList
	if err := r.client.List(ctx, &all); err != nil {
		return f, fmt.Errorf("listing ShiftPolicies: %w", err)
	}
	for i := range all.Items {
		f.policies = append(f.policies, all.Items[i].Name)
	}
	return f, nil
}
