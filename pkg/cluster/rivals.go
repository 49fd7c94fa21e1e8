package cluster

import (
	"cmp"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// namesake says whether another TrafficShift of the same Service comes before this one, which is refused then.
func (v *View) namesake(o Objects) bool {
	other := v.before(o, func(r Rival) bool { return r.Shift.Spec.Service.Name == v.Shift.Spec.Service.Name })
	if other == nil {
		return false
	}
	v.refuse(v1alpha1.ReasonWorkloadTaken, fmt.Sprintf("TrafficShift %s shifts the traffic of Service %s already: delete one of the two",
		other.Name, v.Shift.Spec.Service.Name))
	return true
}

// holder is the other TrafficShift that has the Deployment; nil when there is none.
func (v *View) holder(o Objects, d *appsv1.Deployment) *v1alpha1.TrafficShift {
	return v.before(o, func(r Rival) bool { return r.wants(d) })
}

// wants says whether the Service of a TrafficShift leads to a Deployment.
func (r Rival) wants(d *appsv1.Deployment) bool {
	if r.Service == nil {
		return false
	}
	selector := workload.Selector(r.Service, Hashes(r.Shift)...)
	return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(d.Spec.Template.Labels))
}

// has says whether a TrafficShift looks after a Deployment, also where its Service does not lead there any more.
func (r Rival) has(d *appsv1.Deployment) bool {
	rec := r.Shift.Status.Release
	return r.wants(d) || rec != nil && rec.Workload.Deployment == d.Name
}

// before is the first of the TrafficShifts that want the same; nil when that is the one of this pass. One that runs a release gives way
// to nobody; else the oldest comes first.
func (v *View) before(o Objects, wants func(Rival) bool) *v1alpha1.TrafficShift {
	if v.running() {
		return nil
	}
	first := v.Shift
	for _, r := range o.Rivals {
		if r.Shift.UID != v.Shift.UID && byClaim(r.Shift, first) < 0 && wants(r) {
			first = r.Shift
		}
	}
	if first == v.Shift {
		return nil
	}
	return first
}

// byClaim orders those that run a release before the others, and then by age; in the same second the one that Stagger made for the Service
// comes before one by hand.
func byClaim(a, b *v1alpha1.TrafficShift) int {
	rank := func(s *v1alpha1.TrafficShift) int {
		if s.Status.Release.Running() {
			return 0
		}
		return 1
	}
	byHand := func(s *v1alpha1.TrafficShift) int {
		if s.Name == s.Spec.Service.Name {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(byHand(a), byHand(b)), strings.Compare(a.Name, b.Name))
}
