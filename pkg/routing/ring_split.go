package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// ringPlace is a place in spec.http where copies for rings stand, or have to: directly before one route of the user's, or after the last.
type ringPlace struct {
	index  int        // of that route
	route  *route     // nil where the Service has no part in it, and there is to be no copy
	copies []ringCopy // that are there, of the Target's own
}

// SplitRings returns the patch that gives each of these rings its copies, made anew from the user's routes as they are now, and the canary in
// them share millionths (0 to Whole, by the name of the ring; 0 where there is none) of the ring's part, and writes the mark. Copies of
// other rings of the Service, and copies whose route is gone, are taken out. It returns an empty patch when all is so already.
//
// With permission to raise, the patch is refused with 409 Conflict when the VirtualService is not the one that was read. It errors as Split
// does, and with ErrRing where a ring cannot be told apart in a route. A ring is left out of a route where Istio would not look at its
// conditions: see RingDoubts.
//
// Without, copies in which the canary has more than the share get that share, each guarded by a test of it alone; nothing is made, taken out
// or refused.
func SplitRings(vs *unstructured.Unstructured, t Target, rings []Ring, shares map[string]int64, m Mark, r Raise) (patch.Patch, error) {
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		if share := shares[name]; share < 0 || share > Whole {
			return nil, fmt.Errorf("share %d of ring %s: give a number of millionths from 0 to %d", share, name, Whole)
		}
	}
	s := read(vs, t, m.Shift)
	s.annotations = m.credible(vs, t)
	if err := s.permit(m, r); err != nil {
		return nil, err
	}
	var p patch.Patch
	var touched bool
	var err error
	if r.allowed() {
		p, touched, err = s.render(rings, shares)
	} else {
		p, touched, err = s.lowerRings(shares)
	}
	if err != nil {
		return nil, err
	}
	p = append(p, s.markRings(m, touched)...)
	if len(p) > 0 && r.allowed() {
		p = slices.Insert(p, 0, patch.Version(r.ResourceVersion))
	}
	return p, nil
}

// markRings returns the patch of the annotations: the mark where there are copies, or where there is one already.
func (s *state) markRings(m Mark, touched bool) patch.Patch {
	if _, marked := parseMarks(s.annotations[v1alpha1.ReleaseAnnotation])[m.Shift]; !touched && !marked {
		return nil
	}
	wanted := maps.Clone(s.annotations)
	if wanted == nil {
		wanted = map[string]string{}
	}
	m.into(wanted)
	return annotate(s.vs, wanted)
}

// places are all in which copies of the Target's own stand or have to, in order.
func (s *state) places() []ringPlace {
	concerned := map[int]*route{}
	for i := range s.routes {
		if r := &s.routes[i]; r.kind == kindHTTP && r.concerned {
			concerned[r.index] = r
		}
	}
	copies := map[int]ringCopy{}
	for _, c := range ringCopies(s.vs, s.target) {
		if c.own {
			copies[c.index] = c
		}
	}
	var out []ringPlace
	var before []ringCopy
	length := len(list(s.vs, kindHTTP))
	for i := range length + 1 {
		if c, found := copies[i]; found {
			before = append(before, c)
			continue
		}
		if concerned[i] != nil || len(before) > 0 {
			out = append(out, ringPlace{index: i, route: concerned[i], copies: before})
		}
		before = nil
	}
	return out
}

// render makes the copies, and says whether there are any, or were. Places are written from the last to the first, so that each is where
// it was read.
func (s *state) render(rings []Ring, shares map[string]int64) (patch.Patch, bool, error) {
	if err := s.target.checkRings(rings); err != nil {
		return nil, false, err
	}
	places, touched := s.places(), false
	wanted := make([][]map[string]any, len(places))
	for i, place := range places {
		var err error
		if wanted[i], err = s.wanted(place, rings, shares); err != nil {
			return nil, false, err
		}
		touched = touched || len(wanted[i]) > 0 || len(place.copies) > 0
	}
	var p patch.Patch
	for i, place := range slices.Backward(places) {
		p = append(p, place.write(s.vs, wanted[i])...)
	}
	return p, touched, nil
}

// wanted are the copies that have to be at a place, in the order of the rings.
func (s *state) wanted(place ringPlace, rings []Ring, shares map[string]int64) ([]map[string]any, error) {
	if place.route == nil {
		return nil, nil
	}
	var out []map[string]any
	for _, ring := range rings {
		made, err := s.ringCopy(place.route, ring, shares[ring.Name])
		if err != nil {
			return nil, err
		}
		if made == nil {
			continue
		}
		if r := place.route; r.other != "" {
			return nil, fmt.Errorf("%s is split for TrafficShift %s: let that one finish, or give each its own route: %w", r.where, r.other, ErrOwned)
		}
		out = append(out, made)
	}
	return out, nil
}

// ringCopy makes the copy of a route for a ring; nil where there is none. It has all that the route has as the user wrote it, but for what
// it matches and where it sends the Service's part.
func (s *state) ringCopy(r *route, ring Ring, share int64) (map[string]any, error) {
	alternatives, _, err := r.narrowed(ring, surroundingsOf(s.vs))
	if err != nil || len(alternatives) == 0 {
		return nil, err
	}
	if r.bad != nil {
		return nil, fmt.Errorf("%s: %w", r.where, r.bad)
	}
	t := s.target.ForRing(ring.Name)
	destinations := r.merged(s.target)
	for i, item := range destinations {
		e := entry{}
		e.raw, _ = item.(map[string]any)
		if s.target.arm(e.destination(), s.vs.GetNamespace()) == stable {
			destinations[i] = e.to(t.Host()).raw
		}
	}
	out := maps.Clone(r.raw)
	out["name"], out["match"], out["route"] = ringRoute(r.name, ring.Name), alternatives, destinations
	made := readRoute(s.vs, t, out)
	if out["route"], _, err = made.divide(t, share, true); err != nil {
		return nil, fmt.Errorf("%s: %w", r.where, err)
	}
	return out, nil
}

// write returns the operations that leave these copies at the place. What is put before the user's route is guarded by a test of that.
func (p ringPlace) write(vs *unstructured.Unstructured, wanted []map[string]any) patch.Patch {
	var out patch.Patch
	at := patch.Pointer("spec", kindHTTP, p.index)
	for i := len(wanted) - 1; i >= len(p.copies); i-- {
		if len(out) == 0 {
			out = append(out, patch.Test(at, list(vs, kindHTTP)[p.index]))
		}
		out = append(out, patch.Add(at, wanted[i]))
	}
	for i, c := range slices.Backward(p.copies) {
		switch {
		case i >= len(wanted):
			out = append(out, c.remove()...)
		case !sameRoute(c.raw, wanted[i]):
			at := patch.Pointer("spec", kindHTTP, c.index)
			out = append(out, patch.Test(at, c.raw), patch.Replace(at, wanted[i]))
		}
	}
	return out
}

func (c ringCopy) remove() patch.Patch {
	at := patch.Pointer("spec", kindHTTP, c.index)
	return patch.Patch{patch.Test(at, c.raw), patch.Remove(at)}
}

// sameRoute compares weights as numbers, whatever type the decoder gave them.
func sameRoute(a, b map[string]any) bool {
	x, y := items(a["route"]), items(b["route"])
	return sameBut(a, b, "route") && slices.EqualFunc(x, y, func(v, w any) bool {
		e, isE := v.(map[string]any)
		f, isF := w.(map[string]any)
		return isE && isF && identical(e, f)
	})
}

// lowerRings lowers the canary in the copies that are there, and says whether there are any.
func (s *state) lowerRings(shares map[string]int64) (patch.Patch, bool, error) {
	var p patch.Patch
	touched := false
	for _, c := range ringCopies(s.vs, s.target) {
		if !c.own {
			continue
		}
		touched = true
		r := c.read(s.vs, s.target)
		if share := shares[c.ring]; r.share() > share {
			entries, _, err := r.divide(c.target(s.target), share, false)
			if err != nil {
				return nil, false, fmt.Errorf("http[%d]: %w", c.index, err)
			}
			p = append(p, r.replace(entries)...)
		}
	}
	return p, touched, nil
}

// withoutRings returns the operations that take the copies for rings of the Target's Service out, from the last to the first.
func withoutRings(vs *unstructured.Unstructured, t Target) patch.Patch {
	var p patch.Patch
	for _, c := range slices.Backward(ringCopies(vs, t)) {
		if c.own {
			p = append(p, c.remove()...)
		}
	}
	return p
}

// ringsOfOthers returns an error where a ring of another Service has a copy of a route in which the Target has a part: two never write one.
func ringsOfOthers(vs *unstructured.Unstructured, t Target) error {
	for _, c := range ringCopies(vs, t) {
		if r := readRoute(vs, t, c.raw); !c.own && r.concerned {
			return fmt.Errorf("VirtualService %s/%s, http[%d] (%v) is the copy of a route for a ring of another Service: let that one finish, or give each its own route: %w",
				vs.GetNamespace(), vs.GetName(), c.index, c.raw["name"], ErrOwned)
		}
	}
	return nil
}

// ringsNamed returns the first host of a ring by which a route is a copy for one of the Target's Service; "" when none is.
func ringsNamed(vs *unstructured.Unstructured, t Target) string {
	for _, c := range ringCopies(vs, t) {
		for _, host := range destinationsOf(c.raw) {
			if c.own && strings.Contains(host, ringInfix) {
				return host
			}
		}
	}
	return ""
}
