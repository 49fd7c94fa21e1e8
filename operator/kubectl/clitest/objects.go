package clitest

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Key is the namespace and name of the TrafficShift that most tests are about.
const Key = "shop/checkout"

// Now is when all tests are played.
var Now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// Ago is a time before Now.
func Ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: Now.Add(-d)} }

// Shift is a Service whose release 7 shifts traffic.
func Shift(namespace, name string) *v1alpha1.TrafficShift {
	s := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: *Ago(time.Hour)}}
	s.Spec.PolicyRef.Name, s.Spec.Service.Name, s.Spec.Control = "standard", name, v1alpha1.ControlAuto
	s.Status.Stable = v1alpha1.Version{Revision: "6c4f678748", Images: []string{"checkout:1.4.2"}}
	s.Status.Release = &v1alpha1.Release{
		Number: 7, Revision: "59d8f6b7c4", Images: []string{"checkout:1.5.0"}, Stable: "6c4f678748", State: v1alpha1.StateShifting,
		Plan: v1alpha1.ShiftPolicySpec{Steps: []v1alpha1.Step{{Weight: "5%", Hold: "2m"}, {Weight: "100%", Hold: "5m"}}},
		Step: 1, Weight: "5%", LiveWeight: "4.93%", PeakWeight: "5%", Exposed: 9571, Failed: 12,
		StartedAt: *Ago(2 * time.Minute), StepStartedAt: Ago(80 * time.Second), SettledAt: Ago(72 * time.Second),
		Weights: []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: *Ago(100 * time.Second)}, {Weight: "5%", Step: 1, At: *Ago(80 * time.Second)}},
		Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Healthy", Against: "0.2", For: "41",
			Stable: v1alpha1.ArmCounts{Requests: 182204, Bad: 200}, Canary: v1alpha1.ArmCounts{Requests: 9571, Bad: 12}}},
	}
	s.Status.Release.NextAt, s.Status.ObservedAt = Ago(-48*time.Second), Ago(4*time.Second)
	Ready(s, metav1.ConditionFalse, v1alpha1.ReasonReleasing)
	return s
}

// Ready is the condition of that name, beside counts that are fresh while a release runs.
func Ready(s *v1alpha1.TrafficShift, status metav1.ConditionStatus, reason v1alpha1.Reason) {
	s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: string(reason), LastTransitionTime: *Ago(time.Minute)}}
	if s.Status.Release.Running() {
		s.Status.Conditions = append(s.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionEvidenceCurrent, Status: metav1.ConditionTrue,
			Reason: string(v1alpha1.ReasonCurrent), LastTransitionTime: *Ago(time.Minute)})
	}
}

// Unattended is a release that the operator has not looked at for 200 s.
func Unattended(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = Ago(200 * time.Second) }

// TakeBack begins what an abort does.
func TakeBack(s *v1alpha1.TrafficShift) {
	s.Status.Release.State = v1alpha1.StateAborting
	s.Status.Release.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "aborted by command (ops@example.com)",
		Refuse: v1alpha1.RefuseTemplate}
}

// Aborted ends it.
func Aborted(s *v1alpha1.TrafficShift) {
	TakeBack(s)
	s.Status.Release.Commands = []v1alpha1.RecordedCommand{{Verb: "abort", By: "ops@example.com", Reason: "carts are empty | shown twice", At: *Ago(70 * time.Second)}}
	s.Status.Release.State, s.Status.Release.FinishedAt, s.Status.Refused = v1alpha1.StateAborted, Ago(time.Minute), s.Status.Release.Revision
	Ready(s, metav1.ConditionFalse, v1alpha1.ReasonAborted)
}

// Promoted ends a release well.
func Promoted(s *v1alpha1.TrafficShift) {
	s.Status.Release.State, s.Status.Release.FinishedAt = v1alpha1.StatePromoted, Ago(time.Minute)
	s.Status.Release.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted}
	Ready(s, metav1.ConditionTrue, v1alpha1.ReasonPromoted)
}

// As is a TrafficShift after some changes.
func As(s *v1alpha1.TrafficShift, changes ...func(*v1alpha1.TrafficShift)) *v1alpha1.TrafficShift {
	for _, change := range changes {
		change(s)
	}
	return s
}

// Measured knows the traffic before its release.
func Measured(s *v1alpha1.TrafficShift) {
	s.Status.Release.Baseline = &v1alpha1.Baseline{RequestsPerSecond: "48.2", History: "1h", Objectives: []v1alpha1.BaselineObjective{
		{Name: "availability", Phi: "1.3", Counts: v1alpha1.ArmCounts{Requests: 171204, Bad: 190}},
		{Name: "latency", Phi: "2.1", Counts: v1alpha1.ArmCounts{Requests: 171204, Bad: 411}}}}
}

// Annotated has an annotation of somebody else.
func Annotated(s *v1alpha1.TrafficShift) { s.Annotations = map[string]string{"team": "payments"} }

// Remembered has two releases before the present one.
func Remembered(s *v1alpha1.TrafficShift) {
	s.Status.History = []v1alpha1.PastRelease{
		{Number: 6, Revision: "6c4f678748", Images: []string{"checkout:1.4.2"}, Outcome: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted,
			PeakWeight: "100%", Exposed: 1204511, Failed: 1318, StartedAt: *Ago(50 * time.Hour), Duration: "1500s"},
		{Number: 5, Revision: "84d9c8d6f5", Images: []string{"checkout:1.4.1"}, Outcome: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryWorseThanStable,
			Message: "availability: 9 of 211 | canary requests failed", PeakWeight: "1%", Exposed: 211, Failed: 9, StartedAt: *Ago(75 * time.Hour), Duration: "72s"},
	}
}

// Moved sets how many weights were written.
func Moved(n int32) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) { s.Status.Release.Moves = n }
}

// Controlled sets who may raise weights.
func Controlled(c v1alpha1.Control) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) { s.Spec.Control = c }
}

// Unproven is a release that the evidence does not clear yet.
func Unproven(s *v1alpha1.TrafficShift) { s.Status.Release.Objectives[0].For = "3" }

// Young is an annotated Service that the operator has not looked at yet.
func Young() *corev1.Service {
	return service("young", map[string]string{v1alpha1.PolicyAnnotation: "fast"})
}

func service(name string, annotations map[string]string) *corev1.Service {
	return &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
}

// StableNotReady is a release that has no traffic yet, beside a stable of which a pod is missing.
func StableNotReady(s *v1alpha1.TrafficShift) {
	s.Status.Release.State, s.Status.Release.Step, s.Status.Release.Weight = v1alpha1.StatePreparing, 0, "0%"
	meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionWorkloadReady, Status: metav1.ConditionFalse,
		Reason: string(v1alpha1.ReasonStableNotReady), Message: "3 of 4 stable pods are available"})
}

// Failure is an answer of an API server that refuses.
func Failure(code int, reason metav1.StatusReason, message string) *metav1.Status {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reason, Message: message}
}
