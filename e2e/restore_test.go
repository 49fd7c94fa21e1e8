package e2e

import (
	"fmt"
	"testing"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// foreign is a second VirtualService of the Service, with a destination of somebody else's and routes by header.
const foreign = `
apiVersion: v1
kind: Service
metadata: {name: legacy}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partners}
spec:
  hosts: [partners-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - match: [{headers: {x-partner: {exact: gold}}}]
    route: [{destination: {host: checkout}}]
  - route:
    - destination: {host: checkout.%[1]s.svc.cluster.local}
      weight: 60
      headers: {request: {add: {x-arm: shop}}}
    - destination: {host: legacy}
      weight: 40
`

// delegated is a VirtualService that hands a path on to another one.
const delegated = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [root-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - match: [{uri: {prefix: /}}]
    delegate: {name: leaf, namespace: %[1]s}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, labels: {tier: edge}}
spec:
  http:
  - route: [{destination: {host: checkout}, weight: 100}]
`

func TestEveryRouteIsRestoredExactlyWithTheUsersEditKept(t *testing.T) {
	t.Parallel()
	s := tell(t, fmt.Sprintf(route, "placeholder"))
	for _, objects := range []string{route, foreign, delegated} {
		apply(t, s.ns, fmt.Sprintf(objects, s.ns))
	}
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/siblings=legacy")
	s.gateway()
	s.push("1.1.0")
	s.step(1, 1)
	kubectl(t, "-n", s.ns, "patch", "virtualservice", "checkout", "--type=json", `-p=[{"op":"replace","path":"/spec/http/0/timeout","value":"7s"}]`)
	kubectl(t, "-n", s.ns, "label", "virtualservice", "leaf", "edited=yes")
	s.ended(1, v1alpha1.StatePromoted)
	expected := s.before
	edit(t, expected, "VirtualService/checkout", func(o map[string]any) {
		spec, ok := o["spec"].(map[string]any)
		if !ok {
			t.Fatal("no spec")
		}
		http, ok := spec["http"].([]any)
		if !ok {
			t.Fatal("no routes")
		}
		first, ok := http[0].(map[string]any)
		if !ok {
			t.Fatal("no route")
		}
		first["timeout"] = "7s"
	})
	edit(t, expected, "VirtualService/leaf", func(o map[string]any) { o["labels"] = map[string]string{"tier": "edge", "edited": "yes"} })
	s.restored()
	s.losesNothing()
}

func edit(t *testing.T, all bed.Snapshot, name string, change func(map[string]any)) {
	t.Helper()
	if all[name] == nil {
		t.Fatalf("%s is not there", name)
	}
	change(all[name])
}
