package routing

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	networkingVersion = "networking.istio.io/v1"
	meshGateway       = "mesh"
)

// Covers reports whether a VirtualService of the mesh (bound to no gateway, or to "mesh" among others) has the Service's
// host among its hosts, by itself or by a wildcard; routes that it delegates are covered with it. It decides whether one
// has to be made (see Make): two of the mesh for one host would fight, so one that has no route to the Service counts too. One of
// another namespace that is not exported to the Service's steers none of its callers there, and does not count.
func Covers(vss []*unstructured.Unstructured, t Target) bool {
	for _, vs := range vss {
		if !ofMesh(vs) || !seenIn(vs, t.Namespace) {
			continue
		}
		hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts") // malformed: no host
		for _, host := range hosts {
			if t.isStable(host, vs.GetNamespace()) || wildcard(host, t.Host()) {
				return true
			}
		}
	}
	return false
}

// exportsOf returns the namespaces in which a VirtualService is seen, sorted; everywhere without any.
func exportsOf(vs *unstructured.Unstructured) (namespaces []string, everywhere bool) {
	to, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "exportTo") // malformed: everywhere
	if len(to) == 0 || slices.Contains(to, "*") {
		return nil, true
	}
	for _, name := range to {
		switch name {
		case ".":
			namespaces = append(namespaces, vs.GetNamespace())
		case "~": // nowhere
		default:
			namespaces = append(namespaces, name)
		}
	}
	return distinct(namespaces), false
}

// seenIn reports whether callers in a namespace go by a VirtualService. Its own namespace always counts: its owner is asked.
func seenIn(vs *unstructured.Unstructured, namespace string) bool {
	namespaces, everywhere := exportsOf(vs)
	return everywhere || vs.GetNamespace() == namespace || slices.Contains(namespaces, namespace)
}

func ofMesh(vs *unstructured.Unstructured) bool {
	_, mesh := GatewaysOf(vs)
	return mesh
}

// GatewaysOf returns the Gateways that a VirtualService is bound to, sorted, and whether the callers of the mesh go by it too: those of a
// VirtualService without any Gateway do.
func GatewaysOf(vs *unstructured.Unstructured) (gateways []types.NamespacedName, mesh bool) {
	names, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways") // malformed: none
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == meshGateway {
			mesh = true
			continue
		}
		namespace, short, qualified := strings.Cut(name, "/")
		if !qualified {
			namespace, short = vs.GetNamespace(), name
		}
		gateways = append(gateways, types.NamespacedName{Namespace: namespace, Name: short})
	}
	return gateways, mesh || len(names) == 0
}

func wildcard(pattern, host string) bool {
	suffix, ok := strings.CutPrefix(pattern, "*")
	return ok && strings.HasSuffix(host, suffix)
}

// Make returns a VirtualService of Stagger's for a Service with these ports that none of the mesh covers: everything goes to
// the Service, by a tcp route for each port of plain TCP and by an http route for all others. Without ports there is the http
// route alone. It is split like any other and deleted at the end of the release. Ask Unmakeable first.
func Make(t Target, name string, labels map[string]string, ports []corev1.ServicePort) *unstructured.Unstructured {
	to := func(destination map[string]any) []any {
		destination["host"] = t.Host()
		return []any{map[string]any{"destination": destination}}
	}
	spec := map[string]any{"hosts": []any{t.Host()}}
	var tcp []any
	http := false
	for _, p := range ports {
		switch number := int64(p.Port); trafficOf(p) {
		case connections:
			tcp = append(tcp, map[string]any{
				"match": []any{map[string]any{"port": number}},
				"route": to(map[string]any{"port": map[string]any{"number": number}}),
			})
		case requests:
			http = true
		}
	}
	if http || len(tcp) == 0 {
		spec[kindHTTP] = []any{map[string]any{"route": to(map[string]any{})}}
	}
	if len(tcp) > 0 {
		spec[kindTCP] = tcp
	}
	return object("VirtualService", t.Namespace, name, labels, spec)
}

func object(kind, namespace, name string, labels map[string]string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": networkingVersion, "kind": kind, "spec": spec}}
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(labels)
	return o
}
