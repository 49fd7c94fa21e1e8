package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// front is the VirtualService of a platform team's namespace; it hands the Service's part to a delegate in a namespace of its own, whose
// owner lets releases of the Service's namespace move weights in it, as the Service's owner wants.
const (
	front = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: [%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http: [{delegate: {name: checkout-routes, namespace: %[2]s}}]
`
	distant = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout-routes}
spec:
  http:
  - timeout: 3s
    route:
    - {destination: {host: checkout.%[1]s.svc.cluster.local, port: {number: 80}}, weight: 100}
`
)

// A Service's routes may be two namespaces away: their weights move when their owner and the Service's allow it, and not before.
func TestRoutesTwoNamespacesAwayAreMovedWhenBothSidesAllowIt(t *testing.T) {
	t.Parallel()
	s := tell(t, "")
	roots, routes := newNamespace(t), newNamespace(t)
	apply(t, routes, fmt.Sprintf(distant, s.ns))
	apply(t, roots, fmt.Sprintf(front, s.ns, routes))
	s.under("gateway", s.ns+".example.com")
	s.manage("namespaces=[" + s.ns + ", " + roots + ", " + routes + "]")
	spec := func() string {
		return kubectl(t, "-n", routes, "get", "virtualservice", "checkout-routes", "-o", "jsonpath={.spec}")
	}
	before := spec()
	s.push("1.1.0")
	left := func(lacks string) {
		t.Helper()
		s.until("it is said who keeps the callers, and what to do", func(x *v1alpha1.TrafficShift) bool {
			said := "VirtualService " + routes + "/checkout-routes routes to checkout as well and is left alone, so its callers stay on the stable: annotate "
			return strings.Contains(describe(x), said+lacks)
		})
		if now := spec(); now != before {
			t.Errorf("routes were written that nobody allowed: %s", now)
		}
	}
	left("it with stagger.dev/allow: " + s.ns + " and Service checkout with stagger.dev/allow: " + routes)
	kubectl(t, "-n", routes, "annotate", "virtualservice", "checkout-routes", "stagger.dev/allow="+s.ns)
	left("Service checkout with stagger.dev/allow: " + routes)
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/allow="+routes)
	s.ended(1, v1alpha1.StatePromoted)
	waitFor(t, "the routes are as they were", func() (bool, string) {
		now := spec()
		return now == before, now
	})
	s.losesNothing()
}
