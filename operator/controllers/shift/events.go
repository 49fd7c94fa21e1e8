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
	"github.com/stagger-dev/stagger/pkg/view"
)

// longestNote is the most bytes of an event's note that the API server takes.
const longestNote = 1024

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

// tell makes an event of each thing that happened, by what changed in the status. What another event says already is not told again: that a
// command was carried out which began, moved or ended the release, and that a template waits whose release was just told to be aborted.
func (r *reconciler) tell(v *cluster.View, after *v1alpha1.TrafficShift) {
	before := v.Shift.Status
	told := r.tellRelease(v, before.Release, after)
	was, is := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionStalled), meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionStalled)
	if is != nil && (was == nil || was.Reason != is.Reason) && !toldOtherwise(v, after, v1alpha1.Reason(is.Reason)) {
		r.event(v, corev1.EventTypeWarning, is.Reason, is.Message)
	}
	for _, reason := range []v1alpha1.Reason{v1alpha1.ReasonNotShifted, v1alpha1.ReasonPodsUnequal, v1alpha1.ReasonRoutesGone, v1alpha1.ReasonForeignEdit,
		v1alpha1.ReasonSelectorReverted, v1alpha1.ReasonRulesChanged} {
		if message := said(after, reason); message != "" && said(v.Shift, reason) == "" {
			r.event(v, corev1.EventTypeWarning, string(reason), message)
		}
	}
	a := after.Status.LastAnswer
	if a == nil || after.Status.LastHandledCommand == before.LastHandledCommand {
		return
	}
	switch {
	case a.Result == v1alpha1.CommandRefused:
		r.event(v, corev1.EventTypeWarning, eventCommand, fmt.Sprintf("command %s was refused: %s", after.Status.LastHandledCommand, a.Message))
	case !told:
		r.event(v, corev1.EventTypeNormal, eventCommand, fmt.Sprintf("command %s was carried out: %s", after.Status.LastHandledCommand, a.Message))
	}
}

// toldOtherwise says that another event tells why nothing is released: the end of the release, or that of the Service's controller about an
// annotation that was just written and names no policy.
func toldOtherwise(v *cluster.View, after *v1alpha1.TrafficShift, reason v1alpha1.Reason) bool {
	switch reason {
	case v1alpha1.ReasonAborted:
		return after.Status.Release != nil && after.Status.Release.State == v1alpha1.StateAborted
	case v1alpha1.ReasonPolicyNotFound:
		written := v.Shift.Status.ObservedGeneration != after.Status.ObservedGeneration
		return written && v.Service != nil && v.Service.Annotations[v1alpha1.PolicyAnnotation] != ""
	}
	return false
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

// tellRelease says whether it told anything.
func (r *reconciler) tellRelease(v *cluster.View, was *v1alpha1.Release, after *v1alpha1.TrafficShift) bool {
	is, told := after.Status.Release, false
	if is == nil {
		return false
	}
	tell := func(kind, reason, format string, args ...any) {
		r.event(v, kind, reason, fmt.Sprintf("release %d: ", is.Number)+fmt.Sprintf(format, args...))
		told = true
	}
	if was == nil || was.Number != is.Number {
		was = &v1alpha1.Release{}
		tell(corev1.EventTypeNormal, eventStarted, "%s, by policy %s", begun(after), is.Policy)
		for _, sentence := range v.Facts.Canary.Relaxed {
			r.event(v, corev1.EventTypeNormal, string(v1alpha1.ReasonRulesRelaxed), sentence)
		}
	}
	if kind, reason := moved(was, is); reason != "" {
		tell(kind, reason, "%s", is.Next)
	}
	if message := release.TooLittle(is.Plan, is.Baseline, is.Detects); was.Baseline == nil && is.Baseline != nil && message != "" {
		r.event(v, corev1.EventTypeWarning, eventTraffic, fmt.Sprintf("release %d: %s", is.Number, message))
	}
	if is.State == was.State || is.Outcome == nil {
		return told
	}
	if kind, reason := ending(is.State); reason != "" {
		tell(kind, reason, "%s: %s", is.Outcome.Reason, is.Outcome.Message)
	}
	return told
}

// moved is the event of a weight that was written; the reason is empty where none was.
func moved(was, is *v1alpha1.Release) (kind, reason string) {
	switch {
	case is.Step == 0 || is.Weight == was.Weight || is.Outcome != nil:
		return "", ""
	case is.Brakes > was.Brakes:
		return corev1.EventTypeWarning, string(v1alpha1.ReasonBraked)
	}
	return corev1.EventTypeNormal, eventWeight
}

// ending is the event of a release that is judged; the reason is empty where the state is none that is told.
func ending(s v1alpha1.ReleaseState) (kind, reason string) {
	switch s {
	case v1alpha1.StateAborting:
		return corev1.EventTypeWarning, eventAborting
	case v1alpha1.StateAborted:
		return corev1.EventTypeWarning, eventAborted
	case v1alpha1.StatePromoted:
		return corev1.EventTypeNormal, eventPromoted
	}
	return "", ""
}

// begun names the versions of a release, and what it changes.
func begun(after *v1alpha1.TrafficShift) string {
	if changes := view.Changes(after.Status.Release); changes != "" {
		return view.Versions(after) + " (" + changes + ")"
	}
	return view.Versions(after)
}

// event tells the Service that people look at, and the TrafficShift where there is none: one event, which names the other object as related.
func (r *reconciler) event(v *cluster.View, kind, reason, message string) {
	var on, related runtime.Object = v.Shift, nil
	if v.Service != nil {
		on, related = v.Service, v.Shift
	}
	r.recorder.Eventf(on, related, kind, reason, "Release", "%s", text.CutBytes(message, longestNote))
}
