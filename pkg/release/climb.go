package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenTooHigh puts back whoever raises the canary. Nothing can stand in its way.
func whenTooHigh(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Routes.Highest <= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	want := o.Release.Weight.Millionths()
	return Decision{Actions: []Action{{Verb: Lower, Share: want}}, Release: putBack(o, now), Refused: o.Refused,
		Reason: v1alpha1.ReasonForeignEdit, Message: whoEdited(o, want)}, true
}

// stale is how far the routes that were read may lie behind what was written a moment ago.
const stale = 2 * time.Second

// putBack is the record with one more foreign edit of the routes in it.
func putBack(o Observation, now time.Time) *v1alpha1.Release {
	r := o.Release.DeepCopy()
	r.Contested = contested(r, now)
	if o.Routes.Foreign != nil {
		r.Contested.Routes++
	}
	return r
}

// whenTooLow obeys whoever lowers the canary until fresh counts speak for it again.
func whenTooLow(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.Routes.Lowest >= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	want := o.Release.Weight.Millionths()
	if at := o.Release.StepStartedAt; at != nil && o.Routes.Foreign == nil && now.Sub(at.Time) < stale {
		d := wait(o, v1alpha1.ReasonSettling, string(o.Release.Weight)+" is being written")
		d.After = stale / 10
		return d, true
	}
	d := Decision{Refused: o.Refused, Reason: v1alpha1.ReasonForeignEdit, Message: whoEdited(o, want)}
	if !o.Evidence.Fresh || !o.Evidence.Seen || o.Evidence.Verdict.Suspicious || contested(o.Release, now).Routes >= contestable {
		d.Message += "; it is obeyed"
		return d, true
	}
	r := putBack(o, now)
	if o.Routes.Highest == 0 {
		want = first(r, o.Evidence.Rate)
		move{step: 1, share: want}.into(r, now)
		d.Message += "; beginning again at the first weight"
	}
	if d, short := podsFor(o, now, want); short {
		return d, true
	}
	d.Release = r
	r.StepStartedAt, r.SettledAt = stamp(now), nil
	d.Actions = []Action{{Verb: Save}, {Verb: Raise, Share: want}}
	return d, true
}

func whoEdited(o Observation, want int64) string {
	if f := o.Routes.Foreign; f != nil {
		who := f.Manager
		if who == "" {
			who = "somebody"
		}
		return fmt.Sprintf("%s changed the canary's weight in %s (%s); if that is a GitOps tool, let it ignore the weights of these routes", who, f.Route, f.Kind)
	}
	return fmt.Sprintf("the routes give the canary %s to %s where %s is wanted", v1alpha1.PercentageOf(max(0, o.Routes.Lowest)),
		v1alpha1.PercentageOf(o.Routes.Highest), v1alpha1.PercentageOf(want))
}

// whenNotSettled waits until the weight is live in the proxies: the counts show it, or a bounded time has passed.
func whenNotSettled(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.Release.SettledAt != nil {
		return Decision{}, false
	}
	left := o.Bounds.Settle
	if at := o.Release.StepStartedAt; at != nil {
		left -= now.Sub(at.Time)
	}
	if o.Evidence.Agreement != AgreementYes && left > 0 {
		d := wait(o, v1alpha1.ReasonSettling, string(o.Release.Weight)+" is written; waiting until the traffic shows it")
		d.After = left
		return d, true
	}
	r := o.Release.DeepCopy()
	r.SettledAt = stamp(now)
	return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonHolding, Message: string(r.Weight) + " is live", After: time.Second}, true
}

func whenEvidenceStale(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.leaving() {
		return Decision{}, false
	}
	if o.Evidence.Fresh && (o.Evidence.Seen || o.Release.Step == 0) {
		return Decision{}, false
	}
	reason := o.Evidence.Reason
	if reason == "" || reason == v1alpha1.ReasonCurrent {
		reason = v1alpha1.ReasonStale
	}
	d := wait(o, reason, "nothing is raised without fresh counts: "+o.Evidence.Message)
	return withoutSharedBreach(o, d), true // its clock runs on fresh counts only
}

// whenDrifted raises nothing while more of the traffic meets the canary than is wanted, whoever sends it there. Callers that stay on the
// stable harm nobody.
func whenDrifted(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.Evidence.Agreement != AgreementNo || o.Evidence.Share <= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	return wait(o, v1alpha1.ReasonNotShifted, fmt.Sprintf("%s of the traffic meets the canary where %s is wanted; %s",
		measured(o.Evidence.Share), o.Release.Weight, o.doubts())), true
}

func whenHoldNotOver(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.leaving() {
		return Decision{}, false
	}
	if o.affordable() > 0 {
		return Decision{}, false // it rests on no counts of this weight
	}
	hold := o.hold()
	left := hold - o.Evidence.Verdict.Covered
	if left <= 0 {
		return Decision{}, false
	}
	return wait(o, v1alpha1.ReasonHolding, fmt.Sprintf("holding %s, %s of %s done", o.Release.Weight,
		o.Evidence.Verdict.Covered.Round(time.Second), hold)), true
}

// whenNotCleared holds until the counts clear the next weight. Nobody is raised by a timer.
func whenNotCleared(o Observation, now time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	v, plan := o.Evidence.Verdict, o.Release.Plan
	switch {
	case v.Suspicious:
		return wait(o, v1alpha1.ReasonSuspicious, fmt.Sprintf("the evidence against the canary is %.0f of 100: too much to raise, too little to abort", v.Against)), true
	case o.Release.Step == 0, o.proven(), o.leaving(), o.affordable() > 0:
		return Decision{}, false
	case v.Shared:
		return holdShared(o, now)
	}
	d := wait(o, v1alpha1.ReasonNotCleared, o.wanting())
	if plan.Undetermined.Action == v1alpha1.ActionAbort && v.Covered >= plan.Undetermined.After.Duration() {
		return abort(o, v1alpha1.ReasonUndetermined, v1alpha1.RefuseNothing, d.Message)
	}
	return withoutSharedBreach(o, d), true
}

// withoutSharedBreach stops the clock of a shared breach.
func withoutSharedBreach(o Observation, d Decision) Decision {
	if o.Release.SharedBreachSince != nil {
		d.Release = o.Release.DeepCopy()
		d.Release.SharedBreachSince = nil
	}
	return d
}

// holdShared waits while the stable itself is beyond an objective: the version is not to blame, and not proven either.
func holdShared(o Observation, now time.Time) (Decision, bool) {
	r := o.Release.DeepCopy()
	if r.SharedBreachSince == nil {
		r.SharedBreachSince = stamp(now)
	}
	limit := r.Plan.SharedBreach
	message := "the stable breaks an objective too; the version is not blamed, and not raised"
	if limit.Action == v1alpha1.ActionAbort && now.Sub(r.SharedBreachSince.Time) >= limit.After.Duration() {
		return abort(o, v1alpha1.ReasonSharedBreach, v1alpha1.RefuseNothing, message)
	}
	return Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonSharedBreach, Message: message}, true
}

// whenCleared goes to the next weight, once there are pods for it.
func whenCleared(o Observation, now time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	next, ok := o.next()
	if !ok {
		return Decision{}, false
	}
	if o.baseline() == nil {
		return wait(o, v1alpha1.ReasonWaiting, "asking Prometheus for the stable's past, from which the first weight is chosen"), true
	}
	if d, short := podsFor(o, now, next.stop); short {
		return d, true
	}
	r := o.Release.DeepCopy()
	if r.Baseline == nil {
		r.Baseline = o.baseline()
		r.Detects = Detects(r.Plan, r.Baseline)
	}
	next.into(r, now)
	d := Decision{Actions: []Action{{Verb: Save}, {Verb: Raise, Share: next.share}}, Release: r, Refused: o.Refused,
		Reason: v1alpha1.ReasonReleasing, Message: fmt.Sprintf("%s: %s", r.Weight, next.why)}
	if o.commanded(promote) {
		d.Answer = o.Wanted.Command.accepted(d.Message)
	}
	return d, true
}

// provenOr is how a release came past its last step: by evidence, or because a person wanted it.
func (o Observation) provenOr(proven string) string {
	if o.commanded(promoteFull) {
		return o.Wanted.Command.because("promoted by command")
	}
	return proven
}

// podsFor scales the canary for a share and waits for its pods, and for the stable's, to which an abort would go back.
func podsFor(o Observation, now time.Time, share int64) (Decision, bool) {
	need, stable := o.size(share), o.Workload.Stable
	switch {
	case o.External:
		return Decision{}, false
	case stable.Available < stable.Replicas || stable.Replicas == 0:
		return wait(o, v1alpha1.ReasonStableNotReady, fmt.Sprintf("%d of %d stable pods are available", stable.Available, stable.Replicas)), true
	case o.Workload.Canary.Replicas < need:
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the canary needs %d pods for %s", need, v1alpha1.PercentageOf(share)))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: need}}
		return d, true
	case o.Workload.Canary.Available < need:
		return awaitPods(o, now, need)
	}
	return Decision{}, false
}

// whenLastStepCleared hands the judged pods to the Deployment: first the Service, then, when callers past the routes have moved,
// the ReplicaSet.
func whenLastStepCleared(o Observation, now time.Time) (Decision, bool) {
	if !o.running() {
		return Decision{}, false
	}
	if _, more := o.Release.NextStop(); more {
		return Decision{}, false
	}
	if o.External {
		return promoteExternal(o), true
	}
	if o.Workload.Canary.Replicas != o.Workload.Replicas && o.Workload.Replicas > 0 {
		d := wait(o, v1alpha1.ReasonWaiting, fmt.Sprintf("the Deployment wants %d pods", o.Workload.Replicas))
		d.Actions = []Action{{Verb: ScaleSet, Replicas: o.Workload.Replicas}}
		return d, true
	}
	if d, short := podsFor(o, now, v1alpha1.Whole); short {
		return d, true
	}
	r := o.Release.DeepCopy()
	d := Decision{Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: o.provenOr("every step is proven") + "; handing the canary's pods over"}
	if r.State != v1alpha1.StateHandover || r.HandoverSince == nil || o.Service.Narrowed != r.Revision {
		r.State, r.HandoverSince = v1alpha1.StateHandover, stamp(now)
		d.Actions = []Action{{Verb: Save}, {Verb: Narrow, Hash: r.Revision}}
		d.After = o.Bounds.Push
		return d, true
	}
	if left := r.HandoverSince.Add(o.Bounds.Push).Sub(now); left > 0 {
		d.After = left
		return d, true
	}
	d.Actions = []Action{{Verb: GiveSet}}
	return d, true
}
