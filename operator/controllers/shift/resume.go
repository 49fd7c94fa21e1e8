package shift

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// resume has all running releases be counted as soon as this operator is the one that works. Hundreds may run, and each first pass writes and waits
// for the limit of writes: what is not counted yet is aborted by nobody. Until a release is, the age of the evidence says so.
func (r *reconciler) resume(ctx context.Context) error {
	var all v1alpha1.TrafficShiftList
	if err := r.loader.reader.List(ctx, &all, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("listing the releases to resume: %w", err)
	}
	var keys []types.NamespacedName
	for i := range all.Items {
		s := &all.Items[i]
		if !s.Status.Release.Running() {
			continue
		}
		key := client.ObjectKeyFromObject(s)
		keys = append(keys, key)
		if since, waits := cluster.CountedUntil(s.Status.Release); waits {
			r.Loop.Expect(key, since)
		}
	}
	for _, key := range keys {
		if err := r.takeUp(ctx, key); err != nil {
			log.FromContext(ctx).Error(err, "Resuming a release failed: its first pass will try again", "shift", key)
		}
	}
	return ctx.Err()
}

// takeUp follows a release by its record, and decides and writes nothing. A pass that is underway does that itself.
func (r *reconciler) takeUp(ctx context.Context, key types.NamespacedName) error {
	ctx, end, other := r.lanes.passes.try(ctx, key, false)
	if other != nil {
		return nil
	}
	defer end()
	o, found, err := r.loader.load(ctx, key)
	if err != nil || !found || cluster.Gone(o.Shift) {
		return err
	}
	r.follow(r.observe(ctx, o))
	return nil
}
