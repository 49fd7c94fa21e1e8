package shift

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// holdPolicy names the admission policy of the manifests, and its binding.
const holdPolicy = "stagger-hold"

// guard proves, by a dry run of a template change, that the API server holds a Deployment's template changes. A proof counts
// until the policy, its binding or the Deployment's label change.
type guard struct {
	client client.Client
	mode   options.Hold
	knows  bool // the cluster has mutating admission policies

	mu     sync.Mutex
	proofs map[types.UID]proof
}

type proof struct {
	on   string
	held bool
}

func newGuard(c client.Client, mode string, knows bool) *guard {
	return &guard{client: c, mode: options.Hold(mode), knows: knows, proofs: map[types.UID]proof{}}
}

// of says how the Deployment is held. A proof that fails for want of an answer leaves things as they were proven last; without
// any proof the Deployment has to be paused at rest.
func (g *guard) of(ctx context.Context, d *appsv1.Deployment) release.HoldMode {
	if g.mode == options.HoldAlways || !g.knows {
		return release.HoldAlways
	}
	g.mu.Lock()
	known, found := g.proofs[d.UID]
	g.mu.Unlock()
	on, err := g.versions(ctx, d)
	if err == nil && (!found || known.on != on) {
		known.on = on
		known.held, err = g.prove(ctx, d)
		if err == nil {
			g.mu.Lock()
			g.proofs[d.UID] = known
			g.mu.Unlock()
		}
	}
	if err != nil {
		log.FromContext(ctx).Error(err, "Proving how a Deployment is held failed", "deployment", d.Name)
		known.held = found && known.held
	}
	if known.held {
		return release.HoldOnChange
	}
	return release.HoldAlways
}

// versions are what the proof rests on.
func (g *guard) versions(ctx context.Context, d *appsv1.Deployment) (string, error) {
	var p admissionv1.MutatingAdmissionPolicy
	var b admissionv1.MutatingAdmissionPolicyBinding
	key := types.NamespacedName{Name: holdPolicy}
	for _, o := range []client.Object{&p, &b} {
		if err := client.IgnoreNotFound(g.client.Get(ctx, key, o)); err != nil {
			return "", fmt.Errorf("reading the admission policy: %w", err)
		}
	}
	return fmt.Sprint(p.ResourceVersion, "/", b.ResourceVersion, "/", d.Labels[workload.HeldLabel]), nil
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
