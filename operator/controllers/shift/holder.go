package shift

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// namesake is the other TrafficShift of the same Service that comes before this one; nil when there is none.
func (r *reconciler) namesake(ctx context.Context, f *facts) (*v1alpha1.TrafficShift, error) {
	return r.before(ctx, f, func(s *v1alpha1.TrafficShift) (bool, error) {
		return s.Spec.Service.Name == f.shift.Spec.Service.Name, nil
	})
}

// holder is the other TrafficShift that has the Deployment behind the Service; nil when there is none.
func (r *reconciler) holder(ctx context.Context, f *facts, w workload.Workload) (*v1alpha1.TrafficShift, error) {
	return r.before(ctx, f, func(s *v1alpha1.TrafficShift) (bool, error) {
		var svc corev1.Service
		key := types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Service.Name}
		if err := r.client.Get(ctx, key, &svc); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		selector := workload.Selector(&svc, hashes(s)...)
		return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(w.Deployment.Spec.Template.Labels)), nil
	})
}

// before is the first of the namespace's TrafficShifts that want the same; nil when that is the one of this pass. One that runs a release
// gives way to nobody; else the oldest comes first.
func (r *reconciler) before(ctx context.Context, f *facts, same func(*v1alpha1.TrafficShift) (bool, error)) (*v1alpha1.TrafficShift, error) {
	if f.running() {
		return nil, nil
	}
	var all v1alpha1.TrafficShiftList
	if err := r.client.List(ctx, &all, client.InNamespace(f.shift.Namespace)); err != nil {
		return nil, fmt.Errorf("listing TrafficShifts: %w", err)
	}
	first := f.shift
	for i := range all.Items {
		s := &all.Items[i]
		if s.UID == f.shift.UID || byClaim(s, first) > 0 {
			continue
		}
		wants, err := same(s)
		if err != nil {
			return nil, fmt.Errorf("looking at TrafficShift %s: %w", s.Name, err)
		}
		if wants {
			first = s
		}
	}
	if first == f.shift {
		return nil, nil
	}
	return first, nil
}

// byClaim orders those that run a release before the others, and then by age; in the same second the one that Stagger made for the Service
// comes before one by hand.
func byClaim(a, b *v1alpha1.TrafficShift) int {
	rank := func(s *v1alpha1.TrafficShift) int {
		if r := s.Status.Release; r != nil && !r.State.Ended() {
			return 0
		}
		return 1
	}
	byHand := func(s *v1alpha1.TrafficShift) int {
		if s.Name == s.Spec.Service.Name {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(byHand(a), byHand(b)), strings.Compare(a.Name, b.Name))
}
