package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// version is one of two versions that a team runs by itself, behind one Service.
const version = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout-%[1]s}
spec:
  replicas: 2
  selector: {matchLabels: {app: checkout, version: %[1]s}}
  template:
    metadata: {labels: {app: checkout, version: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: shop:%[2]s
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
`

// both is what routes between them, as the team writes it, and the TrafficShift by hand.
const both = `
apiVersion: v1
kind: Service
metadata: {name: checkout}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: checkout}
spec: {host: checkout, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout}
spec:
  hosts: [%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - route:
    - {destination: {host: checkout, subset: v1}, weight: 100}
    - {destination: {host: checkout, subset: v2}, weight: 0}
---
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: checkout}
spec:
  policyRef: {name: %[1]s}
  destinations: {stable: {host: checkout, subset: v1}, canary: {host: checkout, subset: v2}, revision: "1"}
`

// weights are those of the first route of a VirtualService now.
func (s *story) weights(name string) string {
	s.t.Helper()
	return kubectl(s.t, "-n", s.ns, "get", "virtualservice", name, "-o", "jsonpath={.spec.http[0].route[*].weight}")
}

// Of two versions that a team runs by itself only the weights move: there and, with the next revision, back again.
func TestWeightsMoveBetweenTwoVersionsThatATeamRuns(t *testing.T) {
	t.Parallel()
	begun := turn(t)
	s := &story{t: t, ns: newNamespace(t)}
	apply(t, s.ns, fmt.Sprintf(policy, s.ns, "60s"))
	t.Cleanup(func() { _ = exec.Command("kubectl", "delete", "shiftpolicy", s.ns).Run() })
	apply(t, s.ns, fmt.Sprintf(version, "v1", "1.0.0")+"---"+fmt.Sprintf(version, "v2", "1.1.0")+"---"+fmt.Sprintf(both, s.ns))
	waitFor(t, "the pods are ready", func() (bool, string) {
		out := kubectl(t, "-n", s.ns, "get", "deployments", "-o", "jsonpath={.items[*].status.availableReplicas}")
		return out == "2 2", out
	})
	begun()
	s.under("gateway", s.ns+".example.com")
	s.op = startOperator(t, s.ns)
	s.until("what serves is known", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" && x.Status.Stable.Revision == "1" })
	s.began = time.Now()

	want := func(revision string) {
		kubectl(t, "-n", s.ns, "patch", "trafficshift", "checkout", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"destinations":{"revision":%q}}}`, revision))
	}
	want("2")
	s.step(1, 1)
	if w := s.weights("checkout"); w == "100 0" {
		t.Errorf("the weights are %s at the first step", w)
	}
	s.ended(1, v1alpha1.StatePromoted)
	if w := s.weights("checkout"); w != "0 100" {
		t.Errorf("the weights are %s after the promotion", w)
	}
	s.losesNothing()

	kubectl(t, "-n", s.ns, "set", "image", "deployment/checkout-v1", "app=shop:1.2.0-errors")
	kubectl(t, "-n", s.ns, "rollout", "status", "deployment/checkout-v1", "--timeout=60s")
	want("3")
	x := s.ended(2, v1alpha1.StateAborted)
	if r := x.Status.Release; r.Toward != v1alpha1.TowardStable || r.Failed == 0 || x.Status.Refused != "3" {
		t.Errorf("the release went another way, or ended for another reason: %s", describe(x))
	}
	waitFor(t, "the traffic is where it was", func() (bool, string) {
		w := s.weights("checkout")
		return w == "0 100", w
	})
	if marks := kubectl(t, "-n", s.ns, "get", "virtualservice", "checkout", "-o", "jsonpath={.metadata.annotations}"); strings.Contains(marks, "stagger.dev") {
		t.Errorf("marks are left: %s", marks)
	}
	if _, by := s.lost(); by["1.1.0"] > 0 || by["1.0.0"] > 0 {
		t.Errorf("requests to versions that are well failed: %v", by)
	}
}
