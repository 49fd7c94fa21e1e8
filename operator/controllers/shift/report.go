package shift

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/metrics"
	"github.com/stagger-dev/stagger/pkg/release"
)

// patchStatus writes the status, provided that the TrafficShift is the one that was read, and tells people what has changed by it.
func (r *reconciler) patchStatus(ctx context.Context, v *cluster.View, status v1alpha1.TrafficShiftStatus) error {
	after := v.Shift.DeepCopy()
	after.Status = status
	before := v.Shift.Status
	stored, err := r.stored(ctx, v.Shift, after)
	if err != nil {
		return err
	}
	err = r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(stored, client.MergeFromWithOptimisticLock{}),
		client.DisableReadYourWritesConsistency)
	r.Metrics.Write(after, cluster.Status, err)
	if err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	r.refusals.passStatus(client.ObjectKeyFromObject(after))
	r.told.wrote(client.ObjectKeyFromObject(after), r.clock.Now())
	cluster.SlimHistory(after)
	r.written.note(client.ObjectKeyFromObject(after), after)
	r.tell(v, after)
	r.logAbort(ctx, before.Release, status.Release)
	metrics.Changes(after.Namespace, before, status, v.Facts.Wanted.Command.Name(), r.clock.Now(), r.Metrics.Add)
	v.Stored(after)
	return nil
}

// stored is what a patch starts from: what was read, or, where the history changes, the object with the whole history, which the caches do not
// keep; after then has it too.
func (r *reconciler) stored(ctx context.Context, read, after *v1alpha1.TrafficShift) (*v1alpha1.TrafficShift, error) {
	if equality.Semantic.DeepEqual(read.Status.History, after.Status.History) {
		return read, nil
	}
	var stored v1alpha1.TrafficShift
	if err := r.reader.Get(ctx, client.ObjectKeyFromObject(read), &stored); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	if stored.ResourceVersion != read.ResourceVersion {
		return nil, apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("trafficshifts").GroupResource(), read.Name,
			errors.New("it was changed since it was read"))
	}
	from := read.DeepCopy()
	from.Status.History = stored.Status.History
	cluster.WholeHistory(&after.Status, stored.Status.History)
	return from, nil
}

// countLast tells the counters of the release of a TrafficShift that goes what is known of it, where that is not counted to the end.
func (r *reconciler) countLast(s *v1alpha1.TrafficShift) {
	metrics.Changes(s.Namespace, s.Status, cluster.LastStatus(s), "", r.clock.Now(), r.Metrics.Add)
}

// logAbort says how long an abort by evidence took, when the canary's traffic is gone.
func (r *reconciler) logAbort(ctx context.Context, was, is *v1alpha1.Release) {
	if !was.Aborting() || was.State != v1alpha1.StateAborting || is.State == v1alpha1.StateAborting || is.Outcome == nil || is.Outcome.CountedUntil == nil {
		return
	}
	log.FromContext(ctx).Info("Release aborted", "release", is.Number, "reason", is.Outcome.Reason, "message", is.Outcome.Message,
		"sinceCounts", r.clock.Since(is.Outcome.CountedUntil.Time).String())
}

// report writes the outcome of a pass into the status, and says when the next one is.
func (r *reconciler) report(ctx context.Context, v *cluster.View, d release.Decision, failure *cluster.Failure) (reconcile.Result, error) {
	rec, told := d.Release, d
	if failure != nil {
		told, rec = failure.After(v, d)
	}
	status := cluster.StatusOf(v, told, rec)
	key := client.ObjectKeyFromObject(v.Shift)
	r.Metrics.Looked(key, status.Release)
	left, changed := r.told.due(key, v.Shift.Status, status, r.clock.Now())
	if changed {
		left = max(left, r.refusals.statusLeft(key, r.clock.Now()))
	}
	var unwritten error
	if changed && left == 0 {
		ctx, stop := context.WithTimeout(ctx, callLimit)
		defer stop()
		unwritten = r.patchStatus(ctx, v, status)
		if refused := asDenied(v, unwritten); refused != nil {
			left, unwritten = r.tellRefused(ctx, v, refused), nil
		}
	}
	if failure != nil || unwritten != nil {
		return r.retry(ctx, v, d, failure, unwritten)
	}
	r.failures.Forget(key)
	after := d.After
	if len(d.Writes()) > 0 {
		after = time.Millisecond
	}
	if left == 0 && v.Shift.Status.Release.Running() {
		left = v1alpha1.Heartbeat // whatever happens until then, people are told that somebody looks
	}
	after = sooner(after, release.GivenUpIn(v.Shift.Status.Release, r.clock.Now()))
	return reconcile.Result{RequeueAfter: sooner(after, left)}, nil // what is kept back now may be the last that happens for long
}

// asDenied is the failure of a status that the API server has refused, and would refuse again; nil where it was written, or failed otherwise.
func asDenied(v *cluster.View, err error) *cluster.Failure {
	f := &cluster.Failure{Write: cluster.Write{Action: release.Action{Verb: release.Save}, Kind: cluster.Status, Object: v.Shift}, Err: err}
	if err == nil || !f.Denied() {
		return nil
	}
	return f
}

// tellRefused tells of a status that was refused where people look who cannot read it in the status, and says when the next one is written.
func (r *reconciler) tellRefused(ctx context.Context, v *cluster.View, f *cluster.Failure) time.Duration {
	key := client.ObjectKeyFromObject(v.Shift)
	log.FromContext(ctx).Error(f, "The status was refused, so that nobody sees what the release does")
	if r.refusals.noteStatus(key, r.clock.Now()) == 1 {
		r.event(v, corev1.EventTypeWarning, string(f.Reason()), "the status cannot be written, and nothing is released without it: "+f.Message())
	}
	return r.refusals.statusLeft(key, r.clock.Now())
}

// retry says when to try again what failed. An object that has changed since it was read is no error: the next pass knows better. Both wait
// ever longer, but never long while a release is being taken back.
func (r *reconciler) retry(
	ctx context.Context, v *cluster.View, d release.Decision, failure *cluster.Failure, unwritten error,
) (reconcile.Result, error) {
	key := client.ObjectKeyFromObject(v.Shift)
	stale := unwritten != nil && (apierrors.IsConflict(unwritten) || apierrors.IsNotFound(unwritten))
	switch {
	case failure != nil && !failure.Stale() && !failure.Denied(), unwritten != nil && !stale:
		return reconcile.Result{}, errors.Join(asError(failure), unwritten)
	case failure != nil && failure.Denied():
		log.FromContext(ctx).Info("Write denied", "write", failure.Write.String(), "reason", failure.Err.Error())
	default:
		log.FromContext(ctx).V(1).Info("Objects changed since they were read", "write", fmt.Sprint(failure), "status", fmt.Sprint(unwritten))
	}
	wait := r.failures.When(key)
	if failure != nil && failure.Denied() && !failure.Write.Lever {
		wait = max(wait, r.refusals.left(key, r.clock.Now()))
	}
	if d.Release.Aborting() {
		wait = min(wait, retryLast)
	}
	if v.Shift.Status.Release.Running() {
		wait = min(wait, v1alpha1.Heartbeat)
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// asError keeps a nil Failure from becoming an error that is not nil.
func asError(f *cluster.Failure) error {
	if f == nil {
		return nil
	}
	return f
}

// told remembers of each TrafficShift when its status was written.
type told struct {
	mu sync.Mutex
	of map[types.NamespacedName]cluster.Told
}

func newTold() *told { return &told{of: map[types.NamespacedName]cluster.Told{}} }

// due is cluster.Told.Due.
func (t *told) due(key types.NamespacedName, stored, is v1alpha1.TrafficShiftStatus, now time.Time) (left time.Duration, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.of[key]
	left, changed = of.Due(stored, is, now)
	t.of[key] = of
	return left, changed
}

func (t *told) wrote(key types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.of[key]
	of.Wrote(now)
	t.of[key] = of
}

func (t *told) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, key)
}

// forget drops what is kept in memory of a TrafficShift that is gone.
func (r *reconciler) forget(key types.NamespacedName) {
	r.Loop.Follow(key, evidence.Following{})
	r.told.forget(key)
	r.Metrics.Looked(key, nil)
	r.guard.forget(key)
	r.refusals.forget(key)
	r.failures.Forget(key)
}
