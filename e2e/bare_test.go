package e2e

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAServiceWithoutAnyRouteNeedsNothingButTheAnnotation(t *testing.T) {
	t.Parallel()
	s := tell(t, "")
	s.under("sidecar", "checkout."+s.ns)
	s.manage()
	s.push("1.1.0")
	s.step(1, 1)
	if out := kubectl(t, "-n", s.ns, "get", "virtualservices", "-o", "name"); out == "" {
		t.Error("there is no VirtualService while traffic is shifted")
	}
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.losesNothing()
}
