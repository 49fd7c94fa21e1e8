package routing

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// Raise is the permission to give the canary more traffic than it has. The zero value gives none: Split only lowers.
type Raise struct {
	// ResourceVersion of the VirtualService on which the decision to raise rests.
	ResourceVersion string
}

func (r Raise) allowed() bool { return r.ResourceVersion != "" }

// Split returns the patch that gives the canary share millionths (0 to Whole) of the Service's part in each of its
// routes, and writes the mark. It returns an empty patch when all is so already.
//
// A mark of a later release on an object of another namespace is not ours, whoever wrote it: it is overwritten.
//
// With permission to raise, every such route gets exactly that share, and the patch is refused with 409 Conflict when the
// VirtualService is not the one that was read. It errors with ErrOwned, ErrAborted, ErrBroken or ErrWeights.
//
// Without, only routes in which the canary has more than share are written, guarded by a test of each route alone, and
// nothing but ErrOwned stands in the way: a stable arm that was removed is put back, and weights too large to be scaled are
// split as they are, in favour of the stable arm. A canary of share 0 stays in its route until Restore.
func Split(vs *unstructured.Unstructured, t Target, share int64, m Mark, r Raise) (patch.Patch, error) {
	if share < 0 || share > Whole {
		return nil, fmt.Errorf("share %d: give a number of millionths from 0 to %d", share, Whole)
	}
	s := read(vs, t, m.Shift)
	s.annotations = m.credible(vs, t)
	if err := s.permit(m, r); err != nil {
		return nil, err
	}
	p, err := s.split(share, r.allowed())
	if err != nil {
		return nil, err
	}
	marks, err := s.mark(m, r.allowed())
	if err != nil {
		return nil, err
	}
	p = append(p, marks...)
	if len(p) > 0 && r.allowed() {
		p = slices.Insert(p, 0, patch.Version(r.ResourceVersion))
	}
	return p, nil
}

// permit returns the reason why a permission to raise does not hold for the VirtualService.
func (s *state) permit(m Mark, r Raise) error {
	if !r.allowed() {
		return nil
	}
	if m.Aborted {
		return fmt.Errorf("raising release %d of %s: %w", m.Number, m.Shift, ErrAborted)
	}
	if err := m.refuse(s.annotations); err != nil {
		return fmt.Errorf("VirtualService %s/%s: %w", s.vs.GetNamespace(), s.vs.GetName(), err)
	}
	return ringsOfOthers(s.vs, s.target)
}

// split writes the routes and leaves in their memos what the annotation has to say.
func (s *state) split(share int64, raising bool) (patch.Patch, error) {
	var p patch.Patch
	for i := range s.routes {
		r := &s.routes[i]
		if !r.concerned || !raising && r.share() <= share {
			continue
		}
		if r.other != "" {
			return nil, fmt.Errorf("%s is split for TrafficShift %s: let that one finish, or give each its own route: %w", r.where, r.other, ErrOwned)
		}
		entries, m, err := r.divide(s.target, share, raising)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.where, err)
		}
		r.memo = m
		p = append(p, r.replace(entries)...)
	}
	return p, nil
}

// mark returns the patch of the annotations. Lowering leaves no mark on a VirtualService that no release has touched.
func (s *state) mark(m Mark, raising bool) (patch.Patch, error) {
	memos, touched := map[string][]memo{}, false
	for i := range s.routes {
		r := &s.routes[i]
		touched = touched || raising || r.split
		if r.memo != nil && r.other == "" {
			memos[r.key()] = append(memos[r.key()], r.memo)
		}
	}
	_, marked := parseMarks(s.annotations[v1alpha1.ReleaseAnnotation])[m.Shift]
	if !touched && !marked {
		return nil, nil
	}
	wanted := maps.Clone(s.annotations)
	if wanted == nil {
		wanted = map[string]string{}
	}
	m.into(wanted)
	s.note[m.Shift] = memos
	if err := s.note.into(wanted); err != nil {
		return nil, err
	}
	return annotate(s.vs, wanted), nil
}

// divide returns the destinations of the route with the share given to the canary, and the memo to keep.
func (r *route) divide(t Target, share int64, raising bool) ([]any, memo, error) {
	if host, found := r.orphan(); found && raising {
		return nil, nil, fmt.Errorf("destination %s stands without %s beside it: put that back, or take both away: %w", host, t.Host(), ErrBroken)
	}
	units, m, err := r.scale()
	if r.bad != nil {
		err = r.bad
	}
	if err != nil && raising {
		return nil, nil, err
	}
	var out []any
	weights := map[int]int64{}
	for i, k := range r.kept() {
		var whole, given int64
		if err == nil {
			whole, given = units[i]*Whole, units[i]*share
		} else {
			whole, m = min(r.whole(k), math.MaxInt32), r.memo
			given = whole * share / Whole
		}
		if r.between {
			r.weigh(weights, k, whole, given)
			continue
		}
		out = append(out, r.arms(t, k, whole, given)...)
	}
	if r.between {
		out = r.inPlace(weights)
	}
	return out, m, nil
}

// arms returns an entry with its weight, followed by the canary's where the Service's traffic is split.
func (r *route) arms(t Target, k int, whole, given int64) []any {
	e := r.entries[k]
	if e.arm == foreign {
		return []any{e.weighing(whole)}
	}
	if whole == 0 && e.arm == stable && len(e.canaries) == 0 {
		return []any{e.raw} // no traffic to split
	}
	if e.arm == canary { // without a stable arm
		return []any{e.to(t.Host()).weighing(whole - given), e.weighing(given)}
	}
	twin := e.to(t.CanaryHost())
	if len(e.canaries) > 0 {
		if c := r.entries[e.canaries[0]]; alike(e, c) {
			twin = c
		}
	}
	return []any{e.weighing(whole - given), twin.weighing(given)}
}

// weighing returns the entry as it is where it has that weight, or one that nobody can read, else a copy that has it.
func (e entry) weighing(weight int64) map[string]any {
	current, ok := integer(e.raw["weight"])
	switch {
	case ok && current == weight, e.arm == foreign && (e.bad || current == weight):
		return e.raw
	}
	out := maps.Clone(e.raw)
	out["weight"] = weight
	return out
}

// to returns a copy of the entry for another host.
func (e entry) to(host string) entry {
	destination := maps.Clone(e.destination())
	destination["host"] = host
	e.raw = maps.Clone(e.raw)
	e.raw["destination"] = destination
	return e
}

// replace returns the operations that give the route these destinations; none when it has them.
func (r *route) replace(entries []any) patch.Patch {
	same := len(entries) == len(r.entries)
	for i := 0; same && i < len(entries); i++ {
		e, _ := entries[i].(map[string]any)
		same = identical(e, r.entries[i].raw)
	}
	if same {
		return nil
	}
	at := patch.Pointer("spec", r.kind, r.index)
	return patch.Patch{patch.Test(at, r.raw), patch.Replace(at+patch.Pointer("route"), entries)}
}

// identical compares weights as numbers, whatever type the decoder gave them.
func identical(a, b map[string]any) bool {
	x, isX := integer(a["weight"])
	y, isY := integer(b["weight"])
	return x == y && isX == isY && sameBut(a, b, "weight")
}
