package shift

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/text"
)

// Reasons of events beside those of conditions.
const (
	eventStarted  = "ReleaseStarted"
	eventWeight   = "WeightChanged"
	eventAborting = "ReleaseAborting"
	eventPromoted = "ReleasePromoted"
	eventAborted  = "ReleaseAborted"
	eventCommand  = "CommandHandled"
	eventTraffic  = "TooLittleTraffic"
)

// longestNote is what the API server takes of an event's note, in bytes.
const longestNote = 1024

// tell makes events of what changed in the status, on the TrafficShift and on the Service people look at.
func (r *reconciler) tell(v *cluster.View, after *v1alpha1.TrafficShift) {
	before := v.Shift.Status
	r.tellRelease(v, before.Release, after.Status.Release)
	was, is := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionStalled), meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionStalled)
	if is != nil && (was == nil || was.Reason != is.Reason) {
		r.event(v, corev1.EventTypeWarning, is.Reason, is.Message)
	}
	for _, reason := range []v1alpha1.Reason{v1alpha1.ReasonNotShifted, v1alpha1.ReasonPodsUnequal} {
		if message := said(after, reason); message != "" && said(v.Shift, reason) == "" {
			r.event(v, corev1.EventTypeWarning, string(reason), message)
		}
	}
	if a := after.Status.LastAnswer; a != nil && after.Status.LastHandledCommand != before.LastHandledCommand {
		kind, what := corev1.EventTypeNormal, "carried out"
		if a.Result == v1alpha1.CommandRefused {
			kind, what = corev1.EventTypeWarning, "refused"
		}
		r.event(v, kind, eventCommand, fmt.Sprintf("command %s was %s: %s", after.Status.LastHandledCommand, what, a.Message))
	}
}

// said is what a condition says for that reason; empty when none does.
func said(s *v1alpha1.TrafficShift, reason v1alpha1.Reason) string {
	for _, c := range s.Status.Conditions {
		if c.Reason == string(reason) {
			return c.Message
		}
	}
	return ""
}

func (r *reconciler) tellRelease(v *cluster.View, was, is *v1alpha1.Release) {
	if is == nil {
		return
	}
	if was == nil || was.Number != is.Number {
		was = &v1alpha1.Release{}
		r.tellStart(v, is)
	}
	if is.Step > 0 && is.Weight != was.Weight && is.Outcome == nil {
		r.event(v, corev1.EventTypeNormal, eventWeight, fmt.Sprintf("release %d: %s", is.Number, is.Next))
	}
	if message := release.TooLittle(is.Plan, is.Baseline, is.Detects); was.Baseline == nil && is.Baseline != nil && message != "" {
		r.event(v, corev1.EventTypeWarning, eventTraffic, fmt.Sprintf("release %d: %s", is.Number, message))
	}
	if is.State == was.State || is.Outcome == nil {
		return
	}
	message := fmt.Sprintf("release %d: %s: %s", is.Number, is.Outcome.Reason, is.Outcome.Message)
	switch is.State {
	case v1alpha1.StateAborting:
		r.event(v, corev1.EventTypeWarning, eventAborting, message)
	case v1alpha1.StateAborted:
		r.event(v, corev1.EventTypeWarning, eventAborted, message)
	case v1alpha1.StatePromoted:
		r.event(v, corev1.EventTypeNormal, eventPromoted, message)
	}
}

// tellStart says what begins, and which rules do not hold for it.
func (r *reconciler) tellStart(v *cluster.View, is *v1alpha1.Release) {
	r.event(v, corev1.EventTypeNormal, eventStarted, fmt.Sprintf("release %d: %v beside %s, by policy %s", is.Number, is.Images, is.Stable, is.Policy))
	for _, sentence := range v.Facts.Canary.Relaxed {
		r.event(v, corev1.EventTypeNormal, string(v1alpha1.ReasonRulesRelaxed), sentence)
	}
}

func (r *reconciler) event(v *cluster.View, kind, reason, message string) {
	message = text.CutBytes(message, longestNote)
	on := []runtime.Object{v.Shift}
	if v.Service != nil {
		on = append(on, v.Service)
	}
	for _, o := range on {
		r.recorder.Eventf(o, nil, kind, reason, "Release", "%s", message)
	}
}
