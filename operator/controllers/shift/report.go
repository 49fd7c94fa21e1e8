package shift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

const (
	// liveInterval is how often numbers alone are written into the status.
	liveInterval = 15 * time.Second
	// retryMoved is when to look again after an object was found changed.
	retryMoved = 50 * time.Millisecond
	// historyLength is how many past releases the status keeps.
	historyLength = 10
)

// save writes the record of a decision into the status, provided that the TrafficShift is the one that was read.
func (r *reconciler) save(ctx context.Context, f *facts, d release.Decision) error {
	return r.patchStatus(ctx, f, r.status(f, d, d.Release))
}

func (r *reconciler) patchStatus(ctx context.Context, f *facts, status v1alpha1.TrafficShiftStatus) error {
	after := f.shift.DeepCopy()
	after.Status = status
	if err := r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(f.shift, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	r.tell(f, after)
	f.shift = after
	return nil
}

// report writes the outcome of a pass: one status patch, events, metrics.
func (r *reconciler) report(ctx context.Context, f *facts, d release.Decision, failure *failed) (reconcile.Result, error) {
	rec := d.Release
	if failure != nil {
		d.Reason, d.Message = blamed(failure), failure.Error()+"; it is tried again"
		if !rec.Aborting() {
			rec, d.Answer = nil, nil // what was not done is not recorded; the beginning of an abort is
		}
	}
	status := r.status(f, d, rec)
	key := client.ObjectKeyFromObject(f.shift)
	left, changed := r.due(key, f.shift.Status, status)
	if changed && left == 0 {
		if err := r.patchStatus(ctx, f, status); err != nil {
			return r.again(ctx, d, failure, err)
		}
		r.live.wrote(key, r.clock.Now())
	}
	r.metrics.show(f, d)
	result, err := r.again(ctx, d, failure, nil)
	if err == nil {
		result.RequeueAfter = sooner(result.RequeueAfter, left) // what is kept back now may be the last that happens for long
	}
	return result, err
}

// again says when to look next. An object that was found changed is no error: the next pass knows better.
func (r *reconciler) again(ctx context.Context, d release.Decision, failure *failed, err error) (reconcile.Result, error) {
	if failure != nil && !moved(failure.err) {
		err = errors.Join(failure, err)
	} else if failure != nil || err != nil && moved(err) {
		log.FromContext(ctx).V(1).Info("Objects changed since they were read", "write", fmt.Sprint(failure), "status", fmt.Sprint(err))
		return reconcile.Result{RequeueAfter: retryMoved}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(d.Writes()) > 0 {
		return reconcile.Result{RequeueAfter: time.Millisecond}, nil
	}
	return reconcile.Result{RequeueAfter: d.After}, nil
}

// blamed is the reason of a write that failed.
func blamed(failure *failed) v1alpha1.Reason {
	switch {
	case errors.Is(failure, routing.ErrOwned):
		return v1alpha1.ReasonRouteConflict
	case moved(failure.err):
		return v1alpha1.ReasonWaiting
	case failure.action.Verb == release.Raise || ofTraffic(failure.action):
		return v1alpha1.ReasonRouteWriteDenied
	}
	return v1alpha1.ReasonWriteFailed
}

// answerOf is an answer as the status holds it.
func answerOf(a release.Answer) *v1alpha1.CommandAnswer {
	answer := &v1alpha1.CommandAnswer{Result: v1alpha1.CommandRefused, Message: a.Message}
	if a.Accepted {
		answer.Result = v1alpha1.CommandAccepted
	}
	return answer
}

// status is the whole status after a decision; rec is the record to be written, nil to keep the one there is.
func (r *reconciler) status(f *facts, d release.Decision, rec *v1alpha1.Release) v1alpha1.TrafficShiftStatus {
	s := f.shift.Status.DeepCopy()
	s.ObservedGeneration = f.shift.Generation
	for _, c := range release.Conditions(f.o, d) {
		c.ObservedGeneration = f.shift.Generation
		meta.SetStatusCondition(&s.Conditions, c)
	}
	dropOld(s, release.Conditions(f.o, d))
	s.Refused = d.Refused
	if d.Answer != nil {
		s.LastHandledCommand, s.LastAnswer = d.Answer.Token, answerOf(*d.Answer)
	}
	if rec != nil {
		s.Release = rec.DeepCopy()
	}
	if s.Release != nil && (f.running() || rec != nil) {
		release.Count(s.Release, f.o.Evidence, d.Message)
	}
	if w := f.o.Workload; !f.running() && w.Stable.There() {
		s.Stable = v1alpha1.Version{Revision: w.Stable.Hash, Images: w.StableImages}
	}
	if rec != nil && rec.State.Ended() && f.running() && (len(s.History) == 0 || s.History[0].Number != rec.Number) {
		past := pastOf(s.Release)
		s.History = slices.Insert(s.History, 0, past)
		s.History = s.History[:min(len(s.History), historyLength)]
		r.metrics.ended(past)
	}
	return *s
}

// dropOld removes the conditions that are there only while they are True.
func dropOld(s *v1alpha1.TrafficShiftStatus, now []metav1.Condition) {
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if meta.FindStatusCondition(now, kind) == nil {
			meta.RemoveStatusCondition(&s.Conditions, kind)
		}
	}
}

func pastOf(rec *v1alpha1.Release) v1alpha1.PastRelease {
	p := v1alpha1.PastRelease{
		Number: rec.Number, Revision: rec.Revision, Images: rec.Images, Outcome: rec.State, PeakWeight: rec.PeakWeight,
		Exposed: rec.Exposed, Failed: rec.Failed, StartedAt: rec.StartedAt,
	}
	if rec.Outcome != nil {
		p.Reason, p.Message = rec.Outcome.Reason, rec.Outcome.Message
	}
	if rec.FinishedAt != nil {
		p.Duration = v1alpha1.DurationOf(rec.FinishedAt.Sub(rec.StartedAt.Time))
	}
	return p
}

// due says whether the status has changed, and how soon it is to be written: at once when anything but numbers is new, numbers every
// liveInterval.
func (r *reconciler) due(key types.NamespacedName, before, after v1alpha1.TrafficShiftStatus) (left time.Duration, changed bool) {
	switch {
	case equality.Semantic.DeepEqual(before, after):
		return 0, false
	case !equality.Semantic.DeepEqual(withoutNumbers(before), withoutNumbers(after)):
		return 0, true
	}
	return r.live.left(key, r.clock.Now()), true
}

// withoutNumbers is a status without what changes with every slice. What is said of pods and of other Services does not.
func withoutNumbers(s v1alpha1.TrafficShiftStatus) v1alpha1.TrafficShiftStatus {
	out := *s.DeepCopy()
	for i := range out.Conditions {
		c := &out.Conditions[i]
		c.LastTransitionTime = metav1.Time{}
		if c.Type != v1alpha1.ConditionWorkloadReady && c.Type != v1alpha1.ConditionIsolated {
			c.Message = ""
		}
	}
	if r := out.Release; r != nil {
		r.Evidence, r.LiveWeight, r.LiveWeightError, r.Next, r.Exposed, r.Failed = "", "", "", "", 0, 0
		for i := range r.Objectives {
			r.Objectives[i] = v1alpha1.ObjectiveStatus{Name: r.Objectives[i].Name, Verdict: r.Objectives[i].Verdict}
		}
	}
	return out
}

// throttle remembers when numbers were last written.
type throttle struct {
	mu   sync.Mutex
	last map[types.NamespacedName]time.Time
}

func newThrottle() *throttle { return &throttle{last: map[types.NamespacedName]time.Time{}} }

// left is how long until they may be written again, 0 when they may.
func (t *throttle) left(key types.NamespacedName, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, liveInterval-now.Sub(t.last[key]))
}

func (t *throttle) wrote(key types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[key] = now
}

func (t *throttle) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, key)
}

// forget drops what is kept in memory of a TrafficShift that is gone.
func (r *reconciler) forget(key types.NamespacedName) {
	r.Loop.Forget(key)
	r.live.forget(key)
	r.metrics.forget(key)
}
