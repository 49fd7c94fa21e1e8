package routing

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// RingReading is what a VirtualService says about one ring of a Service.
type RingReading struct {
	Name string
	// Present says that at least one route is a copy for the ring. A ring that is not asked for and has copies was left over.
	Present bool
	// Rendered says that the copies are those that SplitRings would write, whatever their shares: all of them, nothing else, and in their order.
	Rendered bool
	// Lowest and Highest are the shares, in millionths and rounded up, that the copies give the canary: 0 in a route whose copy is missing.
	// They are those that were written; whom the ring's Service selects is not seen here.
	Lowest, Highest int64
}

// ReadRings says how things stand with each of the rings, in their order, and after them with others that have copies. A ring that is to have
// no copy in the VirtualService, because none of its routes is one to the Service or none fits the ring, is not present and as rendered.
func ReadRings(vs *unstructured.Unstructured, t Target, rings []Ring) []RingReading {
	s := read(vs, t, "")
	out := make([]RingReading, len(rings))
	for i, ring := range rings {
		out[i] = RingReading{Name: ring.Name, Rendered: true, Lowest: -1}
	}
	for _, place := range s.places() {
		out = s.readPlace(out, place, rings)
	}
	for i := range out {
		out[i].Lowest = max(out[i].Lowest, 0)
	}
	return out
}

// readPlace adds what the copies at one place say.
func (s *state) readPlace(out []RingReading, place ringPlace, rings []Ring) []RingReading {
	have, shares := map[string][]ringCopy{}, map[string]int64{}
	for _, c := range place.copies {
		have[c.ring], shares[c.ring] = append(have[c.ring], c), max(shares[c.ring], c.share(s.vs, s.target))
		if !slices.ContainsFunc(out, func(r RingReading) bool { return r.Name == c.ring }) {
			out = append(out, RingReading{Name: c.ring, Lowest: -1})
		}
	}
	made, err := s.wanted(place, rings, shares)
	wanted := map[string]map[string]any{}
	for _, raw := range made {
		c, _ := s.target.ringCopyOf(raw, s.vs.GetNamespace())
		wanted[c.ring] = raw
	}
	inOrder := slices.IsSortedFunc(place.copies, func(a, b ringCopy) int { return position(rings, a.ring) - position(rings, b.ring) })
	for i := range out {
		o := &out[i]
		copies, want := have[o.Name], wanted[o.Name]
		o.Rendered = o.Rendered && err == nil && inOrder && asMade(copies, want)
		o.Present = o.Present || len(copies) > 0
		if len(copies) == 0 && want != nil {
			o.add(0)
		}
		for _, c := range copies {
			o.add(c.share(s.vs, s.target))
		}
	}
	return out
}

// asMade reports whether the copies for one ring at a place are the one that it has to have there; nil: none.
func asMade(copies []ringCopy, want map[string]any) bool {
	if want == nil {
		return len(copies) == 0
	}
	return len(copies) == 1 && sameRoute(copies[0].raw, want)
}

// share is the share of a copy's requests that it gives the canary.
func (c ringCopy) share(vs *unstructured.Unstructured, t Target) int64 {
	r := c.read(vs, t)
	return max(r.share(), 0)
}

func position(rings []Ring, name string) int {
	return slices.IndexFunc(rings, func(r Ring) bool { return r.Name == name })
}

func (r *RingReading) add(share int64) {
	if r.Lowest < 0 || share < r.Lowest {
		r.Lowest = share
	}
	r.Highest = max(r.Highest, share)
}
