package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// frozen is an admission policy of a platform team by which nobody changes routes in one namespace.
const frozen = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: frozen-%[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], operations: [UPDATE], resources: [virtualservices]}]
  validations: [{expression: "false", message: routes are frozen by the platform team}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: frozen-%[1]s}
spec:
  policyName: frozen-%[1]s
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
`

// freeze has the API server deny changes of the namespace's routes, and waits until it does.
func (s *story) freeze() {
	s.t.Helper()
	apply(s.t, s.ns, fmt.Sprintf(frozen, s.ns))
	s.t.Cleanup(func() { s.thaw() })
	waitFor(s.t, "the API server denies changes of routes", func() (bool, string) {
		_, err := try(s.t.Context(), "", "-n", s.ns, "annotate", "--overwrite", "--dry-run=server", "virtualservice", "checkout", "frozen=no")
		return err != nil && strings.Contains(err.Error(), "frozen by the platform team"), fmt.Sprint(err)
	})
}

// thaw takes the admission policy away.
func (s *story) thaw() {
	s.t.Helper()
	_, err := try(context.WithoutCancel(s.t.Context()), "", "delete", "--ignore-not-found",
		"validatingadmissionpolicybinding/frozen-"+s.ns, "validatingadmissionpolicy/frozen-"+s.ns)
	if err != nil {
		s.t.Error(err)
	}
}

// A platform team's admission policy denies the operator changes of routes. A release that is to be raised waits and says who denies what.
// One that is taken back takes the new version's traffic away by its Service, which the policy does not cover, and puts the routes back when
// it may.
func TestARouteThatMayNotBeWrittenIsToldAndKeepsNobodyAtABadVersion(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 1s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway().scraped()
	denied := func(x *v1alpha1.TrafficShift) bool {
		told := describe(x)
		return strings.Contains(told, string(v1alpha1.ReasonRouteWriteDenied)) && strings.Contains(told, "frozen-"+s.ns) &&
			strings.Contains(told, "routes are frozen by the platform team")
	}
	s.freeze()
	s.push("1.1.0")
	s.until("the release says that the platform team denies its route", denied)
	if n := s.met("1.1.0"); n > 0 {
		t.Errorf("%d requests met a version whose weight could not be written", n)
	}
	s.thaw()
	s.live("50%")
	s.others = true // the routes go on to the canary's Service, behind which are the stable's pods
	s.freeze()
	s.people(true, "abort of release 1 commanded", "abort", "checkout", "--reason", "tried by hand")
	s.until("the abort says that the platform team denies its route", denied)
	gone := time.Now().Add(2 * time.Second)
	s.meets("1.0.0", 3*perSecond, gone)
	s.neverAgain("1.1.0", gone)
	s.asks(`ALERTS{alertname="StaggerAbortOpen", severity="critical", release_namespace="$NS", reason="RouteWriteDenied"}`)
	s.asks(`stagger_writes_total{pod="$OP", kind="VirtualService", result="denied"} > 0`)
	s.thaw()
	s.ended(1, v1alpha1.StateAborted)
	s.boards()
	s.restored()
	s.losesNothing()
}

// met is how many requests have met a version since the operator took charge.
func (s *story) met(version string) int {
	s.t.Helper()
	return bed.Met(s.seconds(s.began))[version]
}
