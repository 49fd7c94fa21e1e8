package release

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// MostBrakes is how often a release may brake: bursts of errors that both arms share would else keep it down for ever.
const MostBrakes = 3

// Braked says whether the present weight is one that was braked to. While it is, what the proxies say goes into a purse of its own.
func Braked(r *v1alpha1.Release) bool {
	n := len(r.Weights)
	return n > 0 && r.Weights[n-1].Reason == v1alpha1.WeightBraked
}

// suspicious says whether too much speaks against the canary to raise it: in the counts, or in what the proxies said in the last seconds.
func (o Observation) suspicious() bool { return o.Evidence.Verdict.Suspicious || o.Direct.Alarm }

// firstShare is the weight that a brake lowers to: the first one at the traffic before the release, or at that of now if there is more.
func (o Observation) firstShare() int64 { return first(o.Release, max(o.Evidence.Rate, o.baseRate())) }

// whenFailingNow ends a release whose version fails nearly everything, by the proxies themselves.
func whenFailingNow(o Observation, _ time.Time) (Decision, bool) {
	if !o.running() || o.Direct.Breach == nil {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonCanaryWorseThanStable, v1alpha1.RefuseTemplate, o.Direct.Breach.String())
}

// whenBraking lowers the weight to the first one as soon as a second looks bad. It needs no proof, for it hurts nobody: what is to blame is
// found at the small weight, and the way up again is by proof.
func whenBraking(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.aborting() || o.Release.Step == 0 || o.Direct.Brake == nil || o.Release.Brakes >= MostBrakes {
		return Decision{}, false
	}
	share := o.firstShare()
	if share >= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	r := o.Release.DeepCopy()
	r.Brakes++
	move{step: 1, share: share, reason: v1alpha1.WeightBraked, why: o.Direct.Brake.String()}.into(r, o, now)
	d := Decision{Levers: []Action{{Verb: Lower, Who: callers(share)}}, Actions: []Action{{Verb: Save}}, Release: r, Refused: o.Refused,
		Reason: v1alpha1.ReasonBraked, Message: "lowered to " + string(r.Weight) + " at once, to look again there: " + o.Direct.Brake.String()}
	if o.Service.Narrowed == o.canary() {
		d.Levers = append(d.Levers, Action{Verb: Narrow, Hash: r.Stable})
	}
	return d, true
}
