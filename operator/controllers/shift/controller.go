package shift

import (
	"context"
	"fmt"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/manifests/crd"
	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/lease"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/bounds"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// A pass that failed is tried again after retryFirst, then ever later up to retryLast: an abort must not wait for minutes.
const (
	retryFirst = 50 * time.Millisecond
	retryLast  = 3 * time.Second
)

// Settings are what the controller needs besides the manager.
type Settings struct {
	// Loop counts requests, and Direct reads proxies; nil: none are read.
	Loop   *evidence.Loop
	Direct *direct.Reader
	// Domain is the cluster's domain. Namespaces are those that the operator works in; none: all. GatewayNamespaces are those whose pods are
	// trusted as gateways; their pods and Gateways are in the caches too.
	Domain            string
	Namespaces        []string
	GatewayNamespaces []string
	// Bounds are the mesh's delays.
	Bounds release.Bounds
	// Hold is Auto, OnChange or Always.
	Hold string
	// FastTick and SlowTick are the lengths of the evidence ticks.
	FastTick, SlowTick time.Duration
	// Lease says whether this operator is the one that works; nil: it is alone.
	Lease *lease.Lease
	// Metrics is told what happens; nil: nobody is.
	Metrics *metrics.Set
}

// reconciler carries out passes.
type reconciler struct {
	Settings
	client   client.Client
	levering client.Client // for levers
	reader   client.Reader // past the caches
	loader   *loader
	stirs    *stirs
	written  *written
	guard    *guard
	recorder events.EventRecorder
	clock    clock.PassiveClock
	told     *told
	refusals *refusals
	limits   bounds.Of[v1alpha1.TrafficShiftStatus]
	failures workqueue.TypedRateLimiter[types.NamespacedName]
	lanes    *lanes
}

// Setup adds the controller to the manager.
func Setup(m manager.Manager, s Settings) error {
	_, err := m.GetRESTMapper().RESTMapping(admissionv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy").GroupKind(), "v1")
	if err != nil && !meta.IsNoMatchError(err) {
		return fmt.Errorf("asking whether the cluster has mutating admission policies: %w", err)
	}
	guarded := err == nil
	if err := AddIndices(context.Background(), m.GetFieldIndexer(), s.Domain); err != nil {
		return err
	}
	schema, err := crd.SchemaOf(crd.TrafficShifts)
	if err != nil {
		return fmt.Errorf("reading the CRD of TrafficShifts: %w", err)
	}
	levering, err := newLevering(m)
	if err != nil {
		return err
	}
	r := newReconciler(m.GetClient(), levering, m.GetEventRecorder("stagger"), s, guarded)
	r.limits = bounds.New[v1alpha1.TrafficShiftStatus](ptr.To(schema.Properties["status"]))
	s.Metrics.Gauges(r.guard.tell)
	enqueue := newMapper(m.GetClient(), s.Domain)
	b := builder.ControllerManagedBy(m).Named("shift").For(&v1alpha1.TrafficShift{}).
		WithOptions(r.lanes.options(false)).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(enqueue.service)).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(enqueue.deployment)).
		Watches(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(enqueue.replicaSet)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(enqueue.pod), builder.WithPredicates(ofNamespaces(s.Namespaces))).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(enqueue.claim)).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(enqueue.job)).
		Watches(&batchv1.CronJob{}, handler.EnqueueRequestsFromMapFunc(enqueue.cronJob), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.TrafficShift{}, handler.EnqueueRequestsFromMapFunc(enqueue.neighbours), builder.WithPredicates(onDelete())).
		Watches(&v1alpha1.ShiftPolicy{}, handler.EnqueueRequestsFromMapFunc(enqueue.policy), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(destinationRule(), handler.EnqueueRequestsFromMapFunc(enqueue.destinationRule)).
		WatchesRawSource(source.Channel(s.Loop.Events(), &handler.EnqueueRequestForObject{}))
	if r.reads() {
		b = b.WatchesRawSource(source.Channel(s.Direct.Changed(), &handler.EnqueueRequestForObject{}))
		if err := r.stirs.watch(context.Background(), m.GetCache()); err != nil {
			return err
		}
	}
	for _, kind := range routing.Kinds() {
		b = b.Watches(ofKind(kind), handler.EnqueueRequestsFromMapFunc(enqueue.route))
	}
	if guarded {
		b = b.Watches(&admissionv1.MutatingAdmissionPolicy{}, handler.EnqueueRequestsFromMapFunc(enqueue.everyone)).
			Watches(&admissionv1.MutatingAdmissionPolicyBinding{}, handler.EnqueueRequestsFromMapFunc(enqueue.everyone))
	}
	if r.guard.proves {
		p, err := newPulse(m, r.guard)
		if err != nil {
			return fmt.Errorf("watching whether Deployments are held: %w", err)
		}
		b = b.WatchesRawSource(source.Channel(p.doubt, handler.EnqueueRequestsFromMapFunc(enqueue.everyone)))
	}
	if err := b.Complete(r.lanes.reconciler(false, r.Reconcile)); err != nil {
		return fmt.Errorf("setting up the shift controller: %w", err)
	}
	aborts := r.lanes.options(true)
	aborts.Reconciler = r.lanes.reconciler(true, r.Reconcile)
	if _, err := controller.New("abort", m, aborts); err != nil { // it watches nothing: what it is to do is sent to it
		return fmt.Errorf("setting up the abort controller: %w", err)
	}
	return m.Add(manager.RunnableFunc(r.resume))
}

// newReconciler is one with nothing in its memory. Guarded says that the cluster knows mutating admission policies.
func newReconciler(c, levering client.Client, recorder events.EventRecorder, s Settings, guarded bool) *reconciler {
	k := clock.RealClock{}
	w := newWritten(k)
	r := &reconciler{
		Settings: s, client: c, levering: levering, reader: levering, written: w, loader: newLoader(c, levering, w, s), guard: newGuard(c, k, s.Hold, guarded),
		recorder: recorder, clock: k, told: newTold(), refusals: newRefusals(),
		stirs: &stirs{clock: k}, failures: workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](retryFirst, refusedLast),
	}
	r.lanes = newLanes(r.judge)
	return r
}

// judge says how urgent a pass is, by caches and memory.
func (r *reconciler) judge(key types.NamespacedName) standing {
	s, err := get[v1alpha1.TrafficShift](context.Background(), r.loader.finder, key.Namespace, key.Name)
	if err != nil || s == nil || !s.Status.Release.Running() {
		return resting // a pass will tell of an error
	}
	n := s.Status.Release.Number
	if release.TakenBack(s) || r.Loop.Breached(key, n) || r.reads() && r.Direct.Alarms(key, n) {
		return condemned
	}
	return running
}

// Reconcile is one pass over one TrafficShift: load, observe, decide, send, report; and at its end what nothing waits for.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	objects, found, err := r.loader.load(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading what the pass needs: %w", err)
	}
	if !found || cluster.Gone(objects.Shift) {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	v := r.observe(ctx, objects)
	if w, missing := cluster.Keep(objects.Shift); missing {
		return r.keep(ctx, v, &w)
	}
	d := release.Decide(v.Facts, r.clock.Now())
	log.FromContext(ctx).V(1).Info("Decided", d.LogValues()...)
	failure := r.send(ctx, v, d)
	if failure == nil && forgets(d) {
		r.countLast(v.Shift)
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	result, err := r.report(ctx, v, d, failure)
	r.follow(v)
	if err == nil && failure == nil {
		result.RequeueAfter = sooner(result.RequeueAfter, r.proveHold(ctx, v, d))
	}
	result.Priority = ptr.To(0) // that of a lane comes with it
	return result, err
}

// keep puts the finalizer on a TrafficShift, before anything else is done. People are told what is in the way.
func (r *reconciler) keep(ctx context.Context, v *cluster.View, w *cluster.Write) (reconcile.Result, error) {
	failure := r.write(ctx, v, w)
	if failure == nil {
		return reconcile.Result{}, nil // the change of the TrafficShift is a reason for the next pass
	}
	return r.report(ctx, v, release.Decision{}, failure)
}

// observe says what the objects and the counts mean. It changes nothing, and asks nobody but caches and memory.
func (r *reconciler) observe(ctx context.Context, objects cluster.Objects) *cluster.View {
	key, now := client.ObjectKeyFromObject(objects.Shift), r.clock.Now()
	named, err := r.guard.names(ctx)
	if err != nil { // then nobody is named
		log.FromContext(ctx).Error(err, "Reading whether the API server names who commands failed")
	}
	v := cluster.Observe(objects, cluster.Settings{Domain: r.Domain, Bounds: r.Bounds, Manager: options.FieldOwner, Nameless: !named, Limits: r.limits}, now)
	if v.Deployment != nil {
		mode, err := r.guard.mode(ctx, key, v.Deployment)
		if err != nil { // then it is unknown, which raises nothing and keeps no abort waiting
			log.FromContext(ctx).Error(err, "Reading how Deployments are held failed", "deployment", v.Deployment.Name)
		}
		v.Facts.Workload.Mode = mode
	}
	v.Facts.Denied = r.refusals.denial(key)
	if rec := v.Facts.Release; rec != nil {
		reading, known := r.Loop.Reading(key, rec.Number, release.Ask(rec))
		v.Weigh(cluster.EvidenceOf(rec, reading, known, now))
		v.Counted = reading.Through
		v.Facts.Direct = r.hear(v)
	}
	return v
}

// proveHold renews the proof of the hold at the end of a pass at rest, and says when the next pass has to come for it; 0: when something
// changes. Nothing waits for the dry run: what the pass decided is written and told.
func (r *reconciler) proveHold(ctx context.Context, v *cluster.View, d release.Decision) time.Duration {
	key := client.ObjectKeyFromObject(v.Shift)
	if v.Deployment == nil {
		r.guard.forget(key)
		return 0
	}
	if v.Facts.Release.Running() || d.Release.Running() || len(d.Writes()) > 0 {
		return 0
	}
	changed, again, err := r.guard.renew(ctx, key, v.Deployment)
	if err != nil {
		log.FromContext(ctx).Error(err, "Proving how a Deployment is held failed", "deployment", v.Deployment.Name, "again", again.String())
	}
	if changed {
		return time.Millisecond
	}
	return again
}

// forgets says whether a decision lets the TrafficShift go.
func forgets(d release.Decision) bool {
	return slices.ContainsFunc(d.Actions, func(a release.Action) bool { return a.Verb == release.Forget })
}

// sooner is the shorter of two times to wait, of which 0 means that there is nothing to wait for.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
