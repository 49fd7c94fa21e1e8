package view_test

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/view"
)

func TestTheQueryNamesWhatTheMeshReports(t *testing.T) {
	between := func(stable, canary v1alpha1.Destination) *v1alpha1.TrafficShift {
		return with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Spec.Service.Name, s.Spec.Destinations = "", &v1alpha1.Destinations{Stable: stable, Canary: canary}
		})
	}
	cases := map[string]struct {
		shift *v1alpha1.TrafficShift
		want  string
	}{
		"a Service": {shifting(), `destination_service_namespace="shop", destination_service_name=~"checkout|checkout-canary"`},
		"a Service of a long name": {with(shifting(), func(s *v1alpha1.TrafficShift) { s.Spec.Service.Name = strings.Repeat("a", 60) }),
			`destination_service_name=~"` + routing.CanaryName(strings.Repeat("a", 60)) + "|"},
		"two subsets": {between(v1alpha1.Destination{Host: "orders", Subset: "v1"}, v1alpha1.Destination{Host: "orders", Subset: "v2"}),
			`sum by (destination_canonical_revision, destination_service_name, response_code, response_flags) (increase(istio_requests_total{reporter="source", ` +
				`destination_service_namespace="shop", destination_service_name="orders"}`},
		"two namespaces": {between(v1alpha1.Destination{Host: "orders"}, v1alpha1.Destination{Host: "orders.next.svc.cluster.local"}),
			`destination_service_namespace=~"next|shop", destination_service_name="orders"`},
		"the host of a ServiceEntry": {between(v1alpha1.Destination{Host: "vm.example.com"}, v1alpha1.Destination{Host: "orders"}),
			`destination_service_namespace="shop", destination_service_name=~"orders|vm\\.example\\.com"`},
	}
	for name, c := range cases {
		if got := view.WhyOf(c.shift, now).Query; !strings.Contains(got, c.want) {
			t.Errorf("%s: query = %s, want %s in it", name, got, c.want)
		}
	}
}
