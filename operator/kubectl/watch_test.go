package kubectl_test

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAReleaseIsWatchedUntilItEnds(t *testing.T) {
	number := func(n int64) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = n }
	}
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		// then is what the operator does while it is watched, one write each.
		then            []func(*v1alpha1.TrafficShift)
		gone, forgotten bool
	}{
		"watch an abort":                 {then: []func(*v1alpha1.TrafficShift){takeBack, aborted}},
		"watch a promotion":              {then: []func(*v1alpha1.TrafficShift){promoted}},
		"watch what does not change":     {then: []func(*v1alpha1.TrafficShift){annotated, promoted}},
		"watch through forgotten events": {then: []func(*v1alpha1.TrafficShift){promoted}, forgotten: true},
		"watch what was aborted before":  {object: as(shift("shop", "checkout"), aborted)},
		"watch what was never released":  {object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil })},
		"watch while the object goes":    {gone: true},
		"watch and miss it all":          {then: []func(*v1alpha1.TrafficShift){number(30)}},
		"watch and miss the end of an abort": {then: []func(*v1alpha1.TrafficShift){takeBack, func(s *v1alpha1.TrafficShift) {
			s.Status.History = []v1alpha1.PastRelease{{Number: 7, Outcome: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded}}
			number(8)(s)
		}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			object := c.object
			if object == nil {
				object = shift("shop", "checkout")
			}
			s := newServer(t, object)
			s.forgotten = c.forgotten
			s.onWatch = func() {
				for _, change := range c.then {
					s.change(key, change)
				}
				if c.gone {
					s.remove(key)
				}
			}
			code, out, talk := typed(t, s.kubeconfig(), "watch", "checkout")
			golden(t, name, code, out, talk)
		})
	}
}
