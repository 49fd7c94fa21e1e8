package cluster

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// wanted looks at the policy and the command.
func (v *View) wanted(o Objects) {
	w := &v.Facts.Wanted
	w.Command = release.CommandOn(v.Shift)
	if v.settings.Nameless {
		w.Command = w.Command.Unnamed()
	}
	w.Policy = v.Shift.Spec.PolicyRef.Name
	if w.Paused {
		w.PausedWhy = v.Shift.Annotations[v1alpha1.PausedAnnotation]
		if !v.settings.Nameless {
			w.PausedBy = v.Shift.Annotations[v1alpha1.ControlledByAnnotation]
		}
	}
	p := o.Policy
	if p == nil {
		w.PolicyGone = v.running() && v.Facts.Release.Policy == w.Policy
		if !v.running() {
			v.refuseFor(release.Problem{Reason: v1alpha1.ReasonPolicyNotFound, Message: v.noPolicy(w.Policy, o.PolicyNames), OfPolicy: true})
		}
		return
	}
	w.Plan, w.PolicyGeneration = &p.Spec, p.Generation
	for _, c := range p.Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted && c.Status == metav1.ConditionFalse && c.ObservedGeneration == p.Generation && !v.running() {
			v.refuseFor(release.Problem{Reason: v1alpha1.ReasonInvalid, Message: fmt.Sprintf("ShiftPolicy %s: %s", p.Name, c.Message), OfPolicy: true})
		}
	}
}

// noPolicy names some of the policies there are. One by which the last release went was there.
func (v *View) noPolicy(name string, names []string) string {
	message := "no ShiftPolicy is named " + name
	if r := v.Facts.Release; r != nil && r.Policy == name {
		message = "ShiftPolicy " + name + " is gone: apply it again, or name another one"
	}
	if len(names) == 0 {
		return message + "; kubectl get shiftpolicies lists those there are"
	}
	return message + "; there are: " + strings.Join(names[:min(len(names), 8)], " ")
}
