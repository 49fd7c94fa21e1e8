package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// RingsUnsupported returns one sentence that says why the rings cannot be told apart in these VirtualServices, and what to do, or "". Asked
// before the first SplitRings, it is given all VirtualServices: beside those that releases of the Target may write those that delegate to
// them, and those that gateways merge with them.
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
	return cmp.Or(ringDropped(vss, t, rings), ringShadow(vss, t, rings))
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
