package shift

import (
	"context"
	"errors"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// shop is the TrafficShift that all is about.
var shop = client.ObjectKey{Namespace: "shop", Name: "checkout"}

// guarded is an API server with a Deployment, which follows its policies or not.
type guarded struct {
	t       *testing.T
	d       *appsv1.Deployment
	clock   *clocktesting.FakePassiveClock
	guard   *guard
	made    metav1.Time
	policy  string // its resourceVersion; empty: it is not there
	binding string
	follows bool  // the API server pauses what it is told to pause
	err     error // it does not answer
	dryRuns int
	gone    bool     // the Deployment
	asked   []string // the Deployments that were read
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "checkout", UID: "1", Labels: map[string]string{v1alpha1.HeldLabel: "true"}}}
	g := &guarded{t: t, d: d, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), policy: "1", binding: "1", follows: true}
	g.made = metav1.NewTime(g.clock.Now().Add(-time.Hour))
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Get: g.get, Patch: g.patch}).Build()
	g.guard = newGuard(c, g.clock, "Auto", true)
	return g
}

func (g *guarded) get(_ context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if d, ok := o.(*appsv1.Deployment); ok {
		if g.gone {
			return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
		}
		g.asked = append(g.asked, key.String())
		g.d.DeepCopyInto(d)
		return nil
	}
	is := g.policy
	if _, ok := o.(*admissionv1.MutatingAdmissionPolicyBinding); ok {
		is = g.binding
	}
	if is == "" {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	o.SetResourceVersion(is)
	o.SetCreationTimestamp(g.made)
	return nil
}

func (g *guarded) patch(ctx context.Context, _ client.WithWatch, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	g.dryRuns++
	if _, limited := ctx.Deadline(); !limited {
		g.t.Error("a dry run has no limit of time")
	}
	if d, ok := o.(*appsv1.Deployment); ok {
		d.Spec.Paused = g.follows
	}
	return g.err
}

// is checks how the Deployment is held some time later, which asks nobody.
func (g *guarded) is(after time.Duration, want release.HoldMode) {
	g.t.Helper()
	g.clock.SetTime(g.clock.Now().Add(after))
	before := g.dryRuns
	mode, err := g.guard.mode(g.t.Context(), shop, g.d)
	if err != nil {
		g.t.Fatal(err)
	}
	if mode != want || g.dryRuns != before {
		g.t.Errorf("%s later it is held %q by %d dry runs, want %q by none", after, mode, g.dryRuns-before, want)
	}
}

// renew checks by how many dry runs the proof is renewed some time later, how the Deployment is held then, and when the next one is due.
func (g *guarded) renew(after time.Duration, dryRuns int, want release.HoldMode, next time.Duration) {
	g.t.Helper()
	g.clock.SetTime(g.clock.Now().Add(after))
	was, err := g.guard.mode(g.t.Context(), shop, g.d)
	if err != nil {
		g.t.Fatal(err)
	}
	before := g.dryRuns
	changed, again, err := g.guard.renew(g.t.Context(), shop, g.d)
	if (err != nil) != (g.err != nil && dryRuns > 0) {
		g.t.Errorf("the renewal ended with %v", err)
	}
	if g.dryRuns-before != dryRuns || again != next {
		g.t.Errorf("%s later it took %d dry runs and is due in %s, want %d and %s", after, g.dryRuns-before, again, dryRuns, next)
	}
	if changed != (was != want) {
		g.t.Errorf("%s later it was %q: changed is %v", after, was, changed)
	}
	g.is(0, want)
}

// kept is how many proofs are remembered.
func (g *guarded) kept(want int) {
	g.t.Helper()
	if got := len(g.guard.proofs); got != want {
		g.t.Errorf("%d proofs are kept, want %d", got, want)
	}
}

// However often a pass looks, and a pass while a release runs does nothing else, no dry run is made.
func TestLookingProvesNothing(t *testing.T) {
	g := newGuarded(t)
	for range 5 {
		g.is(time.Second, release.HoldUnknown)
	}
	g.kept(0)
}

func TestAProofIsMadeOnceAndExpires(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	g.renew(time.Minute, 0, release.HoldOnChange, proofRenewed-time.Minute)
	g.renew(proofRenewed-time.Minute, 1, release.HoldOnChange, proofRenewed)
	g.is(proofLasts-time.Second, release.HoldOnChange) // a release runs all that time
	g.is(time.Second, release.HoldUnknown)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
}

// The API server follows a change some time after it was seen here: before that a proof would be of the policy as it was.
func TestAPolicyThatWasJustMadeIsProvenWhenTheAPIServerMayFollowIt(t *testing.T) {
	g := newGuarded(t)
	g.made, g.follows = metav1.NewTime(g.clock.Now()), false
	g.renew(0, 0, release.HoldUnknown, proveAgain[0])
	g.renew(proveAgain[0], 1, release.HoldAlways, proveAgain[1]-proveAgain[0])
	g.follows = true
	g.renew(proveAgain[1]-proveAgain[0], 1, release.HoldOnChange, proveAgain[2]-proveAgain[1])
	g.renew(proveAgain[2]-proveAgain[1], 1, release.HoldOnChange, proofRenewed)
}

func TestAfterAChangeNothingIsProven(t *testing.T) {
	for name, change := range map[string]func(*guarded){
		"of the policy":  func(g *guarded) { g.policy = "2" },
		"of its binding": func(g *guarded) { g.binding = "2" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			g.renew(0, 1, release.HoldOnChange, proofRenewed)
			change(g)
			g.follows = false
			g.is(time.Hour, release.HoldUnknown) // seen while a release runs
			g.kept(0)
			g.renew(time.Second, 0, release.HoldUnknown, proveAgain[0]-time.Second)
			g.renew(proveAgain[0]-time.Second, 1, release.HoldAlways, proveAgain[1]-proveAgain[0])
		})
	}
}

func TestAnotherDeploymentIsProvenByItself(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	g.d.UID = "2"
	g.is(0, release.HoldUnknown)
	g.follows = false
	g.renew(0, 1, release.HoldAlways, proofRenewed)
	g.kept(1)
}

// The label was taken away, which the policy is there to prevent; it is put back.
func TestADeploymentThatLostItsLabelIsProvenAgain(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	g.d.Labels = nil
	g.renew(0, 0, release.HoldUnknown, 0)
	g.kept(0)
	g.d.Labels = map[string]string{v1alpha1.HeldLabel: "true"}
	g.is(0, release.HoldUnknown)
	g.follows = false
	g.renew(0, 1, release.HoldAlways, proofRenewed)
}

func TestWithoutThePolicyNothingIsHeldAndNothingIsAsked(t *testing.T) {
	for name, remove := range map[string]func(*guarded){
		"policy": func(g *guarded) { g.policy = "" }, "binding": func(g *guarded) { g.binding = "" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			g.renew(0, 1, release.HoldOnChange, proofRenewed)
			remove(g)
			g.is(0, release.HoldAlways)
			g.renew(0, 0, release.HoldAlways, 0)
			g.kept(0)
			g.policy, g.binding = "2", "2"
			g.renew(0, 0, release.HoldUnknown, proveAgain[0])
		})
	}
}

func TestWhereNothingIsToBeProvenNothingIsAsked(t *testing.T) {
	g := newGuarded(t)
	for name, guard := range map[string]*guard{
		"Deployments are always paused":             newGuard(g.guard.client, g.clock, "Always", true),
		"the cluster knows no such policies":        newGuard(g.guard.client, g.clock, "Auto", false),
		"it was asked for what the cluster has not": newGuard(g.guard.client, g.clock, "OnChange", false),
	} {
		t.Run(name, func(t *testing.T) {
			g.t, g.guard = t, guard
			g.renew(0, 0, release.HoldAlways, 0)
		})
	}
}

// Whoever commands is named by an admission policy. Where it or its binding is not there, or nobody knows, a name is what anybody writes.
func TestNamesAreTrueWhereTheAPIServerWritesThem(t *testing.T) {
	for name, c := range map[string]struct {
		policy, binding string
		knows, want     bool
	}{
		"installed":                          {"1", "1", true, true},
		"no binding":                         {"1", "", true, false},
		"no policy":                          {"", "1", true, false},
		"the cluster knows no such policies": {"1", "1", false, false},
	} {
		g := newGuarded(t)
		g.policy, g.binding, g.guard.knows = c.policy, c.binding, c.knows
		if got, err := g.guard.names(t.Context()); got != c.want || err != nil {
			t.Errorf("%s: %t, %v; want %t", name, got, err, c.want)
		}
	}
}

// Deployments are held in the way that needs no proof, and the API server is asked ever more rarely.
func TestADryRunThatFailsIsRememberedToo(t *testing.T) {
	g := newGuarded(t)
	g.err = errors.New("no answer")
	g.renew(0, 1, release.HoldAlways, retryProofFirst)
	g.renew(time.Second, 0, release.HoldAlways, retryProofFirst-time.Second)
	g.renew(time.Second, 1, release.HoldAlways, 2*retryProofFirst)
	g.renew(2*retryProofFirst, 1, release.HoldAlways, 4*retryProofFirst)
	for range 10 {
		g.clock.SetTime(g.clock.Now().Add(retryProofLast))
		_, _, _ = g.guard.renew(t.Context(), shop, g.d)
	}
	g.renew(retryProofLast, 1, release.HoldAlways, retryProofLast)
	g.err = nil
	g.renew(time.Second, 0, release.HoldAlways, retryProofLast-time.Second)
	g.renew(retryProofLast, 1, release.HoldOnChange, proofRenewed)
	g.err = errors.New("no answer")
	g.renew(proofRenewed, 1, release.HoldOnChange, retryProofFirst) // what was proven counts until it expires
	g.is(proofLasts-proofRenewed, release.HoldAlways)
}

func TestAChangeOfThePolicyEndsTheWaitAfterADryRunThatFailed(t *testing.T) {
	g := newGuarded(t)
	g.err = errors.New("no answer")
	g.renew(0, 1, release.HoldAlways, retryProofFirst)
	g.policy, g.err = "2", nil
	g.renew(0, 0, release.HoldUnknown, proveAgain[0])
	g.renew(proveAgain[0], 1, release.HoldOnChange, proveAgain[1]-proveAgain[0])
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	g := newGuarded(t)
	g.renew(0, 1, release.HoldOnChange, proofRenewed)
	g.kept(1)
	g.guard.forget(shop)
	g.kept(0)
	g.is(0, release.HoldUnknown)
}

func TestAProofIsRenewedOnlyAtTheEndOfAPassAtRest(t *testing.T) {
	running := &v1alpha1.Release{Number: 1, State: v1alpha1.StateShifting}
	cases := map[string]struct {
		record  *v1alpha1.Release
		decided release.Decision
		dryRuns int
	}{
		"at rest":                             {&v1alpha1.Release{State: v1alpha1.StatePromoted}, release.Decision{}, 1},
		"before the first release":            {nil, release.Decision{}, 1},
		"while a release runs":                {running, release.Decision{}, 0},
		"while it runs and is decided upon":   {running, release.Decision{Release: running}, 0},
		"when a release begins":               {nil, release.Decision{Release: running}, 0},
		"when something else is written":      {nil, release.Decision{Actions: []release.Action{{Verb: release.Hold}}}, 0},
		"when a release ended with this pass": {running, release.Decision{Release: &v1alpha1.Release{State: v1alpha1.StatePromoted}}, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			r := &reconciler{guard: g.guard}
			v := &cluster.View{Shift: &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: shop.Name}}, Deployment: g.d}
			v.Facts.Release = c.record
			if r.proveHold(t.Context(), v, c.decided); g.dryRuns != c.dryRuns {
				t.Errorf("%d dry runs, want %d", g.dryRuns, c.dryRuns)
			}
			v.Deployment = nil
			r.proveHold(t.Context(), v, c.decided)
			g.kept(0)
		})
	}
}
