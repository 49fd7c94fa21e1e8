package shift

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// holdPolicy names the admission policy of the manifests, and its binding.
const holdPolicy = "stagger-hold"

// proveAgain are the ages of a change of the policy at which a proof is made again. An API server follows such a change some time after
// its watchers have seen it, by a look once a second, and of several each by its own: a proof before that is of the policy as it was.
var proveAgain = [...]time.Duration{1500 * time.Millisecond, 4 * time.Second, 15 * time.Second}

// guard proves, by a dry run of a template change, that the API server holds a Deployment's template changes. A proof counts
// until the policy, its binding or the Deployment's label change. Without policy or binding there is nothing to prove.
type guard struct {
	client client.Client
	clock  clock.PassiveClock
	mode   options.Hold
	knows  bool // the cluster has mutating admission policies

	mu     sync.Mutex
	proofs map[types.UID]proof
}

// proof is what the last dry run showed.
type proof struct {
	on    version
	label string // as it was on the Deployment
	held  bool
	since time.Time // when the policy or its binding changed
	at    time.Time // when the dry run was made
}

// version is what the policy and its binding were.
type version struct{ policy, binding string }

// missing says that nothing holds anything.
func (v version) missing() bool { return v.policy == "" || v.binding == "" }

func newGuard(c client.Client, k clock.PassiveClock, mode string, knows bool) *guard {
	return &guard{client: c, clock: k, mode: options.Hold(mode), knows: knows, proofs: map[types.UID]proof{}}
}

// of says how the Deployment is held, and when to ask again; 0: at the next change. A proof that fails for want of an answer leaves
// things as they were proven last; without any proof the Deployment has to be paused at rest.
func (g *guard) of(ctx context.Context, d *appsv1.Deployment) (release.HoldMode, time.Duration) {
	if g.mode == options.HoldAlways || !g.knows {
		return release.HoldAlways, 0
	}
	g.mu.Lock()
	known, found := g.proofs[d.UID]
	g.mu.Unlock()
	next, err := g.renew(ctx, d, known, found)
	wait := next.left(g.clock.Now())
	if err != nil {
		log.FromContext(ctx).Error(err, "Proving how a Deployment is held failed", "deployment", d.Name)
		wait = proveAgain[0]
	} else {
		g.mu.Lock()
		g.proofs[d.UID] = next
		g.mu.Unlock()
	}
	if next.held {
		return release.HoldOnChange, wait
	}
	return release.HoldAlways, wait
}

// renew makes the proof anew where it is out of date or came too soon after a change.
func (g *guard) renew(ctx context.Context, d *appsv1.Deployment, known proof, found bool) (proof, error) {
	on, made, err := g.version(ctx)
	if err != nil {
		return known, err
	}
	next, label := known, d.Labels[v1alpha1.HeldLabel]
	switch {
	case !found:
		next = proof{on: on, since: made}
	case known.on != on:
		next = proof{on: on, held: known.held, since: g.clock.Now()}
	case known.label == label && known.left(g.clock.Now()) != due:
		return known, nil
	}
	next.label, next.at = label, g.clock.Now()
	if on.missing() {
		next.held, next.since = false, time.Time{} // there is nothing to follow
		return next, nil
	}
	if next.held, err = g.prove(ctx, d); err != nil {
		return known, err
	}
	return next, nil
}

// due is the least time there is: the proof is to be made again now.
const due = time.Nanosecond

// left is the time until the proof is to be made again; 0: it counts until something changes.
func (p proof) left(now time.Time) time.Duration {
	for _, age := range proveAgain {
		if again := p.since.Add(age); p.at.Before(again) {
			return max(due, again.Sub(now))
		}
	}
	return 0
}

// version is what the proof rests on, and when the younger of the two was made.
func (g *guard) version(ctx context.Context) (v version, made time.Time, err error) {
	var p admissionv1.MutatingAdmissionPolicy
	var b admissionv1.MutatingAdmissionPolicyBinding
	key := types.NamespacedName{Name: holdPolicy}
	for _, o := range []client.Object{&p, &b} {
		if err := g.client.Get(ctx, key, o); err != nil && !apierrors.IsNotFound(err) {
			return v, made, fmt.Errorf("reading the admission policy: %w", err)
		}
		if at := o.GetCreationTimestamp(); at.After(made) {
			made = at.Time
		}
	}
	return version{p.ResourceVersion, b.ResourceVersion}, made, nil
}

func (g *guard) prove(ctx context.Context, d *appsv1.Deployment) (bool, error) {
	body, err := json.Marshal(workload.Probe(d))
	if err != nil {
		return false, fmt.Errorf("rendering the probe of Deployment %s: %w", d.Name, err)
	}
	answer := d.DeepCopy()
	err = g.client.Patch(ctx, answer, client.RawPatch(types.JSONPatchType, body), client.DryRunAll, client.DisableReadYourWritesConsistency)
	if err != nil {
		return false, fmt.Errorf("probing how Deployment %s is held: %w", d.Name, err)
	}
	return workload.Guarded(answer), nil
}
