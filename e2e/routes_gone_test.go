package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// partners is a second VirtualService of the Service, for callers of their own.
const partners = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partners}
spec:
  hosts: [partners-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http: [{route: [{destination: {host: checkout, port: {number: 80}}}]}]
`

// missing waits until a TrafficShift says that the VirtualService of the partners is gone, by a condition of this status, or that none is.
func (s *story) missing(status metav1.ConditionStatus, is bool) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until(fmt.Sprintf("it is said that a VirtualService is gone: %t", is), func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionTrafficShifted)
		if c == nil || c.Status != status {
			return false
		}
		named := strings.Contains(c.Message, "VirtualService "+s.ns+"/partners is gone")
		return is == (named && c.Reason == string(v1alpha1.ReasonRoutesGone))
	})
}

// tells waits for an event of the Service with these words.
func (s *story) tells(reason v1alpha1.Reason, words string) {
	s.t.Helper()
	which := "--field-selector=involvedObject.kind=Service,reason=" + string(reason)
	waitFor(s.t, "it is told by an event "+string(reason), func() (bool, string) {
		out := kubectl(s.t, "-n", s.ns, "get", "events", which, "-o", "jsonpath={.items[*].message}")
		return strings.Contains(out, words), out
	})
}

// One of two VirtualServices is deleted, in a release and at rest: it is named until it is there again. The release goes on by the other,
// and nobody blames the version for the requests that find no way.
func TestOneOfTwoVirtualServicesIsDeleted(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "50%", hold: 1h}, {weight: "100%", hold: 1s}],
  objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	apply(t, s.ns, fmt.Sprintf(partners, s.ns))
	s.rate("gateway", "partners-"+s.ns+".example.com", perSecond/2)
	s.gateway()
	s.push("1.1.0")
	s.live("30%")
	said := "VirtualService " + s.ns + "/partners is gone, or without a route to the Service, " +
		"so requests that came by it go by others or nowhere; apply it again"

	kubectl(t, "-n", s.ns, "delete", "virtualservice", "partners")
	s.missing(metav1.ConditionFalse, true)
	for _, look := range []string{"status checkout", "why checkout"} {
		s.shows(0, look, "TRAFFIC    RoutesGone for ", "30% is wanted, ", said)
	}
	s.people(true, "release 1 told to leave 30%", "promote", "checkout", "--reason", "the other way is well")
	s.live("50%")
	x := s.missing(metav1.ConditionFalse, true)
	if got := s.weights("checkout"); got != "500000 500000" || x.Status.Release.Outcome != nil {
		t.Errorf("the other VirtualService has the weights %s: %s", got, describe(x))
	}
	apply(t, s.ns, fmt.Sprintf(partners, s.ns))
	s.missing(metav1.ConditionTrue, false)
	if got := s.weights("partners"); got != "500000 500000" {
		t.Errorf("the VirtualService that is there again has the weights %s", got)
	}
	s.tells(v1alpha1.ReasonRoutesGone, said)
	s.tells(v1alpha1.ReasonForeignEdit, " made VirtualService partners, which does not give the canary its weight yet")
	s.people(true, "release 1 told to leave 50%", "promote", "checkout", "--reason", "both ways are well")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()

	kubectl(t, "-n", s.ns, "delete", "virtualservice", "partners")
	s.missing(metav1.ConditionTrue, true)
	s.shows(0, "status checkout --exit-code", "TRAFFIC    RoutesGone: no traffic is shifted; "+said, "✔ Promoted")
	apply(t, s.ns, fmt.Sprintf(partners, s.ns))
	s.missing(metav1.ConditionTrue, false)
	if out := s.shows(0, "status checkout"); strings.Contains(out, "RoutesGone") {
		t.Errorf("all VirtualServices are there again, and still it is said:\n%s", out)
	}
	s.restored()
	if _, by := s.lost(); len(by) > 0 {
		t.Errorf("requests failed at pods: %v", by)
	}
}
