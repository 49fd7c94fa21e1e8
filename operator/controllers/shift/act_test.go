package shift

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

var errRefused = errors.New("refused by the API server")

// shifted are the objects in the middle of a release, and a reconciler whose patches of the named kinds are refused.
func shifted(t *testing.T, refused ...string) (*reconciler, *facts, *[]string) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	f := &facts{
		shift:  &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		target: routing.Target{Namespace: "shop", Service: "web", Canary: "web-canary"},
		mark:   workload.Mark{Namespace: "shop", Shift: "web", Number: 7},
		canaryService: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-canary", Annotations: map[string]string{"a": "b"}},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", workload.HashLabel: "v2"}}},
	}
	f.o.Release = &v1alpha1.Release{Number: 7, Revision: "v2", Stable: "v1"}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": map[string]any{"namespace": "shop", "name": "web"},
		"spec": map[string]any{"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web"}}}}}},
	}}
	p, err := routing.Split(vs, f.target, 10_000, f.routeMark(false), routing.Raise{ResourceVersion: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if vs, err = patched(vs, p); err != nil {
		t.Fatal(err)
	}
	var done []string
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(f.canaryService, vs).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			kind := o.GetObjectKind().GroupVersionKind().Kind
			if _, service := o.(*corev1.Service); service {
				kind = "Service"
			}
			if slices.Contains(refused, kind) {
				return errRefused
			}
			done = append(done, kind)
			return c.Patch(ctx, o, p, opts...)
		},
	}).Build()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(vs), vs); err != nil {
		t.Fatal(err)
	}
	r := &reconciler{client: c, metrics: newMetrics(nil)}
	f.routes = []*unstructured.Unstructured{vs}
	return r, f, &done
}

// abort are the levers of an abort.
func abort() release.Decision {
	return release.Decision{
		Levers:  []release.Action{{Verb: release.AbortService, Hash: "v1"}, {Verb: release.AbortRoutes}},
		Release: &v1alpha1.Release{Number: 7, State: v1alpha1.StateAborting, Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted}},
	}
}

func TestEachLeverIsPulledWhateverBecameOfTheOthers(t *testing.T) {
	cases := map[string]struct {
		refused []string
		want    []string // kinds that were patched
		failed  release.Verb
	}{
		"all is well":            {nil, []string{"Service", "VirtualService"}, ""},
		"the Service is refused": {[]string{"Service"}, []string{"VirtualService"}, release.AbortService},
		"the routes are refused": {[]string{"VirtualService"}, []string{"Service"}, release.AbortRoutes},
		"both are refused":       {[]string{"Service", "VirtualService"}, nil, release.AbortService},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, f, done := shifted(t, c.refused...)
			failure := r.act(t.Context(), f, abort())
			if diff := cmp.Diff(c.want, *done); diff != "" {
				t.Errorf("patched (-want +got):\n%s", diff)
			}
			if c.failed == "" && failure != nil || c.failed != "" && (failure == nil || failure.action.Verb != c.failed || !errors.Is(failure, errRefused)) {
				t.Errorf("failure = %v, want one of %q", failure, c.failed)
			}
		})
	}
}

func TestARaiseThatIsNotRecordedIsNotWritten(t *testing.T) {
	r, f, done := shifted(t)
	d := release.Decision{Actions: []release.Action{{Verb: release.Save}, {Verb: release.Raise, Share: 250_000}}, Release: f.o.Release}
	// The TrafficShift is not there, so that its status cannot be written.
	if failure := r.act(t.Context(), f, d); failure == nil || failure.action.Verb != release.Save {
		t.Errorf("failure = %v, want that of the record", failure)
	}
	if len(*done) > 0 {
		t.Errorf("%v were patched, want nothing", *done)
	}
}

func TestWhatIsTakenBackComesFirst(t *testing.T) {
	ended := abort()
	ended.Release.State = v1alpha1.StateAborted
	cases := map[string]struct {
		d    release.Decision
		want int
	}{
		"an abort":        {abort(), urgent},
		"its end":         {ended, 0},
		"a raise":         {release.Decision{Release: &v1alpha1.Release{State: v1alpha1.StateShifting}}, 0},
		"nothing to note": {release.Decision{}, 0},
	}
	for name, c := range cases {
		if got := priority(c.d); got == nil || *got != c.want {
			t.Errorf("%s: priority = %v, want %d", name, got, c.want)
		}
	}
}
