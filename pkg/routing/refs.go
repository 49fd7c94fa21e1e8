package routing

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Refs are the names by which an object that carries routes, and the releases it concerns, find each other. Every kind of such an
// object needs one function that makes them.
type Refs struct {
	// Hosts, as Canonical writes them, are those that the object has in the mesh and those that its routes send requests to.
	Hosts []string
	// Wildcards are those of its hosts in the mesh that begin with "*". Only are the namespaces whose callers go by them; none: all.
	Wildcards, Only []string
	// Shifts are the TrafficShifts, "<namespace>/<name>", whose releases hold the object. A VirtualService is held by those that its owner allows
	// to write it.
	Shifts []string
}

// RefsOf returns the names by which a VirtualService is found. Hosts at a gateway alone, and those that are not exported to the namespace of the
// Service, cover no Service (see Covers), so they are none.
func RefsOf(vs *unstructured.Unstructured, domain string) Refs {
	var r Refs
	if ofMesh(vs) {
		hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts") // malformed: no host
		for _, host := range hosts {
			if strings.HasPrefix(host, "*") {
				r.Wildcards = append(r.Wildcards, host)
				continue
			}
			if host = Canonical(host, vs.GetNamespace(), domain); seenIn(vs, namespaceOf(host)) {
				r.Hosts = append(r.Hosts, host)
			}
		}
	}
	for _, kind := range kinds() {
		for _, route := range list(vs, kind) {
			for _, host := range destinationsOf(route) {
				r.Hosts = append(r.Hosts, Canonical(host, vs.GetNamespace(), domain))
			}
		}
	}
	for _, m := range Marks(vs) {
		if namespace, _, _ := strings.Cut(m.Shift, "/"); Allows(vs, namespace) {
			r.Shifts = append(r.Shifts, m.Shift)
		}
	}
	r.Hosts, r.Wildcards = distinct(r.Hosts), distinct(r.Wildcards)
	if only, everywhere := exportsOf(vs); !everywhere && len(r.Wildcards) > 0 {
		r.Only = distinct(append(only, vs.GetNamespace()))
	}
	return r
}

// namespaceOf returns the namespace of a Service's host, as Canonical writes it.
func namespaceOf(host string) string {
	_, namespace, _ := strings.Cut(host, ".")
	return namespace
}

// destinationsOf returns the hosts that a route sends requests to. What is malformed sends none.
func destinationsOf(route any) []string {
	raw, _ := route.(map[string]any)
	items, _ := raw["route"].([]any)
	var out []string
	for _, item := range items {
		entry, _ := item.(map[string]any)
		destination, _ := entry["destination"].(map[string]any)
		if host, _ := destination["host"].(string); host != "" {
			out = append(out, host)
		}
	}
	return out
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// RuleRefs returns the names by which a DestinationRule is found. One with a wildcard for a part of a Service's name, such as
// "*-web.shop.svc.cluster.local", is found by the wildcard of all Services beside it. Any other wildcard covers a Service and its canary
// alike and concerns nobody.
func RuleRefs(rule *unstructured.Unstructured, domain string) Refs {
	var r Refs
	for _, m := range Marks(rule) {
		r.Shifts = append(r.Shifts, m.Shift)
	}
	host, _, _ := unstructured.NestedString(rule.Object, "spec", "host") // malformed: no host
	first, rest, dotted := strings.Cut(host, ".")
	switch {
	case host == "":
	case !strings.HasPrefix(host, "*"):
		r.Hosts = []string{Canonical(host, rule.GetNamespace(), domain)}
	case first != "*" && dotted:
		r.Wildcards = []string{"*." + rest}
	}
	return r
}

// Canonical returns a host, written in an object of the namespace, in the one form in which the many ways to write a Service's host
// can be compared: "name.namespace". The host of no Service stays as it is.
func Canonical(host, namespace, domain string) string {
	return Target{Domain: domain}.canonical(host, namespace)
}

// Wildcards returns every wildcard that covers the host: "*", and "*" before each part of the name that begins with a dot or a hyphen.
func Wildcards(host string) []string {
	out := []string{"*"}
	for i, c := range host {
		if c == '.' || c == '-' {
			out = append(out, "*"+host[i:])
		}
	}
	return out
}
