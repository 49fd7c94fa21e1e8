package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// whenNotSettled waits until the weight is live in the proxies: the counts show it, or a bounded time has passed.
func whenNotSettled(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.Release.SettledAt != nil {
		return Decision{}, false
	}
	left := o.Bounds.Settle
	if at := o.Release.StepStartedAt; at != nil {
		left -= now.Sub(at.Time)
	}
	if o.Evidence.Agreement != AgreementYes && o.Direct.Agreement != AgreementYes && left > 0 {
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
	if o.Evidence.Fresh && reason == v1alpha1.ReasonCurrent { // the beginning of every count: nothing is wrong
		return withoutSharedBreach(o, wait(o, v1alpha1.ReasonPending, "nothing is raised before the first counts, which come with the proxies' next reports")), true
	}
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

// whenClientErrors raises nothing while the canary turns callers away whom the stable serves: nobody but a person knows whether that is meant.
func whenClientErrors(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.leaving() || !o.clientErrors() {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonClientErrors, fmt.Sprintf("%s of the canary were redirects or client errors (HTTP 3xx and 4xx, or such a status of gRPC), "+
		"%s of the stable: if that is meant, promote it with a reason, or let the policy's clientErrors be Ignore and replan",
		portion(o.Evidence.ClientErrors.Canary), portion(o.Evidence.ClientErrors.Stable)))
	plan := o.Release.Plan.Undetermined
	if plan.Action == v1alpha1.ActionAbort && o.Evidence.Verdict.Covered >= plan.After.Duration() {
		return abort(o, v1alpha1.ReasonUndetermined, v1alpha1.RefuseNothing, d.Message)
	}
	return withoutSharedBreach(o, d), true
}

// clientErrors says whether client errors hold the release.
func (o Observation) clientErrors() bool {
	return o.Evidence.ClientErrors.Differ && o.Release.Plan.ClientErrors != v1alpha1.ClientErrorsIgnore
}

// portion writes how many requests of an arm were bad.
func portion(c evidence.Counts) string {
	return fmt.Sprintf("%.0f of %.0f requests", c.Bad, c.Requests)
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
	case o.Direct.Alarm:
		return wait(o, v1alpha1.ReasonSuspicious, "the last seconds look bad, by the proxies themselves: nothing is raised while they do"), true
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
	next.into(r, o, now)
	d := Decision{Actions: []Action{{Verb: Save}, {Verb: Raise, Who: callers(next.share)}}, Release: r, Refused: o.Refused,
		Reason: v1alpha1.ReasonReleasing, Message: fmt.Sprintf("%s: %s", r.Weight, next.why)}
	if o.commanded(promote) {
		d.Answer = o.Wanted.Command.accepted(d.Message)
	}
	return d, true
}
