package service

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// act carries out the move's one write.
func (r *reconciler) act(ctx context.Context, f facts, m move) error {
	switch m.verb {
	case start:
		return r.start(ctx, f, m.policy)
	case follow:
		return r.follow(ctx, f, m.policy)
	case end:
		return r.end(ctx, f)
	}
	return nil
}

func (r *reconciler) start(ctx context.Context, f facts, policy string) error {
	labels := map[string]string{v1alpha1.ServiceLabel: f.key.Name}
	maps.Copy(labels, workload.Inherited(f.service.Labels))
	made := &v1alpha1.TrafficShift{
		ObjectMeta: metav1.ObjectMeta{
			Name:       f.key.Name,
			Namespace:  f.key.Namespace,
			Labels:     labels,
			Finalizers: []string{v1alpha1.Finalizer},
		},
		Spec: v1alpha1.TrafficShiftSpec{
			PolicyRef: v1alpha1.PolicyReference{Name: policy},
			Service:   v1alpha1.ServiceReference{Name: f.key.Name},
		},
	}
	err := r.client.Create(ctx, made)
	r.metrics.Write(made, cluster.Create, err)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the Service goes with its namespace
	}
	if err != nil {
		return fmt.Errorf("making TrafficShift %s: %w", f.key, err)
	}
	return nil
}

// follow changes the policy of our TrafficShift, provided it is still the one that was read.
func (r *reconciler) follow(ctx context.Context, f facts, policy string) error {
	body, err := json.Marshal(patch.Patch{patch.Version(f.shift.ResourceVersion), patch.Replace("/spec/policyRef/name", policy)})
	if err != nil {
		return fmt.Errorf("rendering the patch of TrafficShift %s: %w", f.key, err)
	}
	err = r.client.Patch(ctx, f.shift.DeepCopy(), client.RawPatch(types.JSONPatchType, body))
	if r.metrics.Write(f.shift, cluster.Patch, err); err != nil {
		return fmt.Errorf("giving TrafficShift %s the policy %s: %w", f.key, policy, err)
	}
	return nil
}

// end deletes the TrafficShift that was read, not one that has taken its name or was taken over by a person since.
func (r *reconciler) end(ctx context.Context, f facts) error {
	err := r.client.Delete(ctx, f.shift.DeepCopy(), client.Preconditions{UID: &f.shift.UID, ResourceVersion: &f.shift.ResourceVersion})
	err = client.IgnoreNotFound(err)
	if r.metrics.Write(f.shift, cluster.Delete, err); err != nil {
		return fmt.Errorf("deleting TrafficShift %s: %w", f.key, err)
	}
	return nil
}
