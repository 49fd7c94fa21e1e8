package release

import (
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenHandedOver goes on after the point of no return: the judged pods are the Deployment's, the rest is put back.
func whenHandedOver(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || !o.Workload.HandedOver && !o.externalPromoted() || o.aborting() {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	var answer *Answer
	if r.Outcome == nil {
		r.Outcome, answer = o.promotion("the canary's own pods serve as the stable")
	}
	d := Decision{Answer: answer, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: "the Deployment has the judged pods; putting routes and Service back"}
	if o.External {
		d.Message = r.Outcome.Message
	}
	tidyUp(o, &d, now)
	if len(d.Actions) > 0 || o.Workload.Stable.Pods > 0 {
		return d, true
	}
	if r.State = v1alpha1.StateRestoring; r.RestoringSince == nil {
		r.RestoringSince = stamp(now)
	}
	if wait := r.RestoringSince.Add(o.Bounds.Push).Sub(now); wait > 0 {
		d.After = wait
		return d, true
	}
	r.State, r.FinishedAt, r.HandoverSince, r.RestoringSince = v1alpha1.StatePromoted, stamp(now), nil, nil
	r.Weight, r.Outcome.Result = v1alpha1.PercentageOf(v1alpha1.Whole), v1alpha1.StatePromoted
	d.Reason, d.Message = v1alpha1.ReasonPromoted, r.Outcome.Message
	d.Actions = ending(o)
	return d, true
}

// promotion is how a release that is handed over ends, and the answer to the command that wanted it so.
func (o Observation) promotion(now string) (*v1alpha1.Outcome, *Answer) {
	end := &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted, Refuse: v1alpha1.RefuseNothing,
		Message: "every step was " + o.clearedBy() + "; " + now}
	if !o.commanded(promoteFull) {
		return end, nil
	}
	end.Reason, end.Message = v1alpha1.ReasonCommanded, truncate(now+"; "+o.provenOr(""), mostMessage)
	return end, o.Wanted.Command.accepted(end.Message)
}

// provenOr is how a release came past its last step: by evidence, or because a person wanted it.
func (o Observation) provenOr(proven string) string {
	if o.commanded(promoteFull) {
		return o.Wanted.Command.because("promoted by command")
	}
	return proven
}

// clearedBy is what let a release leave its steps.
func (o Observation) clearedBy() string {
	if slices.ContainsFunc(o.Release.Weights, func(w v1alpha1.WrittenWeight) bool { return w.Reason == v1alpha1.WeightCommanded }) {
		return "proven or commanded"
	}
	return "proven"
}

// tidyUp ends the former stable's pods, and puts routes and Service back, in this order.
func tidyUp(o Observation, d *Decision, now time.Time) {
	r := d.Release
	switch {
	case o.Workload.Stable.Replicas > 0:
		d.Actions = append(d.Actions, Action{Verb: ScaleStable})
	case o.Workload.Stable.Pods > 0:
		d.Message = "waiting for the former stable pods to end" + o.Workload.Stable.stay()
	case r.State == v1alpha1.StateRestoring && (o.Service.Marked || o.Service.Narrowed != ""):
		r.RestoringSince = stamp(now)
		d.Actions = append(d.Actions, Action{Verb: Widen})
	}
	if o.Routes.Marked || o.Routes.OneMade {
		r.State, r.RestoringSince = v1alpha1.StateRestoring, stamp(now)
		d.Actions = append(d.Actions, Action{Verb: Save}, Action{Verb: RestoreRoutes})
	}
}
