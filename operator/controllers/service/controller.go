package service

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A pass that failed is tried again after retryFirst, then ever later up to retryLast: whoever denies a TrafficShift may let it pass
// meanwhile.
const (
	retryFirst = 50 * time.Millisecond
	retryLast  = 30 * time.Second
)

// A pass makes one write, which a tenant's webhook may keep waiting: it is given up after passLimit, and others have workers meanwhile.
const (
	passLimit = 10 * time.Second
	workers   = 16
)

// reconciler carries out passes.
type reconciler struct {
	client   client.Client
	metrics  *metrics.Set
	recorder events.EventRecorder
}

// Setup adds the controller to the manager. The Set is told of its writes.
func Setup(m manager.Manager, set *metrics.Set) error {
	err := builder.ControllerManagedBy(m).Named("service").
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			ReconciliationTimeout:   passLimit,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast),
		}).
		For(&corev1.Service{}, builder.WithPredicates(managementChanged)).
		Watches(&v1alpha1.TrafficShift{}, &handler.EnqueueRequestForObject{},
			builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}))).
		Complete(&reconciler{client: m.GetClient(), metrics: set, recorder: m.GetEventRecorder("stagger")})
	if err != nil {
		return fmt.Errorf("setting up the service controller: %w", err)
	}
	return nil
}

// managementChanged leaves out the many writes of Services that cannot change whether they are managed. A label may be the one that a
// policy asked for when it denied the TrafficShift.
var managementChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	was, wasThere := e.ObjectOld.GetAnnotations()[v1alpha1.PolicyAnnotation]
	is, isThere := e.ObjectNew.GetAnnotations()[v1alpha1.PolicyAnnotation]
	labelled := !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
	return labelled || was != is || wasThere != isThere ||
		e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}}

// Reconcile is one pass over a Service and the TrafficShift of its name.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	f, err := r.observe(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	m := decide(f)
	if err := r.act(ctx, f, m); err != nil {
		r.reportDenied(f, err)
		return reconcile.Result{}, err
	}
	if m.verb != none {
		log.FromContext(ctx).Info("Management changed", "move", m.verb, "policy", m.policy)
	}
	r.report(f, m)
	return reconcile.Result{}, nil
}
