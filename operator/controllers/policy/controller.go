package policy

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/policy"
	"github.com/stagger-dev/stagger/pkg/text"
)

// longestNote is the most bytes of an event's note that are written; an API server takes 1024 bytes.
const longestNote = 1000

// passLimit is how long a pass may take, which makes one write: the others wait for it.
const passLimit = 10 * time.Second

// again is when a policy is looked at again that changed while it was looked at.
const again = time.Second

// reconciler carries out passes.
type reconciler struct {
	edges    []time.Duration
	answers  func() (metav1.ConditionStatus, counting.Trouble)
	metrics  *metrics.Set
	client   client.Client
	recorder events.EventRecorder
}

// Setup adds the controller to the manager. Edges are those of the mesh's histogram of durations, rising. The Loop says whether the source
// answers. The Set is told which policies there are.
func Setup(m manager.Manager, edges []time.Duration, l *evidence.Loop, set *metrics.Set) error {
	r := &reconciler{edges: edges, answers: l.Answers, metrics: set, client: m.GetClient(), recorder: m.GetEventRecorder("stagger")}
	err := builder.ControllerManagedBy(m).Named("policy").
		For(&v1alpha1.ShiftPolicy{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Channel(l.Changes(), handler.EnqueueRequestsFromMapFunc(r.all))).
		WithOptions(controller.Options{ReconciliationTimeout: passLimit}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the policy controller: %w", err)
	}
	return nil
}

// all are the requests for every policy: whether the source answers is said by each of them. There are few.
func (r *reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	var policies v1alpha1.ShiftPolicyList
	if err := r.client.List(ctx, &policies, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Listing the policies failed") // the caches answer; they do not fail once they are filled
		return nil
	}
	requests := make([]reconcile.Request, 0, len(policies.Items))
	for i := range policies.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&policies.Items[i])})
	}
	return requests
}

// Reconcile is one pass over one ShiftPolicy.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	p := &v1alpha1.ShiftPolicy{}
	if err := r.client.Get(ctx, req.NamespacedName, p); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !p.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	r.metrics.Policy(p.Name) // there before the first release by it, which increase() sees so
	problem := strings.Join(policy.Contradictions(p.Spec, r.edges), "; ")
	after := p.DeepCopy()
	answers, said := r.answers()
	after.Status = status(p, problem, answers, said)
	if equality.Semantic.DeepEqual(p.Status, after.Status) {
		return reconcile.Result{}, nil
	}
	err := r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(p, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) { // the cache is behind; operators of other namespaces write here as well
		return reconcile.Result{RequeueAfter: again}, nil
	}
	if r.metrics.Write(after, cluster.Status, err); err != nil {
		return reconcile.Result{}, fmt.Errorf("writing the status of ShiftPolicy %s: %w", p.Name, err)
	}
	log.FromContext(ctx).V(1).Info("Policy looked at", "accepted", problem == "", "message", problem)
	if said := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted); problem != "" && (said == nil || said.Message != problem) {
		r.recorder.Eventf(p, nil, corev1.EventTypeWarning, string(v1alpha1.ReasonInvalid), "Accept", "%s", text.CutBytes(problem, longestNote))
	}
	return reconcile.Result{}, nil
}
