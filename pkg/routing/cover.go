package routing

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	networkingVersion = "networking.istio.io/v1"
	meshGateway       = "mesh"
)

// Covers reports whether a VirtualService of the mesh (bound to no gateway, or to "mesh" among others) has the Service's
// host among its hosts, by itself or by a wildcard; routes that it delegates are covered with it. It decides whether one
// has to be made (see Make): two of the mesh for one host would fight, so one that is exported to a few namespaces only, or
// has no route to the Service, counts too.
func Covers(vss []*unstructured.Unstructured, t Target) bool {
	for _, vs := range vss {
		if !ofMesh(vs) {
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

func ofMesh(vs *unstructured.Unstructured) bool {
	gateways, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways") // malformed: none
	for _, gateway := range gateways {
		if gateway == meshGateway {
			return true
		}
	}
	return len(gateways) == 0
}

func wildcard(pattern, host string) bool {
	suffix, ok := strings.CutPrefix(pattern, "*")
	return ok && strings.HasSuffix(host, suffix)
}

// Port is one port of a Service.
type Port struct {
	Number int64
	// Protocol is what the port's appProtocol says, else what its name begins with; what Istio does not know it finds out by itself.
	Protocol string
}

// tcp reports whether Istio routes the port's connections and not its requests.
func (p Port) tcp() bool {
	return slices.Contains([]string{"tcp", "mongo", "mysql", "redis"}, strings.ToLower(p.Protocol))
}

// Unmakeable returns one sentence that says why Make cannot cover all of a Service's ports, and what to do, or "".
func Unmakeable(ports []Port, t Target) string {
	for _, p := range ports {
		if protocol := strings.ToLower(p.Protocol); protocol == "https" || protocol == "tls" {
			return fmt.Sprintf("port %d of Service %s is %s, which is routed by the names that its callers ask for: give the Service a VirtualService with a tls route of its own",
				p.Number, t.Service, protocol)
		}
	}
	return ""
}

// Make returns a VirtualService of Stagger's for a Service that none of the mesh covers: everything goes to the Service.
// It is split like any other and deleted at the end of the release.
func Make(t Target, name string, labels map[string]string, ports []Port) *unstructured.Unstructured {
	all := []any{map[string]any{"destination": map[string]any{"host": t.Host()}}}
	spec := map[string]any{
		"hosts":  []any{t.Host()},
		kindHTTP: []any{map[string]any{"route": all}},
	}
	var connections []any
	for _, p := range ports {
		if p.tcp() {
			connections = append(connections, map[string]any{"match": []any{map[string]any{"port": p.Number}}, "route": []any{map[string]any{
				"destination": map[string]any{"host": t.Host(), "port": map[string]any{"number": p.Number}}}}})
		}
	}
	if len(connections) > 0 {
		spec[kindTCP] = connections
	}
	if len(connections) > 0 && len(connections) == len(ports) {
		delete(spec, kindHTTP)
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

// ownsRoutes reads whether a set of fields, as the API server keeps it, has the routes of a kind: {"f:spec":{"f:http":{}}}.
func ownsRoutes(fields []byte, kind string) bool {
	var set struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if err := json.Unmarshal(fields, &set); err != nil {
		return false
	}
	_, owns := set.Spec["f:"+kind]
	return owns
}
