package routing

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// Restore returns the patch that takes everything of the shift ("<namespace>/<name>") out of the VirtualService: the
// canary's destinations are merged back into the stable ones, the weights are the user's again, and the shift's marks go.
// Copies for rings are taken out. Edits made since Split stay. It returns an empty patch when nothing is left, and is guarded by tests of what it changes.
//
// It never refuses: a canary whose stable arm was removed is sent to the user's Service, and weights that the annotation
// does not explain are written as the smallest whole numbers of their proportion, as percentages where they can be. What
// another shift holds is left alone.
func Restore(vs *unstructured.Unstructured, t Target, shift string) (patch.Patch, error) {
	s := read(vs, t, shift)
	var p patch.Patch
	for i := range s.routes {
		if r := &s.routes[i]; r.other == "" {
			p = append(p, r.replace(r.merged(t))...)
		}
	}
	p = append(p, withoutRings(vs, t)...) // last: it moves routes
	wanted := maps.Clone(s.annotations)
	unmark(wanted, shift)
	if _, found := s.note[shift]; found {
		delete(s.note, shift)
		if err := s.note.into(wanted); err != nil {
			return nil, err
		}
	} else if len(s.note) == 0 && len(parseMarks(wanted[v1alpha1.ReleaseAnnotation])) == 0 {
		delete(wanted, v1alpha1.RoutesAnnotation) // made unreadable by somebody
	}
	return append(p, annotate(vs, wanted)...), nil
}

// merged returns the destinations of the route as the user has them.
func (r *route) merged(t Target) []any {
	if r.between {
		return r.settled()
	}
	weights := r.written()
	var out []any
	for i, k := range r.kept() {
		e := r.entries[k]
		if e.arm == canary {
			e = e.to(t.Host())
			e.arm = stable
		}
		if weights == nil {
			bare := maps.Clone(e.raw)
			delete(bare, "weight")
			out = append(out, bare)
			continue
		}
		out = append(out, e.restored(weights[i]))
	}
	return out
}

// restored returns the entry with the weight. A missing weight means 0 beside other destinations and stays missing.
func (e entry) restored(weight int64) map[string]any {
	if e.raw["weight"] == nil && weight == 0 {
		return e.raw
	}
	return e.weighing(weight)
}
