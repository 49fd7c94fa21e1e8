package shift

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// workers is how many Services are looked at side by side.
const workers = 4

// A pass that failed is tried again after retryFirst, then ever later up to retryLast: an abort must not wait for minutes.
const (
	retryFirst = 50 * time.Millisecond
	retryLast  = 3 * time.Second
)

// urgent is the priority in the queue of a release that is being taken back; others have none.
const urgent = 100

// Settings are what the controller needs besides the manager.
type Settings struct {
	// Loop counts requests.
	Loop *evidence.Loop
	// Domain is the cluster's domain.
	Domain string
	// Bounds are the mesh's delays.
	Bounds release.Bounds
	// Hold is Auto, OnChange or Always.
	Hold string
	// FastTick and SlowTick are the lengths of the evidence ticks.
	FastTick, SlowTick time.Duration
	// Metrics is where the controller's metrics are registered; nil: nowhere.
	Metrics prometheus.Registerer
}

// reconciler carries out passes.
type reconciler struct {
	Settings
	client   client.Client
	reader   client.Reader // past the caches
	guard    *guard
	recorder events.EventRecorder
	metrics  *metrics
	clock    clock.PassiveClock
	live     *throttle
}

// Setup adds the controller to the manager.
func Setup(m manager.Manager, s Settings) error {
	_, err := m.GetRESTMapper().RESTMapping(admissionv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy").GroupKind(), "v1")
	if err != nil && !meta.IsNoMatchError(err) {
		return fmt.Errorf("asking whether the cluster has mutating admission policies: %w", err)
	}
	guarded := err == nil
	r := &reconciler{
		Settings: s, client: m.GetClient(), reader: m.GetAPIReader(), guard: newGuard(m.GetClient(), clock.RealClock{}, s.Hold, guarded),
		recorder: m.GetEventRecorder("stagger"), metrics: newMetrics(s.Metrics), clock: clock.RealClock{}, live: newThrottle(),
	}
	if err := AddIndices(context.Background(), m.GetFieldIndexer(), s.Domain); err != nil {
		return err
	}
	enqueue := newMapper(m.GetClient(), s.Domain)
	b := builder.ControllerManagedBy(m).Named("shift").For(&v1alpha1.TrafficShift{}).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			ReconciliationTimeout:   passLimit,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast),
		}).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(enqueue.service)).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(enqueue.deployment)).
		Watches(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(enqueue.replicaSet)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(enqueue.pod)).
		Watches(&v1alpha1.TrafficShift{}, handler.EnqueueRequestsFromMapFunc(enqueue.neighbours), builder.WithPredicates(onDelete())).
		Watches(&v1alpha1.ShiftPolicy{}, handler.EnqueueRequestsFromMapFunc(enqueue.policy), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(virtualService(), handler.EnqueueRequestsFromMapFunc(enqueue.virtualService)).
		Watches(destinationRule(), handler.EnqueueRequestsFromMapFunc(enqueue.destinationRule)).
		WatchesRawSource(source.Channel(s.Loop.Events(), &handler.EnqueueRequestForObject{}))
	if guarded {
		b = b.Watches(&admissionv1.MutatingAdmissionPolicy{}, handler.EnqueueRequestsFromMapFunc(enqueue.everyone)).
			Watches(&admissionv1.MutatingAdmissionPolicyBinding{}, handler.EnqueueRequestsFromMapFunc(enqueue.everyone))
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("setting up the shift controller: %w", err)
	}
	return nil
}

// Reconcile is one pass over one TrafficShift.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	s := &v1alpha1.TrafficShift{}
	if err := r.client.Get(ctx, req.NamespacedName, s); err != nil {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if s.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(s, v1alpha1.Finalizer) {
		return reconcile.Result{}, r.addFinalizer(ctx, s)
	}
	if !s.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(s, v1alpha1.Finalizer) {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	f, err := r.observe(ctx, s)
	if err != nil {
		return reconcile.Result{}, err
	}
	now := r.clock.Now()
	d := release.Decide(f.o, now)
	log.FromContext(ctx).V(1).Info("Decided", d.LogValues()...)
	d.After = sooner(d.After, f.recheck)
	failure := r.act(ctx, f, d)
	r.timeAbort(ctx, f, d, failure)
	if failure == nil && forgets(d) {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	result, err := r.report(ctx, f, d, failure)
	result.Priority = priority(d)
	return result, err
}

// priority is that of the next pass, also after a write that failed: what is being taken back comes before whatever could wait.
func priority(d release.Decision) *int {
	if d.Release.Aborting() {
		return ptr.To(urgent)
	}
	return ptr.To(0)
}

// timeAbort measures how long it took from the counts that decided an abort to its writes.
func (r *reconciler) timeAbort(ctx context.Context, f *facts, d release.Decision, failure *failed) {
	if failure != nil || d.Rule != "breach" || d.Release == nil || d.Release.Outcome == nil {
		return
	}
	took := r.clock.Since(f.reading.Through)
	r.metrics.abortLatency.Observe(took.Seconds())
	log.FromContext(ctx).Info("Release aborted", "release", d.Release.Number, "reason", d.Reason, "message", d.Message, "sinceCounts", took.String())
}

func forgets(d release.Decision) bool {
	return len(d.Actions) > 0 && d.Actions[len(d.Actions)-1].Verb == release.Forget
}

// sooner is the shorter of two times to wait, of which 0 means that there is nothing to wait for.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
