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

	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// holdPolicy and authorPolicy name admission policies of the manifests, and their bindings.
const (
	holdPolicy   = "stagger-hold"
	authorPolicy = "stagger-author"
)

// proveAgain are the ages of a change of the policy at which a proof is made. An API server follows such a change some time after its
// watchers have seen it, by a look once a second, and of several each by its own: a proof before the first would be of the policy as it was.
var proveAgain = [...]time.Duration{1500 * time.Millisecond, 4 * time.Second, 15 * time.Second}

const (
	// proofRenewed is the age at which a proof is made anew, and proofLasts the one from which it counts no more: labels of namespaces and
	// other people's admission may change what the API server does without a change of the policy.
	proofRenewed = 30 * time.Minute
	proofLasts   = time.Hour
	// proofLimit is how long a dry run may take; a webhook that hangs must not keep a worker.
	proofLimit = 5 * time.Second
	// A dry run that failed is tried again after retryProofFirst, then each time after twice as long, up to retryProofLast.
	retryProofFirst = 2 * time.Second
	retryProofLast  = 10 * time.Minute
)

// guard knows how Deployments are held. That the API server holds template changes is proven by a dry run of one, and a proof counts for a
// time, for the policy and the binding that it was made with, and while the Deployment is labelled as held.
//
//	pass: mode (memory and caches) ─► decide ─► act ─► at rest: renew (at most one dry run) ─► another pass if it has changed
//
// What is proven is kept for each TrafficShift, since that is what a pass is about, and what goes away.
type guard struct {
	client client.Client
	clock  clock.PassiveClock
	knows  bool // the cluster knows mutating admission policies
	proves bool // false: Deployments are held by being paused, and there is nothing to prove

	mu     sync.Mutex
	proofs map[types.NamespacedName]proof
	looked bool
	seen   version   // what the policy was at the last look
	since  time.Time // when it had become so
}

// proof is what the dry runs of a Deployment, by its name, showed.
type proof struct {
	of         subject
	deployment string
	// mode is what the last dry run showed that was answered, at that time; empty before the first.
	mode release.HoldMode
	at   time.Time
	// failures counts the dry runs since then that were not answered, tried is when the last of them was made.
	failures int
	tried    time.Time
}

// subject is what a proof is of.
type subject struct {
	uid types.UID
	on  version
}

// version is what the policy and its binding are.
type version struct{ policy, binding string }

// missing says that nothing holds anything.
func (v version) missing() bool { return v.policy == "" || v.binding == "" }

// newGuard takes the setting hold, and whether the cluster knows mutating admission policies.
func newGuard(c client.Client, k clock.PassiveClock, hold string, knows bool) *guard {
	return &guard{client: c, clock: k, knows: knows, proves: knows && options.Hold(hold) != options.HoldAlways, proofs: map[types.NamespacedName]proof{}}
}

// mode is how the Deployment of a TrafficShift is held, as far as that is proven by now. It asks nobody: it reads caches and memory.
func (g *guard) mode(ctx context.Context, key types.NamespacedName, d *appsv1.Deployment) (release.HoldMode, error) {
	if !g.proves {
		return release.HoldAlways, nil
	}
	on, err := g.look(ctx)
	if err != nil {
		return release.HoldUnknown, err
	}
	p, _ := g.known(key, d, on)
	if on.missing() {
		return release.HoldAlways, nil
	}
	return p.shows(g.clock.Now()), nil
}

// renew makes the proof where it is due, by a dry run of at most proofLimit. It is called at the end of a pass in which no release runs and
// nothing was written. Changed says that mode answers otherwise than before, so that another pass is to be made; again is when the proof is
// due next, 0 when there is nothing to prove. An error is of a dry run that was not answered, and is remembered like an answer.
func (g *guard) renew(ctx context.Context, key types.NamespacedName, d *appsv1.Deployment) (changed bool, again time.Duration, err error) {
	if !g.proves {
		return false, 0, nil
	}
	on, err := g.look(ctx)
	if err != nil {
		return false, 0, err
	}
	p, since := g.known(key, d, on)
	if on.missing() || !workload.Held(d) {
		return false, 0, nil
	}
	if wait := p.due(since).Sub(g.clock.Now()); wait > 0 {
		return false, wait, nil
	}
	before := p.shows(g.clock.Now())
	mode, err := g.prove(ctx, d)
	now := g.clock.Now()
	if p.of, p.deployment = (subject{d.UID, on}), d.Name; err != nil {
		p.failures, p.tried = p.failures+1, now
	} else {
		p.mode, p.at, p.failures = mode, now, 0
	}
	g.mu.Lock()
	g.proofs[key] = p
	g.mu.Unlock()
	return p.shows(now) != before, p.due(since).Sub(now), err
}

// ask makes one dry run, of the Deployment that was asked about the longest ago, to know whether the API server still does what all proofs rest on. In
// doubt it does not: nothing is proven any more then, and all proofs are due. An error is of a dry run that was not answered, which proves nothing
// and refutes nothing.
func (g *guard) ask(ctx context.Context) (doubt bool, err error) {
	key, p, found := g.oldest()
	if !found {
		return false, nil
	}
	d := &appsv1.Deployment{}
	if err := g.client.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: p.deployment}, d); err != nil {
		return false, client.IgnoreNotFound(err) // a pass forgets what is gone
	}
	if on, err := g.look(ctx); err != nil || p.of != (subject{d.UID, on}) || !workload.Held(d) {
		return false, err // a pass proves it anew
	}
	mode, err := g.prove(ctx, d)
	if err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch now := g.clock.Now(); {
	case g.proofs[key] != p: // a pass was faster
		return false, nil
	case mode == p.mode:
		p.at, p.failures = now, 0
		g.proofs[key] = p
		return false, nil
	default:
		g.since = now.Add(-proveAgain[0])
		clear(g.proofs)
		return true, nil
	}
}

// oldest is the proof that was made the longest ago, of those that were answered; of several the first by the name.
func (g *guard) oldest() (key types.NamespacedName, oldest proof, found bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, p := range g.proofs {
		if p.mode == release.HoldUnknown {
			continue
		}
		if earlier := p.at.Compare(oldest.at); !found || earlier < 0 || earlier == 0 && k.String() < key.String() {
			key, oldest, found = k, p, true
		}
	}
	return key, oldest, found
}

// known is the proof that there is, and since when the policy is what it is. A proof of anything else than what is there now is dropped,
// and so is one of a Deployment without the label, which a policy that works would not have let go.
func (g *guard) known(key types.NamespacedName, d *appsv1.Deployment, on version) (proof, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p, found := g.proofs[key]; found && (p.of != subject{d.UID, on} || !workload.Held(d)) {
		delete(g.proofs, key)
	}
	return g.proofs[key], g.since
}

// forget drops what is known of the Deployment of a TrafficShift: it, or its Deployment, is gone.
func (g *guard) forget(key types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.proofs, key)
}

// shows is the mode that is proven. Where dry runs fail, the Deployment is held in the way that needs no proof.
func (p proof) shows(now time.Time) release.HoldMode {
	switch {
	case p.mode != release.HoldUnknown && now.Before(p.at.Add(proofLasts)):
		return p.mode
	case p.failures > 0:
		return release.HoldAlways
	}
	return release.HoldUnknown
}

// due is when the proof is to be made again, given when the policy had become what it is.
func (p proof) due(since time.Time) time.Time {
	if p.failures > 0 {
		return p.tried.Add(doubled(retryProofFirst, retryProofLast, p.failures))
	}
	for _, age := range proveAgain {
		if again := since.Add(age); p.at.Before(again) {
			return again
		}
	}
	return p.at.Add(proofRenewed)
}

// installed reads from caches what an admission policy and its binding are, and when the younger of the two was made.
func (g *guard) installed(ctx context.Context, name string) (is version, made time.Time, err error) {
	var p admissionv1.MutatingAdmissionPolicy
	var b admissionv1.MutatingAdmissionPolicyBinding
	for _, o := range []client.Object{&p, &b} {
		if err := g.client.Get(ctx, types.NamespacedName{Name: name}, o); err != nil && !apierrors.IsNotFound(err) {
			return version{}, made, fmt.Errorf("reading the admission policy %s: %w", name, err)
		}
		if at := o.GetCreationTimestamp(); at.After(made) {
			made = at.Time
		}
	}
	return version{p.ResourceVersion, b.ResourceVersion}, made, nil
}

// names says whether the API server writes down who commands and who pauses. Where it does not, whoever does can write any name.
func (g *guard) names(ctx context.Context) (bool, error) {
	if !g.knows {
		return false, nil
	}
	is, _, err := g.installed(ctx, authorPolicy)
	return err == nil && !is.missing(), err
}

// look reads what a proof rests on, and notes when that has changed: at the first look when the younger of the two was made.
func (g *guard) look(ctx context.Context) (version, error) {
	is, made, err := g.installed(ctx, holdPolicy)
	if err != nil {
		return version{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.looked:
		g.looked, g.seen, g.since = true, is, made
	case g.seen != is:
		g.seen, g.since = is, g.clock.Now()
	}
	return is, nil
}

// prove makes the dry run.
func (g *guard) prove(ctx context.Context, d *appsv1.Deployment) (release.HoldMode, error) {
	body, err := json.Marshal(workload.Probe(d))
	if err != nil {
		return release.HoldUnknown, fmt.Errorf("rendering the probe of Deployment %s: %w", d.Name, err)
	}
	ctx, stop := context.WithTimeout(ctx, proofLimit)
	defer stop()
	answer := d.DeepCopy()
	err = g.client.Patch(ctx, answer, client.RawPatch(types.JSONPatchType, body), client.DryRunAll, client.DisableReadYourWritesConsistency)
	if err != nil {
		return release.HoldUnknown, fmt.Errorf("probing how Deployment %s is held: %w", d.Name, err)
	}
	if workload.Guarded(answer) {
		return release.HoldOnChange, nil
	}
	return release.HoldAlways, nil
}
