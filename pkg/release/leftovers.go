package release

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// whenUnknownRemains removes what a release left behind that no record speaks of. Where pods or traffic may be involved it
// becomes an abort with a record of its own, so that the order of an abort is kept.
func whenUnknownRemains(o Observation, now time.Time) (Decision, bool) {
	if o.running() {
		return Decision{}, false
	}
	if unrecorded(o) {
		return abortUnrecorded(o, now)
	}
	acts := remains(o)
	if len(acts) == 0 && o.Wanted.Managed && o.Workload.Held && o.Workload.Paused && !o.Workload.PausedBefore &&
		o.Workload.Mode == HoldOnChange && !o.Workload.Waits && !(o.Workload.Replicas == 0 && o.unproven()) {
		acts = []Action{{Verb: Unpause}}
	}
	if len(acts) == 0 {
		return Decision{}, false
	}
	return Decision{Actions: acts, Refused: o.Refused, Reason: v1alpha1.ReasonUpToDate, Message: "putting back what the last release left"}, true
}

// remains are the writes that remove what a release has left behind, once no release runs and no traffic can be on it.
func remains(o Observation) []Action {
	var acts []Action
	if o.Routes.Marked || o.Routes.OneMade {
		acts = append(acts, Action{Verb: RestoreRoutes})
	}
	if o.Service.Marked || o.Service.Narrowed != "" {
		acts = append(acts, Action{Verb: Widen})
	}
	if o.Canary.RuleExists {
		acts = append(acts, Action{Verb: RemoveRule})
	}
	if o.Unended {
		acts = append(acts, Action{Verb: StopChecks})
	}
	if o.Preview.Exists {
		acts = append(acts, Action{Verb: RemovePreview})
	}
	if o.Workload.Signed && (o.Workload.Stable.There() && !o.Workload.Waits || !o.Wanted.Managed) {
		acts = append(acts, Action{Verb: ForgetAuthor})
	}
	if o.Canary.Exists {
		acts = append(acts, Action{Verb: RemoveService})
	}
	return acts
}

// ending are the last writes of a release: its record, and the end of what it had made beside its ReplicaSet.
func ending(o Observation) []Action {
	acts := []Action{{Verb: Save}}
	if o.Unended {
		acts = append(acts, Action{Verb: StopChecks})
	}
	if o.Preview.Exists {
		acts = append(acts, Action{Verb: RemovePreview})
	}
	return append(acts, Action{Verb: RemoveRule}, Action{Verb: RemoveService})
}

// unrecorded says whether pods of a release are there that is not running by the record, or traffic, or a Service that proxies may
// still know.
func unrecorded(o Observation) bool {
	if o.External { // weights without our mark are their owner's
		return !o.running() && o.Routes.Marked && o.Routes.Highest > 0
	}
	return !o.running() && (o.Workload.Canary.There() || o.Routes.Highest > 0 && !o.Canary.Taken || o.Canary.Exists && (o.Release == nil || o.Routes.Marked))
}

// abortUnrecorded takes such a release back with a record of its own.
func abortUnrecorded(o Observation, now time.Time) (Decision, bool) {
	r := &v1alpha1.Release{
		Number: max(1, o.Canary.Number), Revision: o.Workload.Canary.Hash, Stable: o.Workload.Stable.Hash, Policy: o.Wanted.Policy,
		State: v1alpha1.StateAborting, StartedAt: metav1.NewTime(now), Workload: v1alpha1.ReleaseWorkload{Deployment: o.Workload.Deployment},
		Plan: leastPlan(), Toward: o.Toward,
	}
	if o.External {
		r.Revision = o.Workload.Template
	}
	if o.Wanted.Plan != nil {
		r.Plan = *o.Wanted.Plan.DeepCopy()
	}
	if o.Release != nil {
		r.Number = max(r.Number, o.Release.Number)
	}
	o.Release = r
	return abort(o, v1alpha1.ReasonNotRecorded, v1alpha1.RefuseNothing, "what a release left behind was found without a record of it")
}

// leastPlan is a plan that says nothing, and that the API server accepts in a record.
func leastPlan() v1alpha1.ShiftPolicySpec {
	return v1alpha1.ShiftPolicySpec{
		Steps:      []v1alpha1.Step{{Weight: v1alpha1.PercentageOf(v1alpha1.Whole), Hold: "0s"}},
		Objectives: []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Workload:   v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
}
