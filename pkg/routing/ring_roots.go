package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// root is a route that delegates to a VirtualService.
type root struct {
	vs  *unstructured.Unstructured
	raw map[string]any
}

// rootsOf are the routes that delegate to a VirtualService.
func rootsOf(vs *unstructured.Unstructured, vss []*unstructured.Unstructured) []root {
	var out []root
	for _, other := range vss {
		for _, item := range list(other, kindHTTP) {
			raw, _ := item.(map[string]any)
			to, _ := raw["delegate"].(map[string]any)
			in, _ := to["namespace"].(string)
			if to["name"] == vs.GetName() && (in == vs.GetNamespace() || in == "" && other.GetNamespace() == vs.GetNamespace()) {
				out = append(out, root{other, raw})
			}
		}
	}
	return out
}

// ringDropped says where Istio would drop the copy of a delegate's route and not the route: requests of the ring would have the share of all
// others. It does so where what the copy matches is not within what the delegating route matches, by rules of its own.
func ringDropped(vss []*unstructured.Unstructured, t Target, rings []Ring) string {
	for _, vs := range vss {
		if !t.MayWrite(vs) || !surroundingsOf(vs).delegate {
			continue
		}
		for _, root := range rootsOf(vs, vss) {
			for _, r := range routesOf(vs, t) {
				for _, ring := range rings {
					if key := r.dropped(root, ring, surroundingsOf(vs)); r.kind == kindHTTP && key != "" {
						return fmt.Sprintf("%s: VirtualService %s delegates to it by a match with %s, beside which Istio drops the copy for ring %s: take it out of that match.",
							r.where, named(root.vs), key, ring.Name)
					}
				}
			}
		}
	}
	return ""
}

// dropped returns what of a delegating route's match Istio drops the ring's copy for and not the route; "" where there is nothing.
func (r *route) dropped(from root, ring Ring, in surroundings) string {
	alternatives, _, err := r.narrowed(ring, in)
	if err != nil {
		return "" // refused for that
	}
	users := items(r.raw["match"])
	for _, item := range items(from.raw["match"]) {
		match, _ := item.(map[string]any)
		for _, alternative := range alternatives {
			copied, _ := alternative.(map[string]any)
			key := beyond(match, copied)
			own := func(user any) bool {
				m, _ := user.(map[string]any)
				return beyond(match, m) == key
			}
			if key != "" && !slices.ContainsFunc(users, own) {
				return key
			}
		}
	}
	return ""
}

// beyond returns what of a delegating route's match an alternative of its delegate is not within (Istio's hasConflict), among what a ring's copy
// may not have of the route.
func beyond(match, alternative map[string]any) string {
	if namespace := match["sourceNamespace"]; namespace != nil && namespace != "" && alternative["sourceNamespace"] != namespace {
		return "sourceNamespace"
	}
	if (match["ignoreUriCase"] == true) != (alternative["ignoreUriCase"] == true) {
		return "ignoreUriCase"
	}
	headers, _ := match["headers"].(map[string]any)
	ours, _ := alternative["headers"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if theirs, found := headers[name]; found && !within(theirs, ours[name]) {
			return "a condition for the header " + name
		}
	}
	return ""
}

// within reports whether Istio takes a header's condition for one that is within another.
func within(outer, inner any) bool {
	of, _ := outer.(map[string]any)
	in, _ := inner.(map[string]any)
	exact, isExact := in["exact"].(string)
	prefix, isPrefix := in["prefix"].(string)
	if whole, ok := of["exact"].(string); ok {
		return isExact && exact == whole
	}
	begin, ok := of["prefix"].(string)
	return ok && (isExact && strings.HasPrefix(exact, begin) || isPrefix && strings.HasPrefix(prefix, begin))
}

// ringShadow says where a copy would take requests that go to routes of another VirtualService today. Gateways merge those of one host, and
// put routes that match everything after all others (Istio's SortVHostRoutes): a ring's copy of such a route no longer is one.
func ringShadow(vss []*unstructured.Unstructured, t Target, rings []Ring) string {
	for _, vs := range vss {
		if !t.MayWrite(vs) || !slices.ContainsFunc(routesOf(vs, t), func(r route) bool { return r.widened(rings, surroundingsOf(vs)) }) {
			continue
		}
		for _, front := range frontsOf(vs, vss) {
			for _, other := range vss {
				if other != front && besides(front, other) {
					return fmt.Sprintf("VirtualServices %s and %s have the same host at the same Gateway, and a ring of %s would take requests of the second, as a route "+
						"of the first matches everything: merge the two, or give that route a match.", named(front), named(other), t.Service)
				}
			}
		}
	}
	return ""
}

// widened says that the route matches everything at a gateway and a ring's copy of it does not.
func (r *route) widened(rings []Ring, in surroundings) bool {
	if r.kind != kindHTTP || !matchesAll(r.raw) {
		return false
	}
	return slices.ContainsFunc(rings, func(ring Ring) bool {
		alternatives, _, err := r.narrowed(ring, in)
		return err == nil && len(alternatives) > 0 && !matchesAll(map[string]any{"match": alternatives})
	})
}

// matchesAll reports whether a gateway takes the route for one that matches everything: an alternative has no condition on the request but
// a path that every request has (Istio's IsCatchAllRoute).
func matchesAll(route map[string]any) bool {
	alternatives := items(route["match"])
	for _, item := range alternatives {
		m, _ := item.(map[string]any)
		uri, _ := m["uri"].(map[string]any)
		every := m["uri"] == nil || uri["prefix"] == "/" || uri["regex"] == ".*"
		for _, key := range []string{"headers", "withoutHeaders", "queryParams", "method", "authority", "scheme"} {
			every = every && m[key] == nil
		}
		if every {
			return true
		}
	}
	return len(alternatives) == 0
}

// frontsOf are the VirtualServices whose hosts a VirtualService has: itself, or those that delegate to it where they match everything.
func frontsOf(vs *unstructured.Unstructured, vss []*unstructured.Unstructured) []*unstructured.Unstructured {
	if !surroundingsOf(vs).delegate {
		return []*unstructured.Unstructured{vs}
	}
	var out []*unstructured.Unstructured
	for _, root := range rootsOf(vs, vss) {
		if matchesAll(root.raw) {
			out = append(out, root.vs)
		}
	}
	return out
}

// besides reports whether a gateway has routes of both VirtualServices for one host, and a route of the second that does not match everything.
func besides(first, second *unstructured.Unstructured) bool {
	gateways, _ := GatewaysOf(first)
	others, _ := GatewaysOf(second)
	hosts, _, _ := unstructured.NestedStringSlice(first.Object, "spec", "hosts") // malformed: no host
	theirs, _, _ := unstructured.NestedStringSlice(second.Object, "spec", "hosts")
	narrow := slices.ContainsFunc(list(second, kindHTTP), func(item any) bool {
		raw, ok := item.(map[string]any)
		return ok && !matchesAll(raw)
	})
	return narrow && meet(gateways, others) && slices.ContainsFunc(hosts, func(host string) bool {
		return slices.ContainsFunc(theirs, func(other string) bool { return strings.EqualFold(host, other) })
	})
}

func meet[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}
