package routing

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Doubts returns one sentence for each thing in these VirtualServices, all of the mesh, that may keep a part of the Service's callers
// from the weights that are written, sorted; none when nothing is seen.
func Doubts(vss []*unstructured.Unstructured, t Target) []string {
	var all []string
	var ofHost []*unstructured.Unstructured
	for _, vs := range vss {
		routed, left := len(Routes(vs, t)) > 0, t.LeftAlone(vs)
		if routed && left != "" {
			all = append(all, left)
		}
		if exported, limited := exports(vs); routed && limited && left == "" {
			all = append(all, fmt.Sprintf("VirtualService %s is exported to %s only: callers of other namespaces do not see it", named(vs), exported))
		}
		if ofMesh(vs) && t.hosted(vs) && seenIn(vs, t.Namespace) {
			ofHost = append(ofHost, vs)
		}
	}
	if len(ofHost) > 1 {
		slices.SortFunc(ofHost, older)
		names := make([]string, len(ofHost))
		for i, vs := range ofHost {
			names[i] = named(vs)
		}
		all = append(all, fmt.Sprintf("the VirtualServices %s are all of the mesh for %s, of which proxies use one, the oldest as a rule: merge them",
			strings.Join(names, ", "), t.Host()))
	}
	slices.Sort(all)
	return all
}

// Unrouted says what to do where the Target's host is covered, and none of these VirtualServices, sorted, that takes part in its releases has a route
// to it.
func Unrouted(vss []*unstructured.Unstructured, t Target) string {
	said := fmt.Sprintf("a VirtualService covers the host %s, and none with a route to Service %s takes part in its releases: "+
		"give the Service one of its own in namespace %s", t.Host(), t.Service, t.Namespace)
	for _, vs := range vss {
		if lacks := t.Lacks(vs); lacks != "" && len(Routes(vs, t)) > 0 {
			return fmt.Sprintf("%s, or let VirtualService %s take part: %s", said, named(vs), lacks)
		}
	}
	return said
}

// hosted reports whether the Service's host is among those of the VirtualService by name.
func (t Target) hosted(vs *unstructured.Unstructured) bool {
	hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts") // malformed: no host
	return slices.ContainsFunc(hosts, func(h string) bool { return t.isStable(h, vs.GetNamespace()) })
}

// exports returns where a VirtualService is seen, and whether that is not everywhere.
func exports(vs *unstructured.Unstructured) (string, bool) {
	to, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "exportTo") // malformed: everywhere
	return strings.Join(to, ", "), len(to) > 0 && !slices.Contains(to, "*")
}
