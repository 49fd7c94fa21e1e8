package release

import (
	"slices"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// routesOnly leaves in a decision about external arms only what Stagger may write: routes, and the record.
func (o Observation) routesOnly(d Decision) Decision {
	if o.External {
		d.Levers, d.Actions = slices.DeleteFunc(d.Levers, ofArms), slices.DeleteFunc(d.Actions, ofArms)
	}
	return d
}

// ofArms says whether the write is of an object that makes up an arm, which is not Stagger's where its owner runs it.
func ofArms(a Action) bool {
	switch a.Verb {
	case Save, Raise, Lower, AbortRoutes, RestoreRoutes, Forget:
		return false
	default:
		return true
	}
}

// externalPromoted says whether every step of a release of external arms is proven: what is left is to take the marks off the routes.
func (o Observation) externalPromoted() bool {
	return o.External && o.running() && o.Release.Outcome != nil && o.Release.Outcome.Result == v1alpha1.StatePromoted
}

// promoteExternal ends a release of external arms: the traffic stays where it is.
func promoteExternal(o Observation) Decision {
	r := o.Release.DeepCopy()
	r.State = v1alpha1.StateHandover
	end, answer := o.promotion("all of the traffic stays with revision " + r.Revision)
	r.Outcome = end
	return Decision{Answer: answer, Actions: []Action{{Verb: Save}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonReleasing, Message: r.Outcome.Message}
}
