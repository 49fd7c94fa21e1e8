package routing

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// withRoutes reads a VirtualService shop/checkout whose spec has these http routes, written in YAML flow style.
func withRoutes(t testing.TB, routes string) *unstructured.Unstructured {
	t.Helper()
	return withSpec(t, `{hosts: [checkout], http: `+routes+`}`)
}

// withSpec reads a VirtualService shop/checkout that has this spec, written in YAML flow style.
func withSpec(t testing.TB, spec string) *unstructured.Unstructured {
	t.Helper()
	return parse(t, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout, namespace: shop, resourceVersion: "41"}
spec: `+spec)
}

func seven() Mark { return Mark{Shift: shift, Number: 7} }

func raised(t testing.TB, vs *unstructured.Unstructured, target Target, share int64, m Mark) *unstructured.Unstructured {
	t.Helper()
	p, err := Split(vs, target, share, m, Raise{ResourceVersion: vs.GetResourceVersion()})
	if err != nil {
		t.Fatal(err)
	}
	return apply(t, vs, mustJSON(t, p))
}

// Releases are counted in the record, so that a mark of a later one is somebody else's. On an object of another namespace it must not be in the way.
func TestAForgedMarkOfAnotherNamespaceIsOverwritten(t *testing.T) {
	for _, key := range []string{v1alpha1.AbortedAnnotation, v1alpha1.ReleaseAnnotation} {
		vs := withRoutes(t, `[{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]`)
		vs.SetNamespace("edge")
		vs.SetAnnotations(map[string]string{key: "other/x 9, " + shift + " 999999", v1alpha1.AllowAnnotation: "shop"})
		live := raised(t, vs, checkout(), 10_000, seven())
		if got := markOf(live, shift); got == nil || *got != seven() {
			t.Errorf("%s: the mark is %+v", key, got)
		}
		if got := markOf(live, "other/x"); got == nil || got.Number != 9 {
			t.Errorf("%s: the mark of another shift is %+v", key, got)
		}
	}
}

func TestSplitRefusesToRaise(t *testing.T) {
	cases := map[string]struct {
		routes      string
		annotations map[string]string
		mark        Mark
		share       int64
		want        error
		says        string
	}{
		"beyond the whole": {routes: `[{route: [{destination: {host: checkout}}]}]`, mark: seven(), share: Whole + 1, says: "share 1000001: give"},
		"below nothing":    {routes: `[{route: [{destination: {host: checkout}}]}]`, mark: seven(), share: -1, says: "share -1: give"},
		"a canary without its stable arm": {
			routes: `[{name: all, route: [{destination: {host: checkout-canary}, weight: 1}, {destination: {host: pay}, weight: 1}]}]`,
			mark:   seven(), want: ErrBroken, says: "http[0] (all): destination checkout-canary stands without checkout.shop.svc.cluster.local",
		},
		"a canary of another port without its stable arm": {
			routes: `[{route: [{destination: {host: checkout, port: {number: 80}}, weight: 1}, {destination: {host: checkout-canary, port: {number: 80}}, weight: 1}, {destination: {host: checkout-canary, port: {number: 81}}, weight: 1}]}]`,
			mark:   seven(), want: ErrBroken,
		},
		"a weight that is too large": {
			routes: `[{route: [{destination: {host: checkout}, weight: 2148}, {destination: {host: pay}, weight: 1}]}]`,
			mark:   seven(), want: ErrWeights, says: "destination checkout has weight 2148",
		},
		"a sum that is too large": {
			routes: `[{route: [{destination: {host: checkout}, weight: 2147}, {destination: {host: pay}, weight: 2147}, {destination: {host: legacy}, weight: 1}]}]`,
			mark:   seven(), want: ErrWeights, says: "add up to 4295 times the unit of 1",
		},
		"a negative weight": {
			routes: `[{route: [{destination: {host: checkout}, weight: 5}, {destination: {host: pay}, weight: -1}]}]`,
			mark:   seven(), want: ErrWeights, says: "destination pay has weight -1",
		},
		"a broken weight": {
			routes: `[{route: [{destination: {host: checkout}, weight: 5}, {destination: {host: pay}, weight: 1.5}]}]`,
			mark:   seven(), want: ErrWeights, says: "destination pay has weight 1.5",
		},
		"weights that are all zero": {
			routes: `[{route: [{destination: {host: checkout}, weight: 0}, {destination: {host: checkout-canary}, weight: 0}, {destination: {host: pay}}]}]`,
			mark:   seven(), want: ErrWeights, says: "all weights are 0",
		},
		"an aborted release": {
			routes: `[{route: [{destination: {host: checkout}}]}]`, annotations: map[string]string{v1alpha1.AbortedAnnotation: "shop/checkout 7"},
			mark: seven(), want: ErrAborted, says: "release 7 of shop/checkout was aborted",
		},
		"an abort of its own": {
			routes: `[{route: [{destination: {host: checkout}}]}]`, mark: Mark{Shift: shift, Number: 7, Aborted: true}, want: ErrAborted,
		},
		"a release that was followed by another": {
			routes: `[{route: [{destination: {host: checkout}}]}]`, annotations: map[string]string{v1alpha1.ReleaseAnnotation: "shop/checkout 8"},
			mark: seven(), want: ErrAborted, says: "release 8 of shop/checkout is newer than 7",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, c.routes)
			vs.SetAnnotations(c.annotations)
			p, err := Split(vs, checkout(), c.share, c.mark, Raise{ResourceVersion: "41"})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want an error like %v that says %q", p, err, c.want, c.says)
			}
		})
	}
}

func TestSplitAtIstiosBounds(t *testing.T) {
	vs := withRoutes(t, `[{route: [{destination: {host: checkout}, weight: 2147}, {destination: {host: pay}, weight: 2146}, {destination: {host: legacy}, weight: 1}]}]`)
	live := raised(t, vs, checkout(), 1, seven())
	got := Routes(live, checkout())[0]
	want := Route{Kind: "http", Share: 1, Stable: 2_146_997_853, Canary: 2147, Foreign: 2_147_000_000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSplitLowers shows what lowering does where raising is refused: traffic is taken away whatever state the route is in.
func TestSplitLowers(t *testing.T) {
	cases := map[string]struct {
		routes string
		share  int64
		want   string // the routes after it; the same when empty
	}{
		"a route without the canary is left alone":               {routes: `[{route: [{destination: {host: checkout}}]}]`},
		"a share that is lower already is left alone":            {routes: `[{route: [{destination: {host: checkout}, weight: 99}, {destination: {host: checkout-canary}, weight: 1}]}]`, share: 10_000},
		"the stable arm is put back":                             {routes: `[{route: [{destination: {host: checkout-canary, subset: a}, weight: 3}, {destination: {host: pay}, weight: 1}]}]`, want: `[{route: [{destination: {host: checkout.shop.svc.cluster.local, subset: a}, weight: 3000000}, {destination: {host: checkout-canary, subset: a}, weight: 0}, {destination: {host: pay}, weight: 1000000}]}]`},
		"a lone canary gets its stable arm back":                 {routes: `[{route: [{destination: {host: checkout-canary}}]}]`, want: `[{route: [{destination: {host: checkout.shop.svc.cluster.local}, weight: 1000000}, {destination: {host: checkout-canary}, weight: 0}]}]`},
		"weights that cannot be scaled are split where they are": {routes: `[{route: [{destination: {host: checkout}, weight: 1}, {destination: {host: checkout-canary}, weight: 50000}, {destination: {host: pay}, weight: 10}]}]`, share: 100, want: `[{route: [{destination: {host: checkout}, weight: 49996}, {destination: {host: checkout-canary}, weight: 5}, {destination: {host: pay}, weight: 10}]}]`},
		"a weight nobody can read is left alone":                 {routes: `[{route: [{destination: {host: checkout}, weight: 1}, {destination: {host: checkout-canary}, weight: 3}, {destination: {host: pay}, weight: -5}]}]`, want: `[{route: [{destination: {host: checkout}, weight: 4}, {destination: {host: checkout-canary}, weight: 0}, {destination: {host: pay}, weight: -5}]}]`},
		"a doubled canary goes":                                  {routes: `[{route: [{destination: {host: checkout}, weight: 1}, {destination: {host: checkout-canary}, weight: 1}, {destination: {host: checkout-canary}, weight: 2}]}]`, want: `[{route: [{destination: {host: checkout}, weight: 1000000}, {destination: {host: checkout-canary}, weight: 0}]}]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, c.routes)
			p, err := Split(vs, checkout(), c.share, seven(), Raise{})
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range p {
				if op.Path == "/metadata/resourceVersion" {
					t.Error("lowering depends on the resourceVersion")
				}
			}
			want := c.want
			if want == "" {
				want = c.routes
			}
			live := apply(t, vs, mustJSON(t, p))
			if diff := cmp.Diff(list(withRoutes(t, want), "http"), list(live, "http")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again, err := Split(live, checkout(), c.share, seven(), Raise{}); len(again) > 0 || err != nil {
				t.Errorf("a second time writes %v, %v", again, err)
			}
		})
	}
}

func TestSplitIsRefusedWhenTheRouteHasMoved(t *testing.T) {
	vs := raised(t, withRoutes(t, `[{route: [{destination: {host: checkout}}]}]`), checkout(), 10_000, seven())
	p, err := Split(vs, checkout(), 0, seven(), Raise{})
	if err != nil {
		t.Fatal(err)
	}
	moved := apply(t, vs, []byte(`[{"op":"add","path":"/spec/http/0","value":{"route":[{"destination":{"host":"pay"}}]}}]`))
	if got, err := tryApply(moved, mustJSON(t, p)); err == nil {
		t.Errorf("the patch of route 0 was applied to another route: %v", got.Object["spec"])
	}
}

func TestSplitKeepsAnnotationsWrittenSinceTheRead(t *testing.T) {
	vs := withRoutes(t, `[{route: [{destination: {host: checkout}}]}]`)
	p, err := Split(vs, checkout(), 10_000, seven(), Raise{ResourceVersion: "41"})
	if err != nil {
		t.Fatal(err)
	}
	since := vs.DeepCopy()
	since.SetAnnotations(map[string]string{"team": "payments"})
	if got, err := tryApply(since, mustJSON(t, p)); err == nil {
		t.Errorf("annotations were overwritten: %v", got.GetAnnotations())
	}
}

func TestTwoShiftsShareAVirtualServiceButNoRoute(t *testing.T) {
	cart := Target{Namespace: "shop", Service: "cart"}
	cartMark := Mark{Shift: "shop/cart", Number: 3}
	apart := withRoutes(t, `[{match: [{uri: {prefix: /cart}}], route: [{destination: {host: cart}, weight: 7}, {destination: {host: pay}, weight: 14}]}, {route: [{destination: {host: checkout}}]}]`)

	both := raised(t, raised(t, apart, checkout(), 10_000, seven()), cart, 20_000, cartMark)
	if diff := cmp.Diff([]Mark{cartMark, seven()}, Marks(both)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	p, err := Restore(both, checkout(), shift)
	if err != nil {
		t.Fatal(err)
	}
	one := apply(t, both, mustJSON(t, p))
	if diff := cmp.Diff([]Mark{cartMark}, Marks(one)); diff != "" {
		t.Errorf("marks after the first is done (-want +got):\n%s", diff)
	}
	if lowest, highest, found := Share(one, cart); lowest != 20_000 || highest != 20_000 || !found {
		t.Errorf("the other's share is %d to %d", lowest, highest)
	}
	if p, err = Restore(one, cart, "shop/cart"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(apart.Object, apply(t, one, mustJSON(t, p)).Object); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}

	shared := raised(t, withRoutes(t, `[{name: all, route: [{destination: {host: checkout}, weight: 1}, {destination: {host: cart}, weight: 1}]}]`), checkout(), 10_000, seven())
	_, err = Split(shared, cart, 10_000, cartMark, Raise{ResourceVersion: "41"})
	if !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), "http[0] (all) is split for TrafficShift shop/checkout") {
		t.Errorf("the second owner of a route got %v", err)
	}
	_, err = Split(shared, checkout(), 0, Mark{Shift: "shop/another", Number: 1}, Raise{})
	if !errors.Is(err, ErrOwned) {
		t.Errorf("another shift of the same Service got %v", err)
	}
	if p, err := Restore(shared, checkout(), "shop/another"); len(p) > 0 || err != nil {
		t.Errorf("another shift restores %v, %v", p, err)
	}
}

func TestAbortMarks(t *testing.T) {
	aborted := Mark{Shift: shift, Number: 7, Aborted: true}
	live := raised(t, withRoutes(t, `[{route: [{destination: {host: checkout}}]}]`), checkout(), 10_000, seven())
	split := func(m Mark, r Raise) patch.Patch {
		t.Helper()
		p, err := Split(live, checkout(), 0, m, r)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	live = apply(t, live, mustJSON(t, split(aborted, Raise{})))
	if diff := cmp.Diff([]Mark{aborted}, Marks(live)); diff != "" {
		t.Errorf("after the abort (-want +got):\n%s", diff)
	}
	if p := split(seven(), Raise{}); len(p) > 0 {
		t.Errorf("lowering takes the mark of the abort away: %v", p)
	}
	eight := Mark{Shift: shift, Number: 8}
	live = apply(t, live, mustJSON(t, split(eight, Raise{ResourceVersion: "41"})))
	if diff := cmp.Diff([]Mark{eight}, Marks(live)); diff != "" {
		t.Errorf("after the next release (-want +got):\n%s", diff)
	}
	untouched := withRoutes(t, `[{route: [{destination: {host: checkout}}]}]`)
	if p, err := Split(untouched, checkout(), 0, aborted, Raise{}); len(p) > 0 || err != nil {
		t.Errorf("an abort marks a VirtualService that no release touched: %v, %v", p, err)
	}
}

func TestRestoreNeverLeavesTheCanary(t *testing.T) {
	cases := map[string]struct{ routes, annotation, want string }{
		"without a stable arm": {
			routes: `[{route: [{destination: {host: checkout-canary, port: {number: 80}}, weight: 4}, {destination: {host: pay}, weight: 4}]}]`,
			want:   `[{route: [{destination: {host: checkout.shop.svc.cluster.local, port: {number: 80}}, weight: 50}, {destination: {host: pay}, weight: 50}]}]`,
		},
		"with an unreadable annotation": {
			routes:     `[{route: [{destination: {host: checkout}, weight: 950000}, {destination: {host: checkout-canary}, weight: 50000}]}]`,
			annotation: `{"shop/checkout": 5}`, want: `[{route: [{destination: {host: checkout}}]}]`,
		},
		"with weights at Istio's bound": {
			routes: `[{route: [{destination: {host: checkout}, weight: 2147483647}, {destination: {host: checkout-canary}, weight: 2147483646}, {destination: {host: pay}, weight: 2}]}]`,
			want:   `[{route: [{destination: {host: checkout}, weight: 2147483647}, {destination: {host: pay}, weight: 2}]}]`,
		},
		"with all weights zero": {
			routes: `[{route: [{destination: {host: checkout}, weight: 0}, {destination: {host: checkout-canary}, weight: 0}, {destination: {host: pay}}]}]`,
			want:   `[{route: [{destination: {host: checkout}, weight: 0}, {destination: {host: pay}}]}]`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, c.routes)
			if c.annotation != "" {
				vs.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/checkout 7", v1alpha1.RoutesAnnotation: c.annotation})
			}
			p, err := Restore(vs, checkout(), shift)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withRoutes(t, c.want).Object, apply(t, vs, mustJSON(t, p)).Object); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
