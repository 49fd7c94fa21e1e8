package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Denial is a write that somebody who may refuse writes refuses: an admission policy, a webhook, a quota, missing rights.
type Denial struct {
	// Reason is WriteDenied or RouteWriteDenied, Message what was to be written, and who refused it and why.
	Reason  v1alpha1.Reason
	Message string
	// Since is when it was refused first, without having been accepted in between.
	Since time.Time
}

// whenDenied ends a release whose next write is refused for longer than its phase may take. Until then it is tried again.
func whenDenied(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.aborting() || o.Denied == nil || o.Workload.HandedOver {
		return Decision{}, false
	}
	limit, ends := o.Release.Plan.Workload.ReadyWithin, true
	if o.Release.Step > 0 {
		limit, ends = o.Release.Plan.Undetermined.After, o.Release.Plan.Undetermined.Action == v1alpha1.ActionAbort
	}
	if !ends || now.Sub(o.Denied.Since) < limit.Duration() {
		return Decision{}, false
	}
	return abort(o, o.Denied.Reason, v1alpha1.RefuseTemplate, fmt.Sprintf("refused for %s: %s", limit, o.Denied.Message))
}
