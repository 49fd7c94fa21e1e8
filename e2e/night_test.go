package e2e

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAtNightAReleaseHoldsAndSaysSo(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	s.silence()
	says := func(x *v1alpha1.TrafficShift) bool {
		c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionEvidenceCurrent)
		return c != nil && c.Reason == string(v1alpha1.ReasonNoTraffic)
	}
	held := s.until("the release says that nobody calls", says).Status.Release.Weight
	dawn := time.Now().Add(15 * time.Second) // three times the hold of a step
	s.until("it is morning", func(x *v1alpha1.TrafficShift) bool {
		if r := x.Status.Release; r.Weight != held || r.Outcome != nil {
			t.Fatalf("the release moved without traffic: %s", describe(x))
		}
		return time.Now().After(dawn)
	})
	s.under("gateway", s.ns+".example.com")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
}
