package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// timesAway is how often all pods of a canary may be away while it has traffic, before the release is aborted.
const timesAway = 5

// whenCanaryAway gives all traffic to the stable while no pod of the canary can answer. Nodes are drained and pods evicted whatever version
// they run, so it blames nobody: the release begins again at its first weight when pods are back, and keeps what was counted before.
func whenCanaryAway(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.External || o.Release.Step == 0 || !o.Canary.Exists || !o.Workload.Canary.There() || o.Workload.Canary.Serving > 0 {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	away := v1alpha1.Away{Since: *stamp(now), Times: 1}
	if r.Away != nil {
		away.Times = r.Away.Times + 1
	}
	if away.Times > timesAway {
		return abort(o, v1alpha1.ReasonCanaryNotReady, v1alpha1.RefuseTemplate, fmt.Sprintf("no pod of the canary could answer while it had traffic, %d times%s", away.Times, o.why()))
	}
	d := Decision{Release: r, Refused: o.Refused, Actions: []Action{{Verb: Save}}, Reason: v1alpha1.ReasonCanaryAway,
		Message: "no pod of the canary can answer" + o.why() + "; the stable gets its traffic until one can, and the version is not blamed"}
	if o.Routes.Highest > 0 {
		d.Levers = append(d.Levers, Action{Verb: Lower, Who: callers(0)})
	}
	if o.Service.Narrowed == o.canary() {
		d.Levers = append(d.Levers, Action{Verb: Narrow, Hash: r.Stable})
	}
	r.State, r.Step, r.Weight, r.Away, r.PodsAwaitedSince = v1alpha1.StatePreparing, 0, v1alpha1.PercentageOf(0), &away, stamp(now)
	r.SettledAt, r.SharedBreachSince, r.HandoverSince = nil, nil, nil
	endExcuse(r, now)
	return d, true
}

// why says what keeps pods of the canary from serving, to be appended; empty when that is not known.
func (o Observation) why() string {
	if o.Workload.Obstacle == "" {
		return ""
	}
	return ": " + o.Workload.Obstacle
}
