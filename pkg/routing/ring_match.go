package routing

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// mostAlternatives is how many alternatives a ring's copy may have: the product of the route's and the ring's.
	mostAlternatives = 64
	// claimPrefix begins the headers that stand for the claims of a token.
	claimPrefix = "@request.auth.claims"
)

// surroundings are what of a VirtualService decides whether Istio looks at a condition.
type surroundings struct {
	mesh     bool // bound to no gateway, or to "mesh" among others
	delegate bool // without hosts: it is matched beside what its roots match, gateways among it
}

func surroundingsOf(vs *unstructured.Unstructured) surroundings {
	hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts") // malformed: no host
	return surroundings{mesh: ofMesh(vs), delegate: len(hosts) == 0}
}

// narrowed returns the alternatives that match a ring's requests among those of a route, and why others that there might be are left out.
// Nothing is left where there are none: then the ring has no copy of the route.
func (r *route) narrowed(ring Ring, in surroundings) (alternatives []any, left []string, err error) {
	users := []any{map[string]any{}}
	switch match := r.raw["match"].(type) {
	case nil:
	case []any:
		if len(match) > 0 {
			users = match
		}
	default:
		return nil, []string{"its match is no list"}, nil
	}
	for _, item := range users {
		user, ok := item.(map[string]any)
		if !ok {
			left = append(left, "an alternative of its match is no object")
			continue
		}
		for _, m := range ring.Match {
			if reason := m.ignored(user, in); reason != "" {
				left = append(left, reason)
				continue
			}
			both, err := m.and(user)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: ring %s: %w", r.where, ring.Name, err)
			}
			alternatives = append(alternatives, both)
		}
	}
	if n := len(alternatives); n > mostAlternatives {
		return nil, nil, fmt.Errorf("%s: ring %s would have %d alternatives there, and %d is the most: match less in one of the two: %w",
			r.where, ring.Name, n, mostAlternatives, ErrRing)
	}
	slices.Sort(left)
	return alternatives, slices.Compact(left), nil
}

// ignored returns why the ring's match beside an alternative of the user's would not be what it says; "" when it would.
func (m Match) ignored(user map[string]any, in surroundings) string {
	switch {
	case in.mesh && m.byClaim():
		return "claims of tokens are known at gateways only, and the VirtualService is one of the mesh"
	case m.bySource() && user["gateways"] != nil && !reflect.DeepEqual(user["gateways"], []any{}):
		return "Istio does not look at who calls where a match has gateways"
	case m.bySource() && in.delegate:
		return "Istio does not look at who calls where the match of a delegating VirtualService has gateways, and this one is a delegate"
	}
	for _, field := range []string{"headers", "sourceLabels"} {
		if _, ok := user[field].(map[string]any); !ok && user[field] != nil {
			return fmt.Sprintf("the %s of its match are no object", field)
		}
	}
	return m.nobody(user)
}

// nobody returns why no caller is one of the ring's and one of the user's alternative; "" when there may be some.
func (m Match) nobody(user map[string]any) string {
	if theirs := user["sourceNamespace"]; m.SourceNamespace != "" && theirs != nil && theirs != "" && theirs != m.SourceNamespace {
		return fmt.Sprintf("no caller is in the namespaces %v and %s", theirs, m.SourceNamespace)
	}
	labels, _ := user["sourceLabels"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m.SourceLabels)) {
		if value, found := labels[key]; found && value != m.SourceLabels[key] {
			return fmt.Sprintf("no caller has the values %v and %s for the label %s", value, m.SourceLabels[key], key)
		}
	}
	return ""
}

func (m Match) byClaim() bool {
	for name := range m.Headers {
		if isClaim(name) {
			return true
		}
	}
	return false
}

func isClaim(header string) bool { return strings.HasPrefix(strings.ToLower(header), claimPrefix) }

// and returns an alternative of the user's with the ring's conditions beside its own. Istio has one condition for each header.
func (m Match) and(user map[string]any) (map[string]any, error) {
	out := maps.Clone(user)
	if len(m.Headers) > 0 {
		headers, _ := user["headers"].(map[string]any)
		headers = maps.Clone(headers)
		if headers == nil {
			headers = map[string]any{}
		}
		for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
			have, found := headerOf(headers, name)
			want := m.Headers[name]
			switch {
			case !found:
				headers[name] = want.raw()
			case !reflect.DeepEqual(have, any(want.raw())):
				return nil, fmt.Errorf("header %s has to be %s, and the route has a condition of its own for it, %s: Istio takes one for each header: %w",
					name, want, condition(have), ErrRing)
			}
		}
		out["headers"] = headers
	}
	if m.SourceNamespace != "" {
		out["sourceNamespace"] = m.SourceNamespace
	}
	if len(m.SourceLabels) > 0 {
		labels, _ := user["sourceLabels"].(map[string]any)
		labels = maps.Clone(labels)
		if labels == nil {
			labels = map[string]any{}
		}
		for key, value := range m.SourceLabels {
			labels[key] = value
		}
		out["sourceLabels"] = labels
	}
	return out, nil
}

// headerOf returns the condition for a header. Names of headers are the same in either case, those of claims are not.
func headerOf(headers map[string]any, name string) (any, bool) {
	if value, found := headers[name]; found || isClaim(name) {
		return value, found
	}
	for _, other := range slices.Sorted(maps.Keys(headers)) {
		if strings.EqualFold(other, name) {
			return headers[other], true
		}
	}
	return nil, false
}

// condition is one of the user's as people write it.
func condition(raw any) string {
	m, _ := raw.(map[string]any)
	for _, kind := range []string{"exact", "prefix", "regex"} {
		if value, ok := m[kind].(string); ok && len(m) == 1 {
			return fmt.Sprintf("%s %q", kind, value)
		}
	}
	return fmt.Sprint(raw)
}
