package release

import (
	"cmp"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Conditions are the TrafficShift's conditions after a decision; the times are left to whoever writes them. Reconciling and
// Stalled are there only when they are True.
func Conditions(o Observation, d Decision) []metav1.Condition {
	ready := readiness(o, d)
	all := []metav1.Condition{ready}
	if ready.Status == metav1.ConditionFalse {
		kind := v1alpha1.ConditionStalled
		if underWay(o, d) {
			kind = v1alpha1.ConditionReconciling // Its reason says what is being done or waited for.
		}
		all = append(all, condition(kind, metav1.ConditionTrue, d.Reason, d.Message))
	}
	return append(all, workloadReady(o), trafficShifted(o, d), isolated(o), reachable(o), evidenceCurrent(o), proxiesRead(o))
}

func condition(kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: string(reason), Message: truncate(message, mostMessage)}
}

func record(o Observation, d Decision) *v1alpha1.Release {
	if d.Release != nil {
		return d.Release
	}
	return o.Release
}

// underWay says whether Stagger is at work by itself, or people keep it from that until they let it go on. The pass that ends a release is:
// what comes of it, the next one says.
func underWay(o Observation, d Decision) bool {
	r := record(o, d)
	switch d.Reason {
	case v1alpha1.ReasonWaiting, v1alpha1.ReasonReleasing, v1alpha1.ReasonUnmanaged, v1alpha1.ReasonPaused:
		return true
	}
	return o.running() || r.Running()
}

func readiness(o Observation, d Decision) metav1.Condition {
	switch {
	case d.Reason == v1alpha1.ReasonUpToDate || d.Reason == v1alpha1.ReasonPromoted:
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, d.Reason, d.Message)
	case underWay(o, d):
		reason := v1alpha1.ReasonReleasing
		if r := record(o, d); !o.running() && !r.Running() {
			reason = d.Reason
		}
		return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, d.Message)
	}
	return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, d.Reason, d.Message)
}

func workloadReady(o Observation) metav1.Condition {
	w := o.Workload
	yes, no, unknown := metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	kind := v1alpha1.ConditionWorkloadReady
	switch {
	case o.External:
		return condition(kind, unknown, v1alpha1.ReasonPending, "the destinations are run by their owner")
	case w.Deployment == "":
		return condition(kind, unknown, v1alpha1.ReasonPending, "no Deployment is known")
	case w.Crashing != "":
		return condition(kind, no, v1alpha1.ReasonCanaryCrashing, w.Crashing)
	case w.Stable.Available < w.Stable.Replicas:
		return condition(kind, no, v1alpha1.ReasonStableNotReady, fmt.Sprintf("%d of %d stable pods are available", w.Stable.Available, w.Stable.Replicas))
	case w.Canary.Available < w.Canary.Replicas:
		return condition(kind, no, v1alpha1.ReasonCanaryNotReady,
			strings.TrimSuffix(fmt.Sprintf("%d of %d pods of the canary are available: %s", w.Canary.Available, w.Canary.Replicas, w.Obstacle), ": "))
	}
	if w.Unequal != "" {
		return condition(kind, yes, v1alpha1.ReasonPodsUnequal, "all pods wanted are available; "+w.Unequal)
	}
	return condition(kind, yes, v1alpha1.ReasonAvailable, "all pods wanted are available")
}

func trafficShifted(o Observation, d Decision) metav1.Condition {
	c := shifted(o, d)
	if n := len(o.Routes.Strays); n > 0 {
		said := fmt.Sprintf("the mark on %s counts for nothing, because it takes no part in these releases", o.Routes.Strays[0])
		if n > 1 {
			said = fmt.Sprintf("the marks on %s and %d more count for nothing, because they take no part in these releases", o.Routes.Strays[0], n-1)
		}
		c.Message = truncate(c.Message+"; "+said, mostMessage)
	}
	if n := len(o.Routes.Uninvited); n > 0 && c.Reason != string(v1alpha1.ReasonNotShifted) { // whose message says it of all
		said := o.Routes.Uninvited[0]
		switch {
		case n == 2:
			said += "; so is 1 more"
		case n > 2:
			said += fmt.Sprintf("; so are %d more", n-1)
		}
		c.Message = truncate(c.Message+"; "+said, mostMessage)
	}
	return c
}

func shifted(o Observation, d Decision) metav1.Condition {
	kind, r := v1alpha1.ConditionTrafficShifted, record(o, d)
	yes, no, unknown := metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	missed := o.routesMissed()
	if !r.Running() || r.Step == 0 {
		return unshifted(missed)
	}
	live := "nothing was measured"
	if o.Evidence.Share >= 0 {
		live = "measured " + string(measured(o.Evidence.Share))
	}
	live = fmt.Sprintf("%s is wanted, %s", r.Weight, live)
	switch {
	case d.Reason == v1alpha1.ReasonForeignEdit || d.Reason == v1alpha1.ReasonRouteWriteDenied:
		return condition(kind, no, d.Reason, d.Message)
	case r.Outcome != nil && r.Outcome.Result == v1alpha1.StatePromoted: // there is no other version any more to measure it beside
		return condition(kind, yes, v1alpha1.ReasonShifted, "all of the traffic stays with the version that was promoted")
	case missed != "" && r.Outcome == nil:
		return condition(kind, no, v1alpha1.ReasonRoutesGone, live+"; "+missed)
	case o.Evidence.Agreement == AgreementYes:
		return condition(kind, yes, v1alpha1.ReasonShifted, live)
	case r.SettledAt == nil || r.Outcome != nil:
		return condition(kind, unknown, v1alpha1.ReasonSettling, live)
	case o.Evidence.Agreement == AgreementNo:
		return condition(kind, no, v1alpha1.ReasonNotShifted, live+"; "+o.doubts())
	case o.Direct.Agreement == AgreementYes: // counts come seconds later
		return condition(kind, yes, v1alpha1.ReasonShifted, live+"; by the proxies of the last seconds it is so")
	}
	return condition(kind, unknown, v1alpha1.ReasonNoTraffic, live)
}

// unshifted is the condition while nothing is shifted, given what is said of routes that are gone.
func unshifted(missed string) metav1.Condition {
	kind, yes := v1alpha1.ConditionTrafficShifted, metav1.ConditionTrue
	if missed != "" {
		return condition(kind, yes, v1alpha1.ReasonRoutesGone, "no traffic is shifted; "+missed)
	}
	return condition(kind, yes, v1alpha1.ReasonShifted, "no traffic is shifted")
}

// doubts says where to look when the traffic is not what was written.
func (o Observation) doubts() string {
	if len(o.Routes.Doubts) > 0 {
		return strings.Join(o.Routes.Doubts, "; ")
	}
	return "look for callers that do not pass the routes, such as those outside the mesh, and for Sidecar resources"
}

func isolated(o Observation) metav1.Condition {
	kind := v1alpha1.ConditionIsolated
	switch {
	case o.External:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "callers past the routes meet what their owner lets them meet")
	case !o.Service.Exists:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "the Service is not known")
	case len(o.Service.Siblings) > 0:
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonSiblingServices,
			"also select these pods and meet the canary's in proportion to their number: "+strings.Join(o.Service.Siblings, ", "))
	case o.running() && o.Workload.Canary.There() && !o.Workload.HandedOver && o.Service.Narrowed == "":
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonSelectorReverted,
			o.Service.SelectorBy.by()+" wrote the selector of the Service back; callers past the routes may meet the canary")
	}
	return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonIsolated, "only routed traffic reaches a canary")
}

func reachable(o Observation) metav1.Condition {
	kind := v1alpha1.ConditionReachable
	switch {
	case o.External:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "the destinations are reached by their owner's rules")
	case len(o.Canary.Relaxed) > 0:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonRulesRelaxed, strings.Join(o.Canary.Relaxed, "; "))
	}
	return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonSameRules, "the canary's pods are met by the rules by which the stable's are")
}

func evidenceCurrent(o Observation) metav1.Condition {
	kind := v1alpha1.ConditionEvidenceCurrent
	switch {
	case !o.running() || o.aborting():
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "nothing is being counted: no release runs")
	case o.Evidence.Fresh:
		reason, message := cmp.Or(o.Evidence.Reason, v1alpha1.ReasonCurrent), cmp.Or(o.Evidence.Message, "all requests up to now are counted")
		said := append([]string{message}, o.Evidence.Remarks...)
		if o.Evidence.OneStatus != "" {
			said = append(said, o.Evidence.OneStatus)
		}
		switch {
		case reason != v1alpha1.ReasonCurrent:
		case len(o.Evidence.Remarks) > 0:
			reason = v1alpha1.ReasonQualified
		case o.Evidence.OneStatus != "":
			reason = v1alpha1.ReasonOneStatus
		}
		return condition(kind, metav1.ConditionTrue, reason, strings.Join(said, "; "))
	case o.Evidence.Reason == "" || o.Evidence.Reason == v1alpha1.ReasonPending:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "nothing was counted yet")
	}
	return condition(kind, metav1.ConditionFalse, o.Evidence.Reason, cmp.Or(o.Evidence.Message, "the newest counts are too old"))
}

func proxiesRead(o Observation) metav1.Condition {
	kind, x := v1alpha1.ConditionProxiesRead, o.Direct
	switch {
	case x.Off:
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonDirectOff, "aborts take up to 45s: the operator's configuration says that proxies are not read (direct.mode)")
	case !o.running() || o.aborting() || o.Release.Step == 0:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "nothing is to be read: no traffic is shifted")
	case x.Read:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonRead, "the proxies are read each second")
	case x.Trouble != "":
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonNotRead, x.Trouble)
	}
	return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonPending, "no proxy was read yet")
}
