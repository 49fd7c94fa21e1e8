package routing

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/fieldmanager"
)

// Route is one route of a VirtualService in which the Service has a part, as it is written now.
type Route struct {
	Kind  string // "http", "tls" or "tcp"
	Index int    // in spec.<kind>
	Name  string // may be empty; only http routes have one
	Share int64  // the canary's part of the Service's traffic in millionths, rounded up; -1 when the canary is not named
	// Stable, Canary and Foreign are the sums of the relative weights of the user's Service, the canary and all others. A
	// single destination counts as 1: Istio ignores its weight.
	Stable, Canary, Foreign int64
}

// Routes returns every route with a weighted destination that resolves to the Service or its canary: those of http, of tls and
// of tcp, each in their order.
// Mirrors are not destinations; routes that redirect, answer themselves or delegate have none.
func Routes(vs *unstructured.Unstructured, t Target) []Route {
	var out []Route
	for _, r := range routesOf(vs, t) {
		out = append(out, r.public())
	}
	return out
}

func (r *route) public() Route {
	out := Route{Kind: r.kind, Index: r.index, Name: r.name, Share: r.share()}
	out.Stable, out.Canary, out.Foreign = r.sums()
	return out
}

// Share returns the lowest and the highest share of the Service's traffic, in millionths, that its routes give the canary
// now. A route that does not name the canary gives it 0. It finds nothing when no route names the Service.
func Share(vs *unstructured.Unstructured, t Target) (lowest, highest int64, found bool) {
	lowest = Whole
	for _, r := range routesOf(vs, t) {
		share := max(r.share(), 0)
		lowest, highest, found = min(lowest, share), max(highest, share), true
	}
	if !found {
		return 0, 0, false
	}
	return lowest, highest, true
}

// mostRoutes is how many routes one patch can write: the API server takes 10000 operations, which are two for each route, one
// for the version and six for the annotations.
const mostRoutes = (10_000 - 1 - 6) / 2

// Unsupported returns one sentence that says why the routes of this VirtualService cannot be split and what to do, or "".
// Asked before the first Split, it also finds a user who names the canary's host himself: that host without our mark.
func Unsupported(vs *unstructured.Unstructured, t Target) string {
	s := read(vs, t, "")
	if n := len(s.routes); n > mostRoutes {
		return fmt.Sprintf("VirtualService %s/%s has %d routes to %s, and one patch can write %d: give it fewer, or move some to delegates.",
			vs.GetNamespace(), vs.GetName(), n, t, mostRoutes)
	}
	if host := ringsNamed(vs, t); host != "" && s.annotations[v1alpha1.ReleaseAnnotation] == "" {
		return fmt.Sprintf("VirtualService %s/%s names %s itself, which is a host for rings: take it out, or give that Service another name.",
			vs.GetNamespace(), vs.GetName(), host)
	}
	for i := range s.routes {
		r := &s.routes[i]
		if t.Arms == nil && r.split && s.annotations[v1alpha1.ReleaseAnnotation] == "" {
			return fmt.Sprintf("%s names %s itself, which is the host of the canary: take it out, or give that Service another name.", r.where, t.canary())
		}
		if _, _, err := r.divide(t, 0, true); r.concerned && err != nil {
			return fmt.Sprintf("%s: %v.", r.where, err)
		}
	}
	return ""
}

// EditKind says what somebody else did to the canary's part of a route.
type EditKind string

// What a foreign edit did. Raised is put back at once; Lowered and Removed are obeyed until there is fresh evidence.
const (
	Raised  EditKind = "Raised"
	Lowered EditKind = "Lowered"
	Removed EditKind = "Removed"
)

// Edit is a change of the canary's share that was not ours.
type Edit struct {
	Kind    EditKind
	Route   Route
	Manager string    // the field manager that wrote the routes of this kind last, "" when the API server does not tell
	Time    time.Time // of that write, to the second
}

// Foreign reports whether somebody else changed the share of the canary since want millionths were written to this
// VirtualService, in which route, and which field manager it was; manager is our own. A route that raises is named before
// one that removes, and that before one that lowers. A route added since the last Split is not an edit.
func Foreign(vs *unstructured.Unstructured, t Target, want int64, manager string) (Edit, bool) {
	var edit Edit
	s := read(vs, t, "")
	rank := map[EditKind]int{Lowered: 1, Removed: 2, Raised: 3}
	for i := range s.routes {
		r := &s.routes[i]
		kind := r.edited(want, len(s.note) == 0)
		if rank[kind] > rank[edit.Kind] {
			edit.Kind, edit.Route = kind, r.public()
		}
	}
	if edit.Kind == "" {
		return Edit{}, false
	}
	if last := fieldmanager.LastWriter(vs.GetManagedFields(), manager, "spec", edit.Route.Kind); last != nil { // the routes of a kind are one field
		edit.Manager, edit.Time = last.Manager, fieldmanager.Written(last)
	}
	return edit, true
}

// edited compares the route with the wanted share. Where the annotation is gone too, a route without the canary lost it;
// where it is there, only routes that it knows did.
func (r *route) edited(want int64, forgotten bool) EditKind {
	share := r.share()
	switch {
	case !r.concerned:
		return "" // both arms were taken out: the route is not the Service's any more
	case share < 0 && (r.memo != nil || forgotten):
		return Removed
	case share < 0 || share == want:
		return ""
	case share > want:
		return Raised
	}
	return Lowered
}
