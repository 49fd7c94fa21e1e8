package release

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func whenNewTemplate(o Observation, now time.Time) (Decision, bool) {
	w := o.Workload
	if o.running() || o.Wanted.Plan == nil || !w.Waits && w.Replicas > 0 {
		return Decision{}, false
	}
	if w.Replicas == 0 {
		return goStraightIn(o)
	}
	retrying := o.commanded(retry)
	if o.Refused == w.Template && !retrying {
		return Decision{}, false
	}
	if d, counting := countingOn(o, now); counting {
		return d, true
	}
	number := int64(1)
	if o.Release != nil {
		number = o.Release.Number + 1
	}
	r := &v1alpha1.Release{
		Number: number, Revision: w.Template, Author: o.author(), Images: w.Images, Changes: w.Changes, Stable: w.Stable.Hash, State: v1alpha1.StatePreparing,
		Plan: *o.Wanted.Plan.DeepCopy(), Policy: o.Wanted.Policy, PolicyGeneration: o.Wanted.PolicyGeneration, StartedAt: metav1.NewTime(now), PodsAwaitedSince: stamp(now),
		Weight: v1alpha1.PercentageOf(0), Toward: o.Toward,
		StableImages: w.StableImages, Workload: v1alpha1.ReleaseWorkload{Deployment: w.Deployment, Base: w.Replicas,
			Generation: w.Generation, ShippedBy: w.ShippedBy, ChangeCause: truncate(w.ChangeCause, mostCause)},
	}
	if o.Release != nil {
		r.Routes = o.Release.Routes
	}
	d := Decision{Actions: []Action{{Verb: Save}}, Release: r, Reason: v1alpha1.ReasonReleasing,
		Message: "a new template of Deployment " + w.Deployment + " is being released", After: time.Millisecond}
	if o.External {
		d.Message = "revision " + w.Template + " is being released"
	}
	if o.Refused != w.Template {
		d.Refused = o.Refused
	}
	if retrying {
		d.Answer = o.Wanted.Command.accepted(d.Message)
	}
	return d, true
}

// author is who wrote the template that waits: as the Deployment says where the API server is proven to write that, or as it was known when the
// same one was released before.
func (o Observation) author() string {
	w, r := o.Workload, o.Release
	switch {
	case w.Signed && w.Mode == HoldOnChange:
		return truncate(w.Author, mostUser)
	case !w.Signed && r != nil && r.Revision == w.Template:
		return r.Author
	}
	return ""
}

// goStraightIn lets the Deployment of 0 replicas roll out by itself.
func goStraightIn(o Observation) (Decision, bool) {
	w := o.Workload
	if !w.Paused || !w.Held || w.PausedBefore || o.unproven() {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonUpToDate, "the Deployment is scaled to 0: template changes go straight in")
	d.Actions = []Action{{Verb: Unpause}}
	return d, true
}

// unproven says that the Deployment's template is one whose last release was taken back. It stays paused also where nobody is served: when
// the Deployment is scaled up again, the version before must serve first.
func (o Observation) unproven() bool {
	t, r := o.Workload.Template, o.Release
	return t != "" && (o.Refused == t || r != nil && r.State == v1alpha1.StateAborted && r.Revision == t)
}
