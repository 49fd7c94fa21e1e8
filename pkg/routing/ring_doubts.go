package routing

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// RingsUnsupported returns one sentence that says why the rings cannot be told apart in these VirtualServices, and what to do, or "". Asked
// before the first SplitRings, it is given all VirtualServices, those that others of the same Gateways are merged with too; it reads those
// that releases of the Target may write.
func RingsUnsupported(vss []*unstructured.Unstructured, t Target, rings []Ring) string {
	if err := t.checkRings(rings); err != nil {
		return err.Error() + "."
	}
	copies, left := map[string]int{}, map[string][]string{}
	for _, vs := range vss {
		if !t.MayWrite(vs) {
			continue
		}
		if problem := ringsUnsupported(vs, t, rings, copies, left); problem != "" {
			return problem
		}
	}
	for _, ring := range rings {
		if copies[ring.Name] == 0 {
			return fmt.Sprintf("ring %s matches no route of %s%s.", ring.Name, t.Service, reasons(left[ring.Name]))
		}
	}
	return ringShadow(vss, t, rings)
}

// ringsUnsupported says what is in the way in one VirtualService, and adds to the copies that each ring would have there, and to the reasons
// why it has fewer.
func ringsUnsupported(vs *unstructured.Unstructured, t Target, rings []Ring, copies map[string]int, left map[string][]string) string {
	if host := namesRing(vs, t, rings); host != "" && vs.GetAnnotations()[v1alpha1.ReleaseAnnotation] == "" {
		return fmt.Sprintf("VirtualService %s names %s itself, which is a host for rings: take it out, or give that Service another name.", named(vs), host)
	}
	s := read(vs, t, "")
	total := len(s.routes) // all of them may have to be given back in the patch that takes the copies out
	for i := range s.routes {
		r := &s.routes[i]
		if r.kind != kindHTTP || !r.concerned {
			continue
		}
		for _, ring := range rings {
			made, err := s.ringCopy(r, ring, 0)
			if err != nil {
				return err.Error() + "."
			}
			if made != nil {
				copies[ring.Name]++
				total++
			}
			_, out, err := r.narrowed(ring, surroundingsOf(vs))
			if err != nil {
				return err.Error() + "."
			}
			left[ring.Name] = append(left[ring.Name], out...)
		}
	}
	if total > mostRoutes {
		return fmt.Sprintf("VirtualService %s would have %d routes to %s with the copies for rings, and one patch can write %d: give it fewer, or the policy fewer rings.",
			named(vs), total, t, mostRoutes)
	}
	return ""
}

// namesRing returns the first host of a ring that a route of the user's names.
func namesRing(vs *unstructured.Unstructured, t Target, rings []Ring) string {
	targets := t.RingTargets(rings)
	for _, r := range allRoutes(vs, t) {
		for _, host := range destinationsOf(r.raw) {
			if slices.ContainsFunc(targets, func(of Target) bool { return of.isCanary(host, vs.GetNamespace()) }) {
				return host
			}
		}
	}
	return ringsNamed(vs, t)
}

func reasons(of []string) string {
	if len(of) == 0 {
		return ""
	}
	return ": " + strings.Join(distinct(of), "; ")
}

// RingDoubts returns one sentence for each thing in these VirtualServices that keeps a part of the callers out of rings that they are in by
// the rings' words, sorted; none when nothing is seen. Those that releases may not write are among the Doubts already.
func RingDoubts(vss []*unstructured.Unstructured, t Target, rings []Ring) []string {
	var all []string
	for _, vs := range vss {
		if len(rings) == 0 || !t.MayWrite(vs) {
			continue
		}
		for _, r := range routesOf(vs, t) {
			if r.kind != kindHTTP {
				all = append(all, fmt.Sprintf("%s carries connections to %s, in which no ring can be told apart: its callers are in none", r.where, t))
				continue
			}
			for _, ring := range rings {
				if _, left, err := r.narrowed(ring, surroundingsOf(vs)); err == nil && len(left) > 0 {
					all = append(all, fmt.Sprintf("%s: the ring %s is not told apart there by all that it matches%s", r.where, ring.Name, reasons(left)))
				}
			}
		}
	}
	return distinct(all)
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
	for _, root := range vss {
		for _, item := range list(root, kindHTTP) {
			raw, _ := item.(map[string]any)
			to, _ := raw["delegate"].(map[string]any)
			in, _ := to["namespace"].(string)
			if to["name"] == vs.GetName() && (in == vs.GetNamespace() || in == "" && root.GetNamespace() == vs.GetNamespace()) && matchesAll(raw) {
				out = append(out, root)
				break
			}
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
