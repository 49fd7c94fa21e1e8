package routing

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The units of a single destination, whose weight Istio ignores.
const (
	unitAbsent = -1 // no weight was written
	unitZero   = -2 // weight 0 was written
)

// memo is what the live object cannot tell of one route: first the unit (the greatest common divisor of the user's weights,
// unitAbsent or unitZero), then the weights of the stable arms in units.
type memo []int64

func (m memo) unit() int64 {
	if len(m) == 0 {
		return 0
	}
	return m[0]
}

// note holds the memos of a VirtualService by shift and key of the route; routes of one key follow each other in order.
type note map[string]map[string][]memo

// readNote returns an empty note where the annotation is missing or was made unreadable: then the weights of a route are
// derived from their proportion alone.
func readNote(annotations map[string]string) note {
	var n note
	if err := json.Unmarshal([]byte(annotations[v1alpha1.RoutesAnnotation]), &n); err != nil || n == nil {
		return note{}
	}
	for _, routes := range n {
		for key, memos := range routes {
			routes[key] = slices.DeleteFunc(memos, func(m memo) bool { return !m.valid() })
		}
	}
	return n
}

// valid reports whether Split may have written the memo.
func (m memo) valid() bool {
	unit := m.unit()
	if unit == 0 || unit < unitZero || unit > math.MaxInt32 {
		return false
	}
	for _, arm := range m[1:] {
		if arm < 0 || arm > math.MaxInt32/Whole {
			return false
		}
	}
	return true
}

func (n note) into(annotations map[string]string) error {
	for shift, routes := range n {
		if len(routes) == 0 {
			delete(n, shift)
		}
	}
	if len(n) == 0 {
		delete(annotations, v1alpha1.RoutesAnnotation)
		return nil
	}
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding annotation %s: %w", v1alpha1.RoutesAnnotation, err)
	}
	annotations[v1alpha1.RoutesAnnotation] = string(text)
	return nil
}

// recall gives each route its memo and the other shift that holds it, if one does. The shift "" stands for any.
func (n note) recall(routes []route, shift string) {
	taken := map[string]bool{}
	for other, memos := range n {
		for i := range routes {
			if _, found := memos[routes[i].key()]; found && other != shift && shift != "" {
				routes[i].other = other
				taken[routes[i].key()] = true
			}
		}
	}
	for name, memos := range n {
		if name == shift || shift == "" {
			assign(routes, memos, taken)
		}
	}
}

// assign matches memos with routes by key, first those in which the Service has a part. Where a route's name or match was
// edited, a single memo left over is the one of the split route left over; a route that was doubled shares the memo of its key.
func assign(routes []route, memos map[string][]memo, taken map[string]bool) {
	used := map[string]int{}
	for _, concerned := range []bool{true, false} {
		for i := range routes {
			key := routes[i].key()
			if rest := memos[key]; routes[i].concerned == concerned && used[key] < len(rest) && routes[i].memo == nil {
				routes[i].memo = rest[used[key]]
				used[key]++
			}
		}
	}
	var left []memo
	for key, all := range memos {
		left = append(left, all[used[key]:]...)
	}
	for i := range routes {
		r := &routes[i]
		switch rest := memos[r.key()]; {
		case r.memo != nil || !r.split || taken[r.key()]:
		case len(rest) > 0:
			r.memo = rest[len(rest)-1]
		case len(left) == 1: // of several none is guessed
			r.memo = left[0]
		}
	}
}

// state is a VirtualService as one shift sees it.
type state struct {
	vs          *unstructured.Unstructured
	target      Target
	annotations map[string]string // as read
	note        note
	routes      []route
}

func read(vs *unstructured.Unstructured, t Target, shift string) state {
	s := state{vs: vs, target: t, annotations: vs.GetAnnotations(), routes: allRoutes(vs, t)}
	s.note = readNote(s.annotations)
	if len(s.note) > 0 {
		s.note.recall(s.routes, shift)
	}
	// A route from which the user took both arms is still in our scale.
	s.routes = slices.DeleteFunc(s.routes, func(r route) bool { return !r.concerned && r.memo == nil })
	return s
}
