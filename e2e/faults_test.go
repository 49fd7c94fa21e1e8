package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// faulty lets the operator meet the faults that fault orders. It comes before the story's load and annotation.
func (s *story) faulty() *story {
	s.t.Helper()
	s.needsFaults("KUBECONFIG_FAULTY")
	api, err := bed.Faulty()
	if err != nil {
		s.t.Fatal(err)
	}
	s.api = api
	return s
}

// needsFaults skips the story where a variable of the local mesh does not say by which way faults are met.
func (s *story) needsFaults(variable string) {
	s.t.Helper()
	if os.Getenv(variable) == "" {
		s.t.Skipf("%s is not set; faults can be ordered on the local mesh alone", variable)
	}
}

// fault orders a fault for the operator's requests in the story's namespace, in the words of `localmesh fault api`, until the test ends.
func (s *story) fault(rule ...string) *bed.Fault {
	s.t.Helper()
	f, err := bed.OrderFault(s.t.Context(), append([]string{"--namespace=" + s.ns}, rule...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := f.Clear(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	})
	return f
}

// struck waits until a fault has met so many requests.
func (s *story) struck(f *bed.Fault, times int) {
	s.t.Helper()
	waitFor(s.t, "requests meet the fault", func() (bool, string) {
		n, err := f.Struck(s.t.Context())
		return n >= times, fmt.Sprintf("%d of %d, %v", n, times, err)
	})
}

// faultyPrometheus is the setting by which the operator asks a Prometheus whose answers spoil can change.
func (s *story) faultyPrometheus() string {
	s.t.Helper()
	s.needsFaults("PROMETHEUS_URL_FAULTY")
	address, err := bed.FaultyPrometheus(s.ns)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("sources=[{name: default, address: %q}]", address)
}

// spoil orders what becomes of Prometheus's answers to the operator, in the words of `localmesh fault prometheus`.
func (s *story) spoil(what string) {
	s.t.Helper()
	if err := bed.SpoilPrometheus(s.t.Context(), s.ns, what); err != nil {
		s.t.Fatal(err)
	}
}

// blind waits until a release says in these words why it has no counts.
func (s *story) blind(words string) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until("the release says that it has no counts: "+words, func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionEvidenceCurrent)
		return c != nil && c.Status == metav1.ConditionFalse && strings.Contains(c.Message, words)
	})
}

// The API server refuses writes of routes, and loses the answers to some that it has stored.
func TestAReleaseGoesOnAfterWritesThatFailed(t *testing.T) {
	t.Parallel()
	s := tell(t).faulty().gateway()
	routes := []string{"--verb=patch", "--resource=virtualservices.networking.istio.io"}
	refused := s.fault(append(routes, "--status=422", "--message=denied by a policy of the platform team", "--count=2")...)
	s.push("1.1.0")
	s.struck(refused, 2)
	lost := s.fault(append(routes, "--break", "--count=2")...)
	slow := s.fault("--verb=patch", "--resource=trafficshifts/status", "--delay=500ms")
	s.ended(1, v1alpha1.StatePromoted)
	s.struck(lost, 2)
	s.struck(slow, 1)
	s.restored()
	s.losesNothing()
}
