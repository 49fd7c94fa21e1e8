package routing

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// TestRingsThenRestoreIsIdentity walks made-up VirtualServices through releases with rings, while the user edits them.
func TestRingsThenRestoreIsIdentity(t *testing.T) {
	seen := map[string]int{}
	chance.Throws(20, 400, func(bytes []byte) { walkRings(t, bytes, both, seen) })
	chance.Throws(200, 400, func(bytes []byte) { walkRings(t, bytes, inPlace, seen) })
	for _, what := range []string{"refused", "copies", "edits of the user's", "damages", "lowered", "requests in rings", "requests outside"} {
		if seen[what] < 10 {
			t.Errorf("%s: seen %d times", what, seen[what])
		}
	}
}

func FuzzRingsThenRestoreIsIdentity(f *testing.F) {
	for _, seed := range chance.Seeds(96) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { walkRings(t, bytes, inPlace, map[string]int{}) })
}

// ringWalk is a VirtualService on its way through a release with rings.
type ringWalk struct {
	t     *testing.T
	d     chance.Dice
	apply applier
	seen  map[string]int
	rings []Ring
	user  *unstructured.Unstructured // as the user has it
	live  *unstructured.Unstructured
}

func walkRings(t *testing.T, bytes []byte, apply applier, seen map[string]int) {
	t.Helper()
	w := &ringWalk{t: t, d: chance.Dice(bytes), apply: apply, seen: seen}
	w.user = generate(&w.d)
	w.matches()
	w.rings = generateRings(&w.d)
	w.live = w.user
	split := w.d.N(2) == 0
	for range 1 + w.d.N(3) {
		shares := map[string]int64{}
		for _, ring := range w.rings {
			shares[ring.Name] = chance.Pick(&w.d, ringShares...)
		}
		if !w.raise(shares) {
			return
		}
		if split {
			w.split()
		}
		w.edit(split)
		if w.d.N(2) == 0 {
			w.damage()
			if w.d.N(2) == 0 && !w.raise(shares) {
				return
			}
		}
		if w.d.N(3) == 0 {
			w.lower(shares)
		}
		if w.d.N(4) == 0 {
			w.rings = generateRings(&w.d)
		}
	}
	w.write(Restore(w.live, checkout(), shift))
	same(t, "restored", w.user, w.live)
	if p, err := Restore(w.live, checkout(), shift); len(p) > 0 || err != nil {
		t.Errorf("restoring again writes %v, %v", p, err)
	}
}

var ringShares = []int64{0, 1, 50_000, 333_333, Whole}

func (w *ringWalk) write(p patch.Patch, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.live = w.apply(w.t, w.live, p)
}

// raise makes the copies, and says whether it could.
func (w *ringWalk) raise(shares map[string]int64) bool {
	t := w.t
	t.Helper()
	before := w.live.DeepCopy()
	lowest, highest, _ := Share(w.live, checkout())
	p, err := SplitRings(w.live, checkout(), w.rings, shares, seven(), Raise{ResourceVersion: "41"})
	same(t, "SplitRings changed what it was given", before, w.live)
	if err != nil {
		w.seen["refused"]++
		if got := RingsUnsupported([]*unstructured.Unstructured{w.live}, checkout(), w.rings); !errors.Is(err, ErrRing) || got != err.Error()+"." {
			t.Errorf("refused with %v, and beforehand with %q", err, got)
		}
		return false
	}
	w.write(p, err)
	if p, err := SplitRings(w.live, checkout(), w.rings, shares, seven(), Raise{ResourceVersion: "41"}); len(p) > 0 || err != nil {
		t.Errorf("a second time writes %v, %v", p, err)
	}
	readings := ReadRings(w.live, checkout(), w.rings)
	if len(readings) != len(w.rings) {
		t.Errorf("of %d rings %d are read", len(w.rings), len(readings))
	}
	for _, r := range readings {
		if want := shares[r.Name]; !r.Rendered || r.Present && (r.Lowest != want || r.Highest != want) {
			t.Errorf("wanted %d, read %+v", want, r)
		}
		if r.Present {
			w.seen["copies"]++
		}
	}
	if l, h, _ := Share(w.live, checkout()); l != lowest || h != highest {
		t.Errorf("the share of the whole was %d to %d, is %d to %d", lowest, highest, l, h)
	}
	w.requests()
	return true
}

// split splits the whole, and changes no copy by it.
func (w *ringWalk) split() {
	w.t.Helper()
	before := ringCopies(w.live, checkout())
	w.write(Split(w.live, checkout(), chance.Pick(&w.d, shares...), seven(), Raise{ResourceVersion: "41"}))
	if after := ringCopies(w.live, checkout()); !reflect.DeepEqual(before, after) {
		w.t.Errorf("copies were %v, are %v", before, after)
	}
	for _, r := range ReadRings(w.live, checkout(), w.rings) {
		if !r.Rendered {
			w.t.Errorf("no longer as rendered: %+v", r)
		}
	}
}

// edit makes the same edit to the live object and to what the user has. While weights are split, those that move routes may blur weights.
func (w *ringWalk) edit(split bool) {
	originals := allRoutes(w.user, checkout())
	of := slices.DeleteFunc(originals, func(r route) bool { return r.kind != kindHTTP })
	kind := w.d.N(5)
	if kind == 0 || len(of) == 0 || split && kind > 1 {
		return
	}
	w.seen["edits of the user's"]++
	nth := w.d.N(len(of))
	value := fmt.Sprintf("%ds", w.d.N(9))
	for _, o := range []**unstructured.Unstructured{&w.user, &w.live} {
		all := slices.DeleteFunc(allRoutes(*o, checkout()), func(r route) bool { return r.kind != kindHTTP })
		at := patch.Pointer("spec", kindHTTP, all[nth].index)
		switch kind {
		case 1:
			*o = w.apply(w.t, *o, patch.Patch{patch.Add(at+"/timeout", value)})
		case 2:
			*o = w.apply(w.t, *o, patch.Patch{patch.Remove(at)})
		case 3:
			*o = w.apply(w.t, *o, patch.Patch{patch.Add(at, map[string]any{"name": "new", "route": []any{map[string]any{"destination": map[string]any{"host": "checkout"}}}})})
		case 4:
			*o = w.apply(w.t, *o, patch.Patch{patch.Add(at+"/match", []any{map[string]any{"uri": map[string]any{"prefix": value}}})})
		}
	}
}

// damage makes an edit to a copy.
func (w *ringWalk) damage() {
	copies := ringCopies(w.live, checkout())
	if len(copies) == 0 {
		return
	}
	w.seen["damages"]++
	c := copies[w.d.N(len(copies))]
	at := patch.Pointer("spec", kindHTTP, c.index)
	entries := items(c.raw["route"])
	n := w.d.N(len(entries))
	edits := []patch.Operation{
		patch.Remove(at), patch.Add(at, c.raw), patch.Replace(at+"/name", "mine"), patch.Add(at+"/timeout", "99s"), patch.Replace(at+"/match", []any{}),
		patch.Add(at+patch.Pointer("route", n, "weight"), int64(w.d.N(256))*10_000), patch.Add("/spec/http/0", c.raw),
	}
	if len(entries) > 1 && len(entries) < 4 { // of several pairs one may stay that names the copy no more
		edits = append(edits, patch.Remove(at+patch.Pointer("route", n)))
	}
	w.live = w.apply(w.t, w.live, patch.Patch{chance.Pick(&w.d, edits...)})
}

// lower lowers without permission: no copy has more than before, or than it may.
func (w *ringWalk) lower(before map[string]int64) {
	w.t.Helper()
	w.seen["lowered"]++
	shares, had := maps.Clone(before), map[string]int64{}
	for _, r := range ReadRings(w.live, checkout(), w.rings) {
		shares[r.Name], had[r.Name] = chance.Pick(&w.d, ringShares...), r.Highest
	}
	w.write(SplitRings(w.live, checkout(), w.rings, shares, seven(), Raise{}))
	for _, r := range ReadRings(w.live, checkout(), w.rings) {
		if r.Highest > min(shares[r.Name], had[r.Name]) {
			w.t.Errorf("had %d, may have %d: %+v", had[r.Name], shares[r.Name], r)
		}
	}
}

// matches gives http routes more to match.
func (w *ringWalk) matches() {
	for _, item := range list(w.user, kindHTTP) {
		raw, _ := item.(map[string]any)
		for _, alternative := range items(raw["match"]) {
			m, _ := alternative.(map[string]any)
			switch w.d.N(8) {
			case 0:
				m["gateways"] = []any{chance.Pick(&w.d, "mesh", "web")}
			case 1:
				m["sourceNamespace"] = chance.Pick(&w.d, "a", "b")
			case 2:
				m["sourceLabels"] = map[string]any{"app": chance.Pick(&w.d, "a", "b")}
			case 3:
				m["headers"] = map[string]any{"x-other": map[string]any{"exact": chance.Pick(&w.d, "a", "b")}}
			case 4, 5:
				m["headers"] = map[string]any{"x-cohort": map[string]any{"exact": "a"}}
			}
		}
	}
	switch w.d.N(4) {
	case 0:
		w.set("gateways", []any{"web"})
	case 1:
		w.set("gateways", []any{"web", "mesh"})
	}
}

func (w *ringWalk) set(key string, value any) {
	if spec, ok := w.user.Object["spec"].(map[string]any); ok {
		spec[key] = value
	}
}

func generateRings(d *chance.Dice) []Ring {
	var out []Ring
	for _, name := range []string{"staff", "early", "late"}[:1+d.N(3)] {
		ring := Ring{Name: name}
		for range 1 + d.N(2) {
			m := Match{}
			switch d.N(5) {
			case 0:
				m.SourceNamespace = chance.Pick(d, "a", "b")
			case 1:
				m.SourceLabels = map[string]string{"app": chance.Pick(d, "a", "b")}
			case 2:
				m.Headers = map[string]StringMatch{"@request.auth.claims.c": exact(chance.Pick(d, "a", "b"))}
			case 3:
				m.Headers, m.SourceNamespace = map[string]StringMatch{"x-cohort": exact("a"), "x-b": {Prefix: "b"}}, chance.Pick(d, "", "a")
			default:
				m.Headers = map[string]StringMatch{"x-cohort": exact(chance.Pick(d, "a", "b"))}
			}
			ring.Match = append(ring.Match, m)
		}
		out = append(out, ring)
	}
	return out
}

// request is one that a proxy looks at: at a gateway or in the mesh.
type request struct {
	uri, gateway, namespace string
	port                    int64
	labels, headers         map[string]string
}

// requests throws some at the VirtualService: each takes the copy of the route that it takes without rings, or that route itself, and the copy
// is for the first ring that it is in by that ring's own words.
func (w *ringWalk) requests() {
	w.t.Helper()
	originals := slices.DeleteFunc(allRoutes(w.live, checkout()), func(r route) bool { return r.kind != kindHTTP })
	for range 12 {
		q := request{uri: chance.Pick(&w.d, "a/x", "b", "c"), gateway: chance.Pick(&w.d, "mesh", "web"), namespace: chance.Pick(&w.d, "a", "b", "c"), port: int64(w.d.N(5)),
			labels: map[string]string{"app": chance.Pick(&w.d, "a", "b", "c")}, headers: map[string]string{}}
		for _, name := range []string{"x-cohort", "x-other", "x-b", "@request.auth.claims.c"} {
			if value := chance.Pick(&w.d, "", "a", "b"); value != "" {
				q.headers[name] = value
			}
		}
		without := slices.IndexFunc(originals, func(r route) bool { return q.takes(r.raw) })
		with := slices.IndexFunc(list(w.live, kindHTTP), func(item any) bool {
			raw, _ := item.(map[string]any)
			return q.takes(raw)
		})
		if without < 0 {
			if with >= 0 {
				w.t.Errorf("%+v is taken by http[%d] and would be by none", q, with)
			}
			continue
		}
		w.follow(q, originals[without], with)
	}
}

// follow says what is wrong with the route of a request that takes this original without rings.
func (w *ringWalk) follow(q request, original route, at int) {
	w.t.Helper()
	raw, _ := list(w.live, kindHTTP)[at].(map[string]any)
	in := slices.IndexFunc(w.rings, func(r Ring) bool { return q.in(r, original, w.live) })
	c, copied := checkout().ringCopyOf(raw, w.live.GetNamespace())
	switch {
	case !copied && at != original.index:
		w.t.Errorf("%+v takes http[%d] instead of http[%d]", q, at, original.index)
	case !copied && in >= 0 && original.concerned:
		w.t.Errorf("%+v is in ring %s and takes http[%d] itself", q, w.rings[in].Name, at)
	case !copied:
		w.seen["requests outside"]++
	case at > original.index || original.index-at > len(w.rings) || c.raw["name"] != ringRoute(original.name, c.ring):
		w.t.Errorf("%+v takes http[%d], which is no copy of http[%d]", q, at, original.index)
	case in < 0 || w.rings[in].Name != c.ring:
		w.t.Errorf("%+v takes the copy for ring %s, and is in %d of %v", q, c.ring, in, w.rings)
	default:
		w.seen["requests in rings"]++
	}
}

// takes does what Istio and Envoy do with a route and a request.
func (q request) takes(raw map[string]any) bool {
	alternatives := items(raw["match"])
	return len(alternatives) == 0 || slices.ContainsFunc(alternatives, func(item any) bool {
		m, _ := item.(map[string]any)
		return q.fits(m)
	})
}

// fits does what Istio and Envoy do with an alternative: beside gateways nobody looks at who calls.
func (q request) fits(m map[string]any) bool {
	if uri, ok := m["uri"].(map[string]any); ok && !strings.HasPrefix(q.uri, fmt.Sprint(uri["prefix"])) {
		return false
	}
	if port, ok := integer(m["port"]); ok && port != 0 && port != q.port {
		return false
	}
	headers, _ := m["headers"].(map[string]any)
	for name, item := range headers {
		condition, _ := item.(map[string]any)
		value, found := q.headers[name]
		if e, ok := condition["exact"]; !found || ok && value != e {
			return false
		}
		if p, ok := condition["prefix"].(string); ok && !strings.HasPrefix(value, p) {
			return false
		}
	}
	if gateways := items(m["gateways"]); len(gateways) > 0 {
		return slices.Contains(gateways, any(q.gateway))
	}
	labels, _ := m["sourceLabels"].(map[string]any)
	for key, value := range labels {
		if q.labels[key] != value {
			return false
		}
	}
	return m["sourceNamespace"] == nil || m["sourceNamespace"] == q.namespace
}

// in says whether a request that takes a route is in a ring there, by the ring's own words: those on who calls count where an alternative that
// it takes has no gateways, those on claims in what is a gateway's alone.
func (q request) in(ring Ring, original route, vs *unstructured.Unstructured) bool {
	users := items(original.raw["match"])
	if len(users) == 0 {
		users = []any{map[string]any{}}
	}
	_, mesh := GatewaysOf(vs)
	return slices.ContainsFunc(ring.Match, func(m Match) bool {
		for name, condition := range m.Headers {
			value, found := q.headers[name]
			if !found || condition.Exact != "" && value != condition.Exact || !strings.HasPrefix(value, condition.Prefix) || mesh && strings.HasPrefix(name, "@") {
				return false
			}
		}
		for key, value := range m.SourceLabels {
			if q.labels[key] != value {
				return false
			}
		}
		if m.SourceNamespace != "" && m.SourceNamespace != q.namespace {
			return false
		}
		return slices.ContainsFunc(users, func(item any) bool {
			user, _ := item.(map[string]any)
			return q.fits(user) && (user["gateways"] == nil || m.SourceNamespace == "" && len(m.SourceLabels) == 0)
		})
	})
}
