package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// ofCallers is a DestinationRule of the gateway's team for its own requests to a Service: how many may wait.
const ofCallers = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: %[1]s-checkout}
spec:
  host: checkout.%[1]s.svc.cluster.local
  exportTo: ["."]
  trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 137}}}
`

// owned is an admission policy by which whatever is made in one namespace needs the label owner.
const owned = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: owned-%[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: ["*"], operations: [CREATE], resources: [services]}
    - {apiGroups: [apps], apiVersions: ["*"], operations: [CREATE], resources: [replicasets]}
    - {apiGroups: [networking.istio.io, stagger.dev], apiVersions: ["*"], operations: [CREATE], resources: [virtualservices, destinationrules, trafficshifts]}
  validations: [{expression: "has(object.metadata.labels) && 'owner' in object.metadata.labels", message: nobody owns it}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: owned-%[1]s}
spec:
  policyName: owned-%[1]s
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
`

// pending says how many requests may wait at the gateway for a Service, by the gateway's own word; empty while it does not know the Service.
func (s *story) pending(service string) string {
	s.t.Helper()
	host, _, err := net.SplitHostPort(os.Getenv("GATEWAY"))
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, "15000")+"/clusters", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		cluster, limit, found := strings.Cut(strings.TrimSpace(line), "::default_priority::max_pending_requests::")
		if found && cluster == fmt.Sprintf("outbound|80||%s.%s.svc.cluster.local", service, s.ns) {
			return limit
		}
	}
	return ""
}

// Where callers go by a rule of their own, the canary is met by it too, or nothing is released. What is made for it has the labels that an
// admission policy asks for.
func TestTheCanaryIsMetByTheRulesOfItsCallers(t *testing.T) {
	t.Parallel()
	if os.Getenv("GATEWAY") == "" {
		t.Skip("GATEWAY is not set; the gateway can be asked on the local mesh alone")
	}
	const callers = "istio-ingress"
	s := tell(t)
	rule := s.ns + "-checkout"
	apply(t, callers, fmt.Sprintf(ofCallers, s.ns))
	apply(t, s.ns, fmt.Sprintf(owned, s.ns))
	t.Cleanup(func() {
		_, err := try(context.WithoutCancel(t.Context()), "", "delete", "-n", callers, "--ignore-not-found",
			"destinationrule/"+rule, "validatingadmissionpolicybinding/owned-"+s.ns, "validatingadmissionpolicy/owned-"+s.ns)
		if err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the API server asks for an owner", func() (bool, string) {
		_, err := try(t.Context(), "", "-n", s.ns, "create", "service", "clusterip", "nobodys", "--tcp=80", "--dry-run=server")
		return err != nil && strings.Contains(err.Error(), "nobody owns it"), fmt.Sprint(err)
	})
	kubectl(t, "-n", s.ns, "label", "service", "checkout", "owner=pay", "app.kubernetes.io/instance=shop")
	kubectl(t, "-n", callers, "annotate", "destinationrule", rule, "stagger.dev/allow="+s.ns)
	s.gateway("namespaces=[" + s.ns + ", " + callers + "]")

	kubectl(t, "-n", callers, "annotate", "destinationrule", rule, "stagger.dev/allow-")
	s.push("1.1.0")
	s.until("the rule is named", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), "DestinationRule "+callers+"/"+rule+" applies to callers")
	})
	if made := kubectl(t, "-n", s.ns, "get", "services", "-o", "name"); strings.Contains(made, "checkout-canary") {
		t.Errorf("something was made before it was allowed: %s", made)
	}
	kubectl(t, "-n", callers, "annotate", "destinationrule", rule, "stagger.dev/allow="+s.ns)
	s.step(1, 1)
	if stable, canary := s.pending("checkout"), s.pending("checkout-canary"); stable != "137" || canary != "137" {
		t.Errorf("at the gateway %q requests may wait for the stable, %q for the canary", stable, canary)
	}
	labels := kubectl(t, "-n", s.ns, "get", "service", "checkout-canary", "-o", "jsonpath={.metadata.labels}")
	if !strings.Contains(labels, `"owner":"pay"`) || strings.Contains(labels, "instance") {
		t.Errorf("the canary's Service has the labels %s", labels)
	}
	s.ended(1, v1alpha1.StatePromoted)
	if left := kubectl(t, "-n", callers, "get", "destinationrules", "-o", "name"); strings.Contains(left, "checkout-canary."+s.ns) {
		t.Errorf("a copy is left: %s", left)
	}
	s.restored()
	s.losesNothing()
}
