package routing

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Doubts returns one sentence for each thing in these VirtualServices, all of the mesh, that may keep a part of the Service's callers
// from the weights that are written, sorted; none when nothing is seen.
func Doubts(vss []*unstructured.Unstructured, t Target) []string {
	var all []string
	var ofHost []*unstructured.Unstructured
	for _, vs := range vss {
		name := vs.GetNamespace() + "/" + vs.GetName()
		routed := len(Routes(vs, t)) > 0
		switch {
		case !routed:
		case !Allows(vs, t.Namespace):
			all = append(all, fmt.Sprintf("VirtualService %s routes to %s as well and is left alone: annotate it with %s: %s, or its callers stay on the stable",
				name, t, v1alpha1.AllowAnnotation, t.Namespace))
		case !t.MayWrite(vs):
			all = append(all, fmt.Sprintf("VirtualService %s routes to %s as well and is left alone: in another namespace weights are moved between Services of %s alone",
				name, t, t.Namespace))
		}
		if exported, limited := exports(vs); routed && limited && t.MayWrite(vs) {
			all = append(all, fmt.Sprintf("VirtualService %s is exported to %s only: callers of other namespaces do not see it", name, exported))
		}
		if ofMesh(vs) && t.hosted(vs) && seenIn(vs, t.Namespace) {
			ofHost = append(ofHost, vs)
		}
	}
	if len(ofHost) > 1 {
		slices.SortFunc(ofHost, older)
		names := make([]string, len(ofHost))
		for i, vs := range ofHost {
			names[i] = vs.GetNamespace() + "/" + vs.GetName()
		}
		all = append(all, fmt.Sprintf("the VirtualServices %s are all of the mesh for %s, of which proxies use one, the oldest as a rule: merge them",
			strings.Join(names, ", "), t.Host()))
	}
	slices.Sort(all)
	return all
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
