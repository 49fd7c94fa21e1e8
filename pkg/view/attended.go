package view

import (
	"cmp"
	"fmt"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

const (
	// silence is how long nothing may be heard of the operators: another leader takes over within 15 s, and its Lease is renewed every 2 s.
	silence = 45 * time.Second
	// unheard is how long a running release may not tell that it was looked at: it does by the Heartbeat, and a new leader at once.
	unheard = v1alpha1.Heartbeat + time.Minute
	// lateLook is how old a look may be that still stands for the present: the Heartbeat is late.
	lateLook = v1alpha1.Heartbeat + 30*time.Second
)

// observedAgo is how old what the status says of a running release is; negative where none runs, or the operator does not tell.
func observedAgo(shift *v1alpha1.TrafficShift, now time.Time) time.Duration {
	if !shift.Status.Release.Running() || shift.Status.ObservedAt.IsZero() {
		return -1
	}
	return max(now.Sub(shift.Status.ObservedAt.Time), 0)
}

// seen says how old a screen of a running release is; "" where none runs, or the operator does not tell.
func (s Screen) seen() string {
	switch {
	case s.Observed < 0:
		return ""
	case s.Unattended:
		return "last seen " + span(s.Observed) + " ago"
	}
	return "seen " + span(s.Observed) + " ago"
}

// tone is how the state is meant, unless nobody looks after it.
func (s Screen) tone() Tone {
	if s.Unattended {
		return ToneBad
	}
	return s.State.Tone()
}

// unattendedNote says that nobody looks after a release, and since when.
func unattendedNote(shift *v1alpha1.TrafficShift, ago time.Duration, now time.Time) Note {
	return Note{Label: unattendedLabel, Reason: "Unattended", For: ago,
		Message: fmt.Sprintf("no operator has looked since %s: no weight is raised, and a bad version is not taken back; %s",
			now.Add(-ago).UTC().Format("15:04:05 UTC"), findOut(shift))}
}

// findOut says how to see why nobody looks.
func findOut(shift *v1alpha1.TrafficShift) string {
	return "find out why with: kubectl stagger check -n " + cmp.Or(clean(shift.Namespace), "default")
}

const unattendedLabel = "NOBODY"

// byHandOf is how a person takes the canary's traffic away without the operator; nil where it has none, or is to keep it.
func byHandOf(shift *v1alpha1.TrafficShift) *Hint {
	r := shift.Status.Release
	if r.Weight.Millionths() <= 0 && r.State != v1alpha1.StateAborting || r.State == v1alpha1.StateHandover || r.State == v1alpha1.StateRestoring {
		return nil
	}
	if shift.Spec.Destinations != nil {
		return &Hint{Text: "set the weight of the destination that is being released to 0 in the VirtualServices that kubectl stagger status names, to take its traffic away"}
	}
	canary := routing.CanaryName(shift.Spec.Service.Name)
	// What is pasted into a shell is made of names alone.
	if r.Stable == "" || len(validation.IsDNS1123Label(canary))+len(validation.IsValidLabelValue(r.Stable)) > 0 {
		return nil
	}
	return &Hint{Text: "point the canary's Service at the stable's pods, to take its traffic away:",
		Line: fmt.Sprintf(`kubectl patch service %s -n %s --type=merge -p '{"spec":{"selector":{"%s":"%s"}}}'`,
			canary, cmp.Or(clean(shift.Namespace), "default"), workload.HashLabel, r.Stable)}
}

// againstOf is the evidence against the canary, summed over the objectives as the operator does before it compares it with abortAt; 0 when
// none is known.
func againstOf(r *v1alpha1.Release) float64 {
	sum := 0.0
	for _, o := range r.Objectives {
		sum += max(parseEvidence(o.Against), 0)
	}
	return sum
}

// suspiciousAt is the evidence against the canary that forbids a raise: the square root of the false aborts that are allowed, of abortAt.
func suspiciousAt(c v1alpha1.Confidence) float64 {
	share := c.FalseAbort.Fraction()
	if share <= 0 {
		share = 0.01
	}
	return abortAt * math.Sqrt(share)
}

// blind says whether nobody counts what meets the canary of a release that has, or may have, traffic: no operator works, or it has no counts.
func (s Screen) blind(shift *v1alpha1.TrafficShift) bool {
	r := shift.Status.Release
	return r.Running() && (s.Unattended || r.Outcome == nil && len(r.Weights) > 0 && !counts(shift))
}

// counts says whether the operator tells that it has fresh counts.
func counts(shift *v1alpha1.TrafficShift) bool {
	c := condition(shift, v1alpha1.ConditionEvidenceCurrent)
	return c != nil && c.Status == metav1.ConditionTrue
}

// doubtVerdicts takes back what is said of objectives where it may not be so any more.
func (s *Screen) doubtVerdicts(shift *v1alpha1.TrafficShift) {
	for i, o := range s.Objectives {
		s.Objectives[i].Verdict = s.doubted(o.Verdict, shift, s.Against >= s.SuspiciousAt && parseShown(o.Against) > 1)
	}
}

// doubted is a verdict as it may be said now: no version is called healthy while nobody counts, nor while the evidence against it, which the
// caller knows to be suspicious, forbids a raise.
func (s Screen) doubted(verdict string, shift *v1alpha1.TrafficShift, suspicious bool) string {
	switch {
	case verdict != "healthy" || !shift.Status.Release.Running():
		return verdict
	case s.blind(shift):
		return ""
	case suspicious:
		return "undetermined"
	}
	return verdict
}
