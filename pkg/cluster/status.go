package cluster

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// StatusOf is the whole status after a decision, within the limits of the settings; rec is the record to be written, nil to keep the one there is.
func StatusOf(v *View, d release.Decision, rec *v1alpha1.Release) v1alpha1.TrafficShiftStatus {
	s := v.Shift.Status.DeepCopy()
	s.ObservedGeneration = v.Shift.Generation
	s.Conditions = conditionsOf(v, d)
	s.ReasonSince = reasonSince(v, s.Conditions)
	s.Refused = d.Refused
	answer(s, d.Answer)
	if rec != nil {
		s.Release = rec.DeepCopy()
		timeAbort(v, s.Release)
	}
	if s.Release != nil && (v.running() || rec != nil) {
		v.tally(s.Release, d)
	}
	s.ObservedAt = observedAt(v, s)
	v.settle(s)
	if w := v.Facts.Workload; !v.running() && w.Stable.There() {
		s.Stable = v1alpha1.Version{Revision: w.Stable.Hash, Images: w.StableImages}
	}
	s.Deployment = v.observedDeployment()
	if rec != nil && rec.State.Ended() && v.running() && (len(s.History) == 0 || s.History[0].Number != rec.Number) {
		s.History = slices.Insert(s.History, 0, PastOf(s.Release))
		s.History = s.History[:min(len(s.History), historyLength)]
	}
	v.correct(s)
	v.settings.Limits.Keep(s)
	return *s
}

// answer tells what became of a command, if one was answered.
func answer(s *v1alpha1.TrafficShiftStatus, a *release.Answer) {
	if a == nil {
		return
	}
	s.LastHandledCommand, s.LastAnswer = a.Token, &v1alpha1.CommandAnswer{Result: v1alpha1.CommandRefused, Message: a.Message}
	if a.Accepted {
		s.LastAnswer.Result = v1alpha1.CommandAccepted
	}
}

// tally takes into the record what was counted and seen in this pass.
func (v *View) tally(r *v1alpha1.Release, d release.Decision) {
	if v.running() {
		r.ImageIDs, r.StableImageIDs = release.Ran(r.ImageIDs, v.Facts.Workload.CanaryRan), release.Ran(r.StableImageIDs, v.Facts.Workload.StableRan)
	}
	r.Routes = release.Carrying(v.Facts.Release, r, v.Facts.Routes.Others)
	release.Count(r, v.Facts.Evidence, d.Message)
	if direct := v.Facts.Direct; direct.Read && r.Outcome == nil {
		r.Direct = direct.Checkpoint
	}
	release.NoteDenial(r, d, v.now)
	r.NextAt = release.NextAt(v.Facts, d, v.now)
}

// LastStatus is the status of a TrafficShift that is let go: what is not counted yet of its release is given up.
func LastStatus(s *v1alpha1.TrafficShift) v1alpha1.TrafficShiftStatus {
	last := s.Status.DeepCopy()
	if last.Release.Counting() {
		release.GiveUp(&last.Release.Counted)
	}
	return *last
}

// settle counts on what met the canary of a release that is judged, and gives that up where another release follows it.
func (v *View) settle(s *v1alpha1.TrafficShiftStatus) {
	was, is := v.Facts.Release, s.Release
	if was != nil && was.Number != is.Number && len(s.History) > 0 && s.History[0].Number == was.Number && was.Counting() {
		last := was.DeepCopy()
		release.CountOn(last, v.Facts.Evidence) // what is counted may not be written yet
		release.Settle(last, v.Facts, v.now)
		release.GiveUp(&last.Counted)
		s.History[0] = PastOf(last)
	}
	if is == nil || !v.running() && is.Settled() {
		return
	}
	if was != nil && was.Number == is.Number {
		release.CountOn(is, v.Facts.Evidence)
	}
	release.Settle(is, v.Facts, v.now)
}

// correct gives the newest release of the history what its record has come to say since it was over: what is counted now, and what became of
// commands.
func (v *View) correct(s *v1alpha1.TrafficShiftStatus) {
	r := s.Release
	if r != nil && len(s.History) > 0 && s.History[0].Number == r.Number && !equality.Semantic.DeepEqual(v.Facts.Release, r) {
		s.History[0] = PastOf(r)
	}
}

// observedAt is when a running release was last looked at: now, if it runs after or ran before the pass.
func observedAt(v *View, s *v1alpha1.TrafficShiftStatus) *metav1.Time {
	if s.Release.Running() || v.running() {
		return ptr.To(metav1.NewTime(v.now))
	}
	return s.ObservedAt
}

// observedDeployment is the Deployment as it is seen; empty where there is none.
func (v *View) observedDeployment() v1alpha1.ObservedDeployment {
	d, w := v.Deployment, v.Facts.Workload
	if d == nil {
		return v1alpha1.ObservedDeployment{}
	}
	return v1alpha1.ObservedDeployment{Name: d.Name, Generation: d.Generation, Revision: w.Template, Images: slices.Clone(w.Images), Waits: w.Waits}
}

// conditionsOf are the conditions after a decision. The time of one is when its status changed.
func conditionsOf(v *View, d release.Decision) []metav1.Condition {
	all := slices.Clone(v.Shift.Status.Conditions)
	now := release.Conditions(v.Facts, d)
	for _, c := range now {
		c.ObservedGeneration, c.LastTransitionTime = v.Shift.Generation, metav1.NewTime(v.now)
		meta.SetStatusCondition(&all, c)
	}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} { // they are there only while they are True
		if meta.FindStatusCondition(now, kind) == nil {
			meta.RemoveStatusCondition(&all, kind)
		}
	}
	return all
}

// reasonSince is since when the reason of Reconciling or Stalled is what it is.
func reasonSince(v *View, now []metav1.Condition) *metav1.Time {
	reason := waitReason(now)
	switch {
	case reason == "":
		return nil
	case reason == waitReason(v.Shift.Status.Conditions) && v.Shift.Status.ReasonSince != nil:
		return v.Shift.Status.ReasonSince.DeepCopy()
	}
	since := metav1.NewTime(v.now)
	return &since
}

// waitReason is the reason of Reconciling or Stalled, whichever is there; empty when neither is.
func waitReason(conditions []metav1.Condition) string {
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if c := meta.FindStatusCondition(conditions, kind); c != nil {
			return c.Reason
		}
	}
	return ""
}

// timeAbort notes when an abort was decided, and by counts up to when, in the record that first speaks of it.
func timeAbort(v *View, rec *v1alpha1.Release) {
	o := rec.Outcome
	if o == nil || o.Result != v1alpha1.StateAborted || o.DecidedAt != nil {
		return
	}
	o.DecidedAt = ptr.To(metav1.NewMicroTime(v.now))
	byCounts := o.Reason == v1alpha1.ReasonCanaryWorseThanStable || o.Reason == v1alpha1.ReasonCanaryBreachesSLO
	counted := v.Counted
	if v.Facts.Direct.Breach != nil {
		counted = v.Facts.Direct.At
	}
	if byCounts && !counted.IsZero() {
		o.CountedUntil = ptr.To(metav1.NewMicroTime(counted))
	}
}
