package routing

import (
	"encoding/json"
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

// Make returns a VirtualService of Stagger's for a Service that none of the mesh covers: everything goes to the Service.
// It is split like any other and deleted at the end of the release.
func Make(t Target, name string, labels map[string]string) *unstructured.Unstructured {
	return object("VirtualService", t.Namespace, name, labels, map[string]any{
		"hosts": []any{t.Host()},
		"http": []any{map[string]any{
			"route": []any{map[string]any{"destination": map[string]any{"host": t.Host()}}},
		}},
	})
}

func object(kind, namespace, name string, labels map[string]string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": networkingVersion, "kind": kind, "spec": spec}}
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(labels)
	return o
}

// ownsRoutes reads a set of fields as the API server keeps it: {"f:spec":{"f:http":{}}}.
func ownsRoutes(fields []byte) bool {
	var set struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if err := json.Unmarshal(fields, &set); err != nil {
		return false
	}
	_, owns := set.Spec["f:"+kindHTTP]
	return owns
}
