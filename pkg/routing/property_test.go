package routing

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
)

// TestSplitThenRestoreIsIdentity walks made-up VirtualServices through releases.
func TestSplitThenRestoreIsIdentity(t *testing.T) {
	chance.Throws(150, 300, func(bytes []byte) { walk(t, bytes, both) })
}

func FuzzSplitThenRestoreIsIdentity(f *testing.F) {
	for _, seed := range chance.Seeds(48) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { walk(t, bytes, inPlace) })
}

// walk takes a VirtualService, made of bytes, through a release: raised and lowered up to three times, and restored.
func walk(t *testing.T, bytes []byte, apply applier) {
	t.Helper()
	d := chance.Dice(bytes)
	again := chance.Dice(bytes)
	times := 1 + d.N(3)
	_ = again.N(3)
	user, untouched := generate(&d), generate(&again)
	live := user
	for range times {
		share, lower := chance.Pick(&d, shares...), chance.Pick(&d, shares...)
		p, err := Split(live, checkout(), share, seven(), Raise{ResourceVersion: live.GetResourceVersion()})
		if err != nil {
			t.Fatal(err)
		}
		live = apply(t, live, p)
		if lowest, highest, found := Share(live, checkout()); found && (lowest != share || highest != share) {
			t.Errorf("wanted %d, written %d to %d", share, lowest, highest)
		}
		sameProportion(t, user, live)
		if again, err := Split(live, checkout(), share, seven(), Raise{ResourceVersion: "41"}); len(again) > 0 || err != nil {
			t.Errorf("a second time writes %v, %v", again, err)
		}
		before := live.DeepCopy()
		p, err = Split(live, checkout(), lower, seven(), Raise{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "Split changed what it was given", before, live)
		live = apply(t, live, p)
		if _, highest, _ := Share(live, checkout()); highest > min(share, lower) {
			t.Errorf("lowering from %d to %d wrote %d", share, lower, highest)
		}
		if _, found := Foreign(live, checkout(), min(share, lower), "stagger"); found {
			t.Error("our own write is taken for somebody else's")
		}
	}
	same(t, "Split changed what the user has", untouched, user)
	p, err := Restore(live, checkout(), shift)
	if err != nil {
		t.Fatal(err)
	}
	restored := apply(t, live, p)
	same(t, "restored", user, restored)
	if p, err := Restore(restored, checkout(), shift); len(p) > 0 || err != nil {
		t.Errorf("restoring again writes %v, %v", p, err)
	}
}

// same fails with the difference of two objects, which is only looked for where there is one.
func same(t *testing.T, what string, want, got *unstructured.Unstructured) {
	t.Helper()
	if !reflect.DeepEqual(want.Object, got.Object) {
		t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(want.Object, got.Object))
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
func generate(d *chance.Dice) *unstructured.Unstructured {
	spec := map[string]any{"hosts": []any{"checkout"}}
	for _, kind := range kinds() {
		var routes []any
		for i := range d.N(5) {
			routes = append(routes, generateRoute(d, kind, int64(i)))
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
	if d.N(2) == 0 {
		vs.SetAnnotations(map[string]string{"team": "payments"})
	}
	return vs
}

// generateRoute makes a route of the kind; routes of one VirtualService may match the same.
func generateRoute(d *chance.Dice, kind string, port int64) map[string]any {
	letter := string(rune('a' + d.N(3)))
	matches := map[string]map[string]any{
		kindHTTP: {"uri": map[string]any{"prefix": letter}, "port": port},
		kindTLS:  {"sniHosts": []any{letter + ".example.com", "*.shop"}},
		kindTCP:  {"port": port % 2, "destinationSubnets": []any{"10.0.0.0/8"}},
	}
	r := map[string]any{}
	if kind == kindHTTP && d.N(2) == 0 {
		r["name"] = chance.Pick(d, "a", "b", "c")
	}
	if kind == kindTLS || d.N(3) > 0 {
		r["match"] = []any{matches[kind]}
	}
	if d.N(3) == 0 {
		r["future"] = map[string]any{"x": 0.5, "list": []any{int64(1), false, "<&>"}}
	}
	if kind == kindHTTP && d.N(6) == 0 {
		r["redirect"] = map[string]any{"uri": "/"}
		return r
	}
	r["route"] = destinations(d, kind)
	return r
}

func destinations(d *chance.Dice, kind string) []any {
	hosts := []string{"checkout", "checkout.shop", "checkout.shop.svc", "checkout.shop.svc.cluster.local", "pay", "checkout.other", "legacy"}
	scale := chance.Pick(d, int64(1), 5, 100, 100_000)
	var out []any
	for range 1 + d.N(4) {
		destination := map[string]any{"host": chance.Pick(d, hosts...)}
		if d.N(3) == 0 {
			destination["subset"] = chance.Pick(d, "v1", "v2")
		}
		if d.N(4) == 0 {
			destination["port"] = map[string]any{"number": int64(8080)}
		}
		e := map[string]any{"destination": destination}
		if d.N(4) > 0 {
			e["weight"] = scale * int64(d.N(100))
		}
		if kind == kindHTTP && d.N(4) == 0 {
			e["headers"] = map[string]any{"request": map[string]any{"set": map[string]any{"x": "<&>"}}}
		}
		out = append(out, e)
	}
	if len(out) > 1 { // Istio refuses a sum of 0
		if first, ok := out[0].(map[string]any); ok {
			first["weight"] = scale * int64(1+d.N(100))
		}
	}
	return out
}

// FuzzAnyObject feeds whatever decodes: nothing panics, every patch applies, and no canary is left in the end.
func FuzzAnyObject(f *testing.F) {
	f.Add([]byte(`[{"route":[{"destination":{"host":"checkout"},"weight":1e3},{"weight":"x"},7]}]`), `{"a":{"b":[[]]}}`)
	f.Add([]byte(`[{"route":[{"destination":{"host":"checkout-canary"}},{"destination":{"host":"checkout"},"weight":-9}]},[],{"route":{}}]`), `{"shop/checkout":{"ad2b5cef":[[0,-1],[5]]}}`)
	f.Add([]byte(`[{"name":"a-ring-staff","route":[{"destination":{"host":"checkout-ring-staff"},"weight":1e3},{"destination":{"host":"checkout-ring-canary"},"weight":"x"}]},{"match":[{"headers":[]},7,{}],"route":[{"destination":{"host":"checkout"}}]}]`), `{}`)
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
			if p, err := SplitRings(live, checkout(), storyRings(), map[string]int64{"staff": 1000}, seven(), r); err == nil {
				live = apply(t, live, mustJSON(t, p))
			}
			ReadRings(live, checkout(), storyRings())
			_ = RingsUnsupported([]*unstructured.Unstructured{live}, checkout(), storyRings())
			Foreign(live, checkout(), 1000, "stagger")
			_ = Unsupported(live, checkout())
		}
		p, err := Restore(live, checkout(), shift)
		if err != nil {
			t.Fatal(err)
		}
		restored := apply(t, live, mustJSON(t, p))
		for _, c := range ringCopies(restored, checkout()) {
			if c.own {
				t.Errorf("the copy of a ring is left: %v", c.raw)
			}
		}
		for _, r := range read(restored, checkout(), shift).routes {
			if r.split && r.other == "" {
				t.Errorf("the canary is left in %v", r.raw)
			}
		}
	})
}
