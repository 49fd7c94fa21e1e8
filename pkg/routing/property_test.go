package routing

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// TestSplitThenRestoreIsIdentity walks generated VirtualServices through releases.
func TestSplitThenRestoreIsIdentity(t *testing.T) {
	for seed := range uint64(150) {
		walk(t, generate(rand.New(rand.NewPCG(seed, 1))), rand.New(rand.NewPCG(seed, 2)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzSplitThenRestoreIsIdentity(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, object, shares uint64) {
		walk(t, generate(rand.New(rand.NewPCG(object, 1))), rand.New(rand.NewPCG(shares, 2)))
	})
}

func walk(t *testing.T, user *unstructured.Unstructured, rnd *rand.Rand) {
	t.Helper()
	live := user
	for range 1 + rnd.IntN(4) {
		share := shares[rnd.IntN(len(shares))]
		before := live.DeepCopy()
		raised(t, live, checkout(), share, seven())
		if diff := cmp.Diff(before.Object, live.Object); diff != "" {
			t.Errorf("Split changed what it was given:\n%s", diff)
		}
		live = raised(t, live, checkout(), share, seven())
		if lowest, highest, found := Share(live, checkout()); found && (lowest != share || highest != share) {
			t.Errorf("wanted %d, written %d to %d", share, lowest, highest)
		}
		sameProportion(t, user, live)
		if again, err := Split(live, checkout(), share, seven(), Raise{ResourceVersion: "41"}); len(again) > 0 || err != nil {
			t.Errorf("a second time writes %v, %v", again, err)
		}
		lower := shares[rnd.IntN(len(shares))]
		p, err := Split(live, checkout(), lower, seven(), Raise{})
		if err != nil {
			t.Fatal(err)
		}
		live = apply(t, live, mustJSON(t, p))
		if _, highest, _ := Share(live, checkout()); highest > min(share, lower) {
			t.Errorf("lowering from %d to %d wrote %d", share, lower, highest)
		}
		if _, found := Foreign(live, checkout(), min(share, lower), "stagger"); found {
			t.Error("our own write is taken for somebody else's")
		}
	}
	p, err := Restore(live, checkout(), shift)
	if err != nil {
		t.Fatal(err)
	}
	restored := apply(t, live, mustJSON(t, p))
	if diff := cmp.Diff(user.Object, restored.Object); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	if p, err := Restore(restored, checkout(), shift); len(p) > 0 || err != nil {
		t.Errorf("restoring again writes %v, %v", p, err)
	}
}

var shares = []int64{0, 1, 37, 10_000, 333_333, 500_000, 999_999, Whole}

// sameProportion checks by cross multiplication that all other destinations have the part that they had.
func sameProportion(t *testing.T, user, live *unstructured.Unstructured) {
	t.Helper()
	before, after := Routes(user, checkout()), Routes(live, checkout())
	if len(before) != len(after) {
		t.Fatalf("%d routes became %d", len(before), len(after))
	}
	for i, b := range before {
		a := after[i]
		if a.Foreign*(b.Stable+b.Foreign) != b.Foreign*(a.Stable+a.Canary+a.Foreign) {
			t.Errorf("%s[%d]: others had %d of %d, now %d of %d", b.Kind, b.Index, b.Foreign, b.Stable+b.Foreign, a.Foreign, a.Stable+a.Canary+a.Foreign)
		}
	}
}

// generate makes a VirtualService that Istio would take, with whatever may stand in one.
func generate(rnd *rand.Rand) *unstructured.Unstructured {
	spec := map[string]any{"hosts": []any{"checkout"}}
	for _, kind := range kinds() {
		var routes []any
		for i := range rnd.IntN(5) {
			routes = append(routes, generateRoute(rnd, kind, int64(i)))
		}
		if len(routes) > 0 {
			spec[kind] = routes
		}
	}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": networkingVersion, "kind": "VirtualService",
		"metadata": map[string]any{"name": "checkout", "namespace": "shop", "resourceVersion": "41"},
		"spec":     spec,
	}}
	if rnd.IntN(2) == 0 {
		vs.SetAnnotations(map[string]string{"team": "payments"})
	}
	return vs
}

// generateRoute makes a route of the kind; routes of one VirtualService may match the same.
func generateRoute(rnd *rand.Rand, kind string, port int64) map[string]any {
	letter := string(rune('a' + rnd.IntN(3)))
	matches := map[string]map[string]any{
		kindHTTP: {"uri": map[string]any{"prefix": letter}, "port": port},
		kindTLS:  {"sniHosts": []any{letter + ".example.com", "*.shop"}},
		kindTCP:  {"port": port % 2, "destinationSubnets": []any{"10.0.0.0/8"}},
	}
	r := map[string]any{}
	if kind == kindHTTP && rnd.IntN(2) == 0 {
		r["name"] = []string{"a", "b", "c"}[rnd.IntN(3)]
	}
	if kind == kindTLS || rnd.IntN(3) > 0 {
		r["match"] = []any{matches[kind]}
	}
	if rnd.IntN(3) == 0 {
		r["future"] = map[string]any{"x": 0.5, "list": []any{int64(1), false, "<&>"}}
	}
	if kind == kindHTTP && rnd.IntN(6) == 0 {
		r["redirect"] = map[string]any{"uri": "/"}
		return r
	}
	r["route"] = destinations(rnd, kind)
	return r
}

func destinations(rnd *rand.Rand, kind string) []any {
	hosts := []string{"checkout", "checkout.shop", "checkout.shop.svc", "checkout.shop.svc.cluster.local", "pay", "checkout.other", "legacy"}
	scale := []int64{1, 5, 100, 100_000}[rnd.IntN(4)]
	var out []any
	for range 1 + rnd.IntN(4) {
		destination := map[string]any{"host": hosts[rnd.IntN(len(hosts))]}
		if rnd.IntN(3) == 0 {
			destination["subset"] = []string{"v1", "v2"}[rnd.IntN(2)]
		}
		if rnd.IntN(4) == 0 {
			destination["port"] = map[string]any{"number": int64(8080)}
		}
		e := map[string]any{"destination": destination}
		if rnd.IntN(4) > 0 {
			e["weight"] = scale * int64(rnd.IntN(100))
		}
		if kind == kindHTTP && rnd.IntN(4) == 0 {
			e["headers"] = map[string]any{"request": map[string]any{"set": map[string]any{"x": "<&>"}}}
		}
		out = append(out, e)
	}
	if len(out) > 1 { // Istio refuses a sum of 0
		if first, ok := out[0].(map[string]any); ok {
			first["weight"] = scale * int64(1+rnd.IntN(100))
		}
	}
	return out
}

// FuzzAnyObject feeds whatever decodes: nothing panics, every patch applies, and no canary is left in the end.
func FuzzAnyObject(f *testing.F) {
	f.Add([]byte(`[{"route":[{"destination":{"host":"checkout"},"weight":1e3},{"weight":"x"},7]}]`), `{"a":{"b":[[]]}}`)
	f.Add([]byte(`[{"route":[{"destination":{"host":"checkout-canary"}},{"destination":{"host":"checkout"},"weight":-9}]},[],{"route":{}}]`), `{"shop/checkout":{"ad2b5cef":[[0,-1],[5]]}}`)
	f.Fuzz(func(t *testing.T, routes []byte, annotation string) {
		if bytes.Contains(routes, []byte("null")) {
			t.Skip("structural schemas have no null in lists, and the patch library cannot compare it")
		}
		vs := &unstructured.Unstructured{}
		text := fmt.Appendf(nil, `{"kind":"VirtualService","metadata":{"name":"x","namespace":"shop","resourceVersion":"41"},"spec":{"http":%[1]s,"tls":%[1]s,"tcp":%[1]s}}`, routes)
		if vs.UnmarshalJSON(text) != nil {
			t.Skip()
		}
		vs.SetAnnotations(map[string]string{v1alpha1.RoutesAnnotation: annotation, v1alpha1.ReleaseAnnotation: "shop/checkout 7"})
		live := vs
		for _, r := range []Raise{{ResourceVersion: "41"}, {}} {
			if p, err := Split(live, checkout(), 1000, seven(), r); err == nil {
				live = apply(t, live, mustJSON(t, p))
			}
			Foreign(live, checkout(), 1000, "stagger")
			_ = Unsupported(live, checkout())
		}
		p, err := Restore(live, checkout(), shift)
		if err != nil {
			t.Fatal(err)
		}
		restored := apply(t, live, mustJSON(t, p))
		for _, r := range read(restored, checkout(), shift).routes {
			if r.split && r.other == "" {
				t.Errorf("the canary is left in %v", r.raw)
			}
		}
	})
}
