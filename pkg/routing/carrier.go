package routing

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/patch"
)

// Carrier is an object that carries routes to a Service, of whatever kind: how it is read, split between the versions, and put back.
// CarrierOf lists the kinds.
type Carrier interface {
	// Read says what the routes of the target are now, as they are written.
	Read(t Target, as Reader) Reading
	// Split returns the patch that lets a population meet the canary in each of the target's routes, and writes the mark; empty when
	// all is so already. Without permission to raise, it only lowers.
	Split(t Target, who Population, m Mark, r Raise) (patch.Patch, error)
	// Restore returns the patch that takes everything of the shift ("<namespace>/<name>") out of the routes; empty when nothing is left.
	Restore(t Target, shift string) (patch.Patch, error)
}

// Kinds are the kinds of objects that carry routes. One more is a file with its Carrier and its Refs, and a line here, in CarrierOf and in
// RefsOf.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}}
}

// CarrierOf returns the Carrier that an object is; false when its kind carries no routes that Stagger knows.
func CarrierOf(o *unstructured.Unstructured) (Carrier, bool) {
	switch o.GroupVersionKind().GroupKind().String() {
	case "VirtualService.networking.istio.io":
		return virtualService{o}, true
	default:
		return nil, false
	}
}

// Population says who meets the canary: a share of all callers, chosen by lot for each request or connection.
type Population struct {
	// Share is in millionths, from 0 to Whole.
	Share int64
}

// Reader is who reads a Carrier.
type Reader struct {
	// Shift is the TrafficShift, as "<namespace>/<name>".
	Shift string
	// Written is the share that its release has written, in millionths; negative: none, so that no edit can be foreign.
	Written int64
	// Manager is the field manager of our own writes.
	Manager string
}

// Reading is what a Carrier says about a Target.
type Reading struct {
	// Found says that a route names the Service; Lowest and Highest are the shares that its routes give the canary, in millionths.
	Found           bool
	Lowest, Highest int64
	// Allowed says that it takes part in releases of the Target: see Target.MayWrite. Covers says that callers in the mesh find the Service by it.
	Allowed, Covers bool
	// Mark is the reader's mark; nil when there is none. Anybody may write one on an object of his own: where it is not Allowed it proves nothing.
	Mark *Mark
	// Unsupported is one sentence that says why it cannot be split, and what to do; empty when it can.
	Unsupported string
	// Edit is a change of the canary's share by somebody else; nil when there is none.
	Edit *Edit
}

// virtualService is Istio's, with its http, tls and tcp routes.
type virtualService struct{ *unstructured.Unstructured }

// Read implements Carrier.
func (vs virtualService) Read(t Target, as Reader) Reading {
	r := Reading{Allowed: t.MayWrite(vs.Unstructured), Mark: markOf(vs.Unstructured, as.Shift)}
	r.Lowest, r.Highest, r.Found = Share(vs.Unstructured, t)
	r.Covers = t.Arms == nil && Covers([]*unstructured.Unstructured{vs.Unstructured}, t)
	if !r.Found && r.Mark == nil {
		return r
	}
	r.Unsupported = Unsupported(vs.Unstructured, t)
	if as.Written >= 0 {
		if edit, edited := Foreign(vs.Unstructured, t, as.Written, as.Manager); edited {
			r.Edit = &edit
		}
	}
	return r
}

// Split implements Carrier.
func (vs virtualService) Split(t Target, who Population, m Mark, r Raise) (patch.Patch, error) {
	return Split(vs.Unstructured, t, who.Share, m, r)
}

// Restore implements Carrier.
func (vs virtualService) Restore(t Target, shift string) (patch.Patch, error) {
	return Restore(vs.Unstructured, t, shift)
}

// markOf is the mark of a shift; nil when there is none.
func markOf(o *unstructured.Unstructured, shift string) *Mark {
	for _, m := range Marks(o) {
		if m.Shift == shift {
			return &m
		}
	}
	return nil
}
