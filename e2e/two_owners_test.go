package e2e

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// second is another Service in front of the same pods.
const second = `
apiVersion: v1
kind: Service
metadata: {name: metrics}
spec: {selector: {app: checkout}, ports: [{name: http, port: 9090, targetPort: http}]}
`

// shift waits for a fact of another TrafficShift of the namespace.
func (s *story) shift(name, what string, fact func(*v1alpha1.TrafficShift) bool) *v1alpha1.TrafficShift {
	s.t.Helper()
	x := &v1alpha1.TrafficShift{}
	waitFor(s.t, what, func() (bool, string) {
		x = &v1alpha1.TrafficShift{}
		if err := adm.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, x); err != nil {
			return false, err.Error()
		}
		return fact(x), describe(x)
	})
	return x
}

// The second of two annotated Services of one Deployment is told who has it, and gets it when that one lets go. Callers of either meet the
// pods of both, so that nothing is released before that is confirmed.
func TestOneDeploymentHasOneTrafficShift(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	apply(t, s.ns, second)
	kubectl(t, "-n", s.ns, "annotate", "service", "metrics", "stagger.dev/policy="+s.ns)
	refused := func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionStalled)
		return c != nil && c.Reason == string(v1alpha1.ReasonWorkloadTaken) && strings.Contains(c.Message, "TrafficShift checkout")
	}
	s.shift("metrics", "the second is refused", refused)
	s.push("1.1.0")
	s.until("it is told that Service metrics is in the way", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), "these Services select the same pods: metrics") && x.Status.Release == nil
	})
	if n := len(s.pods()); n != 4 {
		t.Errorf("there are %d pods before it is confirmed, want the stable's 4", n)
	}
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/siblings=metrics")
	x := s.ended(1, v1alpha1.StatePromoted)
	if c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionIsolated); c == nil || !strings.Contains(c.Message, "metrics") {
		t.Errorf("nobody is told that Service metrics selects the same pods: %+v", c)
	}
	if x := s.shift("metrics", "the second is still refused", refused); x.Status.Release != nil {
		t.Errorf("the second has a release: %s", describe(x))
	}
	s.losesNothing()
	kubectl(t, "-n", s.ns, "annotate", "service", "metrics", "stagger.dev/siblings=checkout")
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy-")
	s.shift("metrics", "the second has the Deployment", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	if held := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", `jsonpath={.metadata.labels.stagger\.dev/held}`); held != "true" {
		t.Errorf("the Deployment is not held: %q", held)
	}
}

// A TrafficShift by hand for a Service that has one is refused too.
func TestOneServiceHasOneTrafficShift(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.manage()
	apply(t, s.ns, `
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: by-hand}
spec: {policyRef: {name: `+s.ns+`}, service: {name: checkout}}
`)
	x := s.shift("by-hand", "it is refused", func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionStalled)
		return c != nil && c.Reason == string(v1alpha1.ReasonWorkloadTaken)
	})
	kubectl(t, "-n", s.ns, "delete", "trafficshift", x.Name)
	s.until("the first is undisturbed", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	if held := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", `jsonpath={.metadata.labels.stagger\.dev/held}`); held != "true" {
		t.Errorf("the Deployment is not held any more: %q", held)
	}
}
