package policy

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// status is the policy's whole status; an empty problem is an accepted plan. Times move only with what they are the time of.
func status(p *v1alpha1.ShiftPolicy, problem string, answers metav1.ConditionStatus, said counting.Trouble) v1alpha1.ShiftPolicyStatus {
	s := *p.Status.DeepCopy()
	s.ObservedGeneration = p.Generation
	set := func(kind string, value metav1.ConditionStatus, reason v1alpha1.Reason, message string) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: string(reason), Message: message, ObservedGeneration: p.Generation,
		})
	}
	set(v1alpha1.ConditionSourceAnswers, answers, said.Reason, said.Message)
	if problem != "" {
		set(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalid, problem)
		set(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalid, problem)
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalid, problem)
		return s
	}
	const message = "releases can go by this policy"
	set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted, message)
	set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccepted, message)
	meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionStalled)
	return s
}
