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
	"github.com/stagger-dev/stagger/pkg/release"
)

// guarded is an API server with a Deployment, which follows its policies or not.
type guarded struct {
	t       *testing.T
	clock   *clocktesting.FakePassiveClock
	guard   *guard
	made    metav1.Time
	policy  string // its resourceVersion; empty: it is not there
	binding string
	follows bool  // the API server pauses what it is told to pause
	err     error // it does not answer
	dryRuns int
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), policy: "1", binding: "1", follows: true}
	g.made = metav1.NewTime(g.clock.Now().Add(-time.Hour))
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Get: g.get, Patch: g.patch}).Build()
	g.guard = newGuard(c, g.clock, "Auto", true)
	return g
}

func (g *guarded) get(_ context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
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

func (g *guarded) patch(_ context.Context, _ client.WithWatch, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	g.dryRuns++
	if d, ok := o.(*appsv1.Deployment); ok {
		d.Spec.Paused = g.follows
	}
	return g.err
}

// is checks how the Deployment is held some time later, and by how many more dry runs that is known.
func (g *guarded) is(after time.Duration, want release.HoldMode, dryRuns int) time.Duration {
	g.t.Helper()
	g.clock.SetTime(g.clock.Now().Add(after))
	before := g.dryRuns
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "checkout", UID: "1", Labels: map[string]string{v1alpha1.HeldLabel: "true"}}}
	mode, again := g.guard.of(g.t.Context(), d)
	if mode != want || g.dryRuns-before != dryRuns {
		g.t.Errorf("held %s by %d dry runs, want %s by %d", mode, g.dryRuns-before, want, dryRuns)
	}
	return again
}

func TestAPolicyThatIsOldIsProvenOnce(t *testing.T) {
	g := newGuarded(t)
	if again := g.is(0, release.HoldOnChange, 1); again != 0 {
		t.Errorf("it is to be proven again after %s", again)
	}
	g.is(time.Hour, release.HoldOnChange, 0)
}

func TestAPolicyThatWasJustMadeIsProvenUntilItHolds(t *testing.T) {
	g := newGuarded(t)
	g.made, g.follows = metav1.NewTime(g.clock.Now()), false
	if again := g.is(0, release.HoldAlways, 1); again != proveAgain[0] {
		t.Errorf("it is proven again after %s, want %s", again, proveAgain[0])
	}
	g.follows = true
	g.is(proveAgain[0], release.HoldOnChange, 1)
}

// The API server follows a change some time after it was seen here: the first proof is of the policy as it was before.
func TestAChangeOfThePolicyIsProvenUntilTheAPIServerMustHaveFollowed(t *testing.T) {
	g := newGuarded(t)
	g.is(0, release.HoldOnChange, 1)
	g.binding = "2"
	if again := g.is(0, release.HoldOnChange, 1); again != proveAgain[0] {
		t.Errorf("it is proven again after %s, want %s", again, proveAgain[0])
	}
	g.follows = false
	g.is(time.Second, release.HoldOnChange, 0)
	g.is(time.Second, release.HoldAlways, 1)
	g.is(proveAgain[1], release.HoldAlways, 1)
	if again := g.is(proveAgain[2], release.HoldAlways, 1); again != 0 {
		t.Errorf("it is to be proven again after %s", again)
	}
	g.policy = "3"
	g.is(0, release.HoldAlways, 1)
	g.follows = true
	g.is(proveAgain[0], release.HoldOnChange, 1)
}

func TestWithoutThePolicyNothingIsHeldAndNothingIsAsked(t *testing.T) {
	for name, remove := range map[string]func(*guarded){
		"policy": func(g *guarded) { g.policy = "" }, "binding": func(g *guarded) { g.binding = "" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			g.is(0, release.HoldOnChange, 1)
			remove(g)
			if again := g.is(0, release.HoldAlways, 0); again != 0 {
				t.Errorf("it is to be proven after %s", again)
			}
		})
	}
}

func TestAProofWithoutAnAnswerLeavesThingsAsTheyWere(t *testing.T) {
	g := newGuarded(t)
	g.is(0, release.HoldOnChange, 1)
	g.policy = "2"
	g.err = errors.New("no answer")
	if again := g.is(0, release.HoldOnChange, 1); again != proveAgain[0] {
		t.Errorf("it is tried again after %s, want %s", again, proveAgain[0])
	}
}
