package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAnAnnotationOfNoPolicyIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, `
apiVersion: v1
kind: Service
metadata: {name: checkout, annotations: {stagger.dev/policy: standart}}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80}]}
`)
	startOperator(t, ns)
	waitFor(t, "an event on the Service names the policy", func() (bool, string) {
		out := kubectl(t, "-n", ns, "get", "events", "--field-selector=involvedObject.kind=Service,involvedObject.name=checkout", "-o", "jsonpath={.items[*].message}")
		return strings.Contains(out, `did you mean "standard"?`), out
	})
}

// With a typing error in the annotation no version reaches anyone: the template waits until the annotation names a policy.
func TestATypingErrorInTheAnnotationReleasesNothing(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.under("gateway", s.ns+".example.com")
	s.before = s.snapshot()
	s.op = startOperator(t, s.ns)
	s.began = time.Now()
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy="+s.ns+"x")
	s.until("it is said that there is no such policy", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), string(v1alpha1.ReasonPolicyNotFound))
	})
	guarded(t, s.ns)
	s.push("1.1.0")
	pushed := time.Now()
	s.meets("1.0.0", 5*perSecond, pushed)
	if got := s.deployment(); got != "shop:1.1.0 paused=true" {
		t.Errorf("the Deployment is %s", got)
	}
	s.neverAgain("1.1.0", pushed)
	kubectl(t, "-n", s.ns, "annotate", "--overwrite", "service", "checkout", "stagger.dev/policy="+s.ns)
	s.ended(1, v1alpha1.StatePromoted)
	s.losesNothing()
}
