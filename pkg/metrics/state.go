package metrics

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Detail says which releases have series of their own.
type Detail string

const (
	// AllReleases gives them to every running release, and to every template that waits to be released.
	AllReleases Detail = "All"
	// WaitingReleases gives them to those alone that are being taken back or wait for something else than their next step.
	WaitingReleases Detail = "Waiting"
	// NoReleases gives them to none; what is told of namespaces and of the whole stays.
	NoReleases Detail = "None"
)

const (
	// sufficient is the sum of the evidence against a canary that aborts its release.
	sufficient = 100
	// mostEvidence bounds what is told of evidence, which grows without bounds and would spoil every average and axis.
	mostEvidence = 1e6
)

// Emit takes one sample of a metric of the table, with the values of its labels in their order.
type Emit func(name string, value float64, labels ...string)

// Fleet is what the state metrics are read from. The objects are not changed.
type Fleet struct {
	Shifts   []v1alpha1.TrafficShift
	Services []corev1.Service
}

// State gives every sample of the TrafficShifts and Services that are there now.
func State(f Fleet, detail Detail, emit Emit) {
	type group struct{ namespace, policy, state string }
	managed, groups := map[types.NamespacedName]bool{}, map[group]int{}
	for i := range f.Shifts {
		s := &f.Shifts[i]
		groups[group{s.Namespace, s.Spec.PolicyRef.Name, stateOf(s)}]++
		if name := s.Spec.Service.Name; name != "" {
			managed[types.NamespacedName{Namespace: s.Namespace, Name: name}] = true
		}
		if detail == AllReleases || detail == WaitingReleases && stuck(s) {
			release(s, emit)
		}
	}
	for g, n := range groups {
		emit(Services, float64(n), g.namespace, g.policy, g.state)
	}
	unmanaged := map[string]int{}
	for i := range f.Services {
		s := &f.Services[i]
		_, ours := s.Annotations[v1alpha1.ReleaseAnnotation]
		if len(s.Spec.Selector) > 0 && !ours && !managed[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] {
			unmanaged[s.Namespace]++
		}
	}
	for namespace, n := range unmanaged {
		emit(UnmanagedServices, float64(n), namespace)
	}
}

// stateOf is the state of the running release, or how things stand without one.
func stateOf(s *v1alpha1.TrafficShift) string {
	if r := s.Status.Release; r.Running() {
		return string(r.State)
	}
	is := s.Status.Conditions
	switch ready := meta.FindStatusCondition(is, v1alpha1.ConditionReady); {
	case ready == nil || ready.Status == metav1.ConditionUnknown:
		return StateUnknown
	case ready.Status == metav1.ConditionTrue:
		return StateReady
	case ready.Reason == string(v1alpha1.ReasonAborted):
		return string(v1alpha1.StateAborted)
	case meta.IsStatusConditionTrue(is, v1alpha1.ConditionStalled):
		return StateStalled
	}
	return StateWaiting
}

// waiting is why a release or a template waits; empty when none does. A template that was taken back waits for nothing: it is refused.
func waiting(s *v1alpha1.TrafficShift) string {
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if c := meta.FindStatusCondition(s.Status.Conditions, kind); c != nil && c.Status == metav1.ConditionTrue && c.Reason != string(v1alpha1.ReasonAborted) {
			return c.Reason
		}
	}
	return ""
}

// stuck says whether a release is being taken back or waits for something else than its next step.
func stuck(s *v1alpha1.TrafficShift) bool {
	reason := waiting(s)
	return reason != "" && !slices.Contains(Progressing(), reason) || s.Status.Release.Aborting()
}

// Progressing are the reasons of ReleaseWaitingSince by which a release waits for nothing but its next step.
func Progressing() []string {
	return []string{string(v1alpha1.ReasonReleasing), string(v1alpha1.ReasonHolding), string(v1alpha1.ReasonNotCleared), string(v1alpha1.ReasonSettling)}
}

// release gives the samples of one TrafficShift: none when it is at rest.
func release(s *v1alpha1.TrafficShift, emit Emit) {
	give := func(name string, value float64, labels ...string) {
		emit(name, value, slices.Concat([]string{s.Namespace, s.Name}, labels)...)
	}
	if reason, since := waiting(s), s.Status.ReasonSince; reason != "" && since != nil {
		give(ReleaseWaitingSince, float64(since.Unix()), reason)
	}
	r := s.Status.Release
	if !r.Running() {
		return
	}
	give(ReleaseInfo, 1, cmp.Or(r.Policy, s.Spec.PolicyRef.Name), string(r.State), strconv.FormatInt(r.Number, 10))
	give(ReleaseStarted, float64(r.StartedAt.Unix()))
	give(ReleaseWeight, r.Weight.Fraction(), Wanted)
	if r.LiveWeight != "" {
		give(ReleaseWeight, r.LiveWeight.Fraction(), Live)
	}
	give(ReleaseStep, float64(r.Step))
	give(ReleaseSteps, float64(len(r.Plan.Steps)))
	give(ReleaseRequests, float64(r.Exposed), Exposed)
	give(ReleaseRequests, float64(r.Failed), Failed)
	if expected, known := Expected(r); known {
		give(ReleaseRequests, expected, ExpectedFailed)
	}
	give(ObjectiveEvidenceLimit, sufficient, Against)
	give(ObjectiveEvidenceLimit, 1/cmp.Or(r.Plan.Confidence.FalsePromote.Fraction(), evidence.DefaultFalsePromote), For)
	for _, o := range r.Objectives {
		objective(o, give)
	}
}

// objective gives the samples of one objective of a release.
func objective(o v1alpha1.ObjectiveStatus, give Emit) {
	for side, text := range map[string]string{Against: o.Against, For: o.For} {
		if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(value) {
			give(ObjectiveEvidence, min(value, mostEvidence), o.Name, side)
		}
	}
	for arm, c := range map[string]v1alpha1.ArmCounts{StableArm: o.Stable, CanaryArm: o.Canary} {
		give(ObjectiveRequests, float64(c.Requests), o.Name, arm)
		give(ObjectiveBadRequests, float64(c.Bad), o.Name, arm)
	}
}

// Expected is how many of the requests that met a release's canary would have been bad at the stable's share of bad requests, in the
// objective in which that is most. False while the stable has no requests: then nobody knows.
func Expected(r *v1alpha1.Release) (requests float64, known bool) {
	for _, o := range r.Objectives {
		if o.Stable.Requests > 0 {
			known = true
			requests = max(requests, float64(o.Canary.Requests)*float64(o.Stable.Bad)/float64(o.Stable.Requests))
		}
	}
	return requests, known
}
