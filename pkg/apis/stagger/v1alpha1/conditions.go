package v1alpha1

// Reason is the machine-readable cause of a condition, an event or an outcome.
type Reason string

// Condition types of a TrafficShift. Ready, Reconciling and Stalled follow kstatus.
const (
	// ConditionReady is True (UpToDate, Promoted) when the Service is served by one version and nothing is waiting; False while a
	// release runs (Releasing) or when people are needed (Aborted, Invalid, WorkloadUnsupported, …); Unknown before the first look.
	ConditionReady = "Ready"
	// ConditionReconciling is True while Stagger works towards the wanted state; absent otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only people can bring the wanted state about; absent otherwise.
	ConditionStalled = "Stalled"
	// ConditionWorkloadReady is True when all pods of both arms are available.
	ConditionWorkloadReady = "WorkloadReady"
	// ConditionTrafficShifted is True when the measured share agrees with the wanted one; Unknown while it settles or without traffic.
	ConditionTrafficShifted = "TrafficShifted"
	// ConditionIsolated is True when only routed traffic reaches the canary.
	ConditionIsolated = "Isolated"
	// ConditionReachable is True when nothing keeps callers from the pods of a canary that has few; its message names the rules that do not hold
	// for the canary for that.
	ConditionReachable = "Reachable"
	// ConditionEvidenceCurrent is True when counts are fresh.
	ConditionEvidenceCurrent = "EvidenceCurrent"
	// ConditionProxiesRead is True while the operator reads the proxies of a running release itself, each second, so that a failing version is
	// gone within seconds; False, with why not, while it cannot, and an abort takes as long as Prometheus's counts do. Unknown while nothing is
	// to be read.
	ConditionProxiesRead = "ProxiesRead"
	// ConditionAccepted, of a ShiftPolicy, is False when the plan contradicts itself.
	ConditionAccepted = "Accepted"
	// ConditionSourceAnswers, of a ShiftPolicy, is True while the source of counts answers the operator; False, with what it said instead,
	// since it does not, or its clock is another; Unknown until an operator that has just started to work has asked it. It is as true as the operator is alive.
	ConditionSourceAnswers = "SourceAnswers"
)

// Reasons of Ready.
const (
	// ReasonUpToDate: the Service is served by its Deployment's template and nothing is waiting.
	ReasonUpToDate Reason = "UpToDate"
	// ReasonPromoted: the last release ended well; the canary is the stable.
	ReasonPromoted Reason = "Promoted"
	// ReasonReleasing: a release runs.
	ReasonReleasing Reason = "Releasing"
	// ReasonAborted: the Deployment's template was taken back and is refused until it changes or a retry is commanded.
	ReasonAborted Reason = "Aborted"
	// ReasonPending: Stagger has not looked yet.
	ReasonPending Reason = "Pending"
	// ReasonInvalid: the policy is missing or contradicts itself; the message names the field.
	ReasonInvalid Reason = "Invalid"
	// ReasonPolicyNotFound: no ShiftPolicy has the name.
	ReasonPolicyNotFound Reason = "PolicyNotFound"
	// ReasonWorkloadUnsupported: behind the Service is not exactly one Deployment with one ReplicaSet; nothing was touched.
	ReasonWorkloadUnsupported Reason = "WorkloadUnsupported"
	// ReasonRouteUnsupported: a route or a port of the Service cannot be shifted as it is; nothing was touched.
	ReasonRouteUnsupported Reason = "RouteUnsupported"
	// ReasonRouteConflict: another TrafficShift writes a route of the Service.
	ReasonRouteConflict Reason = "RouteConflict"
	// ReasonNameTaken: an object that Stagger would make exists and belongs to somebody else; nothing was touched.
	ReasonNameTaken Reason = "NameTaken"
	// ReasonWorkloadTaken: another TrafficShift, or another tool, releases the Deployment or shifts the Service already; nothing was touched.
	ReasonWorkloadTaken Reason = "WorkloadTaken"
	// ReasonServiceNotFound: the Service does not exist.
	ReasonServiceNotFound Reason = "ServiceNotFound"
	// ReasonWaiting: a template waits and cannot be released yet; the message says for what.
	ReasonWaiting Reason = "Waiting"
	// ReasonWriteFailed: the API server refused a write that is being retried; the message names it.
	ReasonWriteFailed Reason = "WriteFailed"
	// ReasonWriteDenied: admission, a quota or missing rights refused a write; the message says who and what.
	ReasonWriteDenied Reason = "WriteDenied"
	// ReasonRouteWriteDenied: admission refused the write of a route; the message carries what it said.
	ReasonRouteWriteDenied Reason = "RouteWriteDenied"
	// ReasonUnmanaged: the Service is no longer annotated; what was touched is being restored.
	ReasonUnmanaged Reason = "Unmanaged"
)

// Reasons why a release was aborted.
const (
	// ReasonCanaryWorseThanStable: the canary fails more than tolerance times the stable over the same seconds.
	ReasonCanaryWorseThanStable Reason = "CanaryWorseThanStable"
	// ReasonCanaryBreachesSLO: the canary fails more than the objective allows.
	ReasonCanaryBreachesSLO Reason = "CanaryBreachesSLO"
	// ReasonPodOutlier: one pod of the canary, or those on one node, made its counts bad, and the others did as well as the stable. A release
	// holds for it; one that was taken back before that was known bears it too.
	ReasonPodOutlier Reason = "PodOutlier"
	// ReasonNoConcurrentControl: the canary broke the objective again and again where no stable was beside it to compare with.
	ReasonNoConcurrentControl Reason = "NoConcurrentControl"
	// ReasonCanaryCrashing: containers of the canary crash, run out of memory or fail their liveness probe.
	ReasonCanaryCrashing Reason = "CanaryCrashing"
	// ReasonCanaryNotReady: the canary's pods did not become available within readyWithin, or were all away again and again.
	ReasonCanaryNotReady Reason = "CanaryNotReady"
	// ReasonCommanded: a person commanded it.
	ReasonCommanded Reason = "Commanded"
	// ReasonSuperseded: a newer template arrived.
	ReasonSuperseded Reason = "Superseded"
	// ReasonReverted: the template went back to the stable's.
	ReasonReverted Reason = "Reverted"
	// ReasonLetGo: management of the Service ended in the middle.
	ReasonLetGo Reason = "LetGo"
	// ReasonSelectorContested: somebody keeps writing the Service's selector, so that unrouted callers would meet the canary.
	ReasonSelectorContested Reason = "SelectorContested"
	// ReasonUndetermined: the step could not be decided within undetermined.after and the policy says Abort.
	ReasonUndetermined Reason = "Undetermined"
	// ReasonSharedBreach: both arms broke the objective and the policy says Abort; the version is not blamed.
	ReasonSharedBreach Reason = "SharedBreach"
	// ReasonWorkloadGone: the Deployment, its stable ReplicaSet or the Service went away.
	ReasonWorkloadGone Reason = "WorkloadGone"
	// ReasonCheckFailed: a check of the policy has failed, or has not ended in time; the message names its Job.
	ReasonCheckFailed Reason = "CheckFailed"
	// ReasonNotRecorded: what a release left behind was found without a record of it.
	ReasonNotRecorded Reason = "NotRecorded"
)

// Reasons why a release waits, and of the conditions beside Ready.
const (
	// ReasonHolding: the step's hold is not over.
	ReasonHolding Reason = "Holding"
	// ReasonNotCleared: the counts do not yet clear the next weight.
	ReasonNotCleared Reason = "NotCleared"
	// ReasonSuspicious: the evidence against the canary forbids a raise and does not suffice for an abort.
	ReasonSuspicious Reason = "Suspicious"
	// ReasonClientErrors: the canary answers with redirects or client errors more often than the stable does; a person decides.
	ReasonClientErrors Reason = "ClientErrors"
	// ReasonBraked: so many requests of one second failed that the weight was lowered to the first one, before anything was proven.
	ReasonBraked Reason = "Braked"
	// ReasonChecking: a check of the policy runs.
	ReasonChecking Reason = "Checking"
	// ReasonCheckGone: the Job of a check was deleted again and again, or its CronJob is gone; a person decides.
	ReasonCheckGone Reason = "CheckGone"
	// ReasonGateClosed: a gate of the policy is closed; the message says what to type, and who may not.
	ReasonGateClosed Reason = "GateClosed"
	// ReasonPaused: control is Paused.
	ReasonPaused Reason = "Paused"
	// ReasonSettling: a route change is not yet live in the proxies.
	ReasonSettling Reason = "Settling"
	// ReasonNotShifted: the measured share disagrees with the wanted one.
	ReasonNotShifted Reason = "NotShifted"
	// ReasonShifted: the measured share agrees with the wanted one.
	ReasonShifted Reason = "Shifted"
	// ReasonRoutesGone: a VirtualService that carried the release's weights, or those of the last one, is gone; the message names it.
	ReasonRoutesGone Reason = "RoutesGone"
	// ReasonForeignEdit: somebody else writes the weights; the message names the field manager.
	ReasonForeignEdit Reason = "ForeignEdit"
	// ReasonNoTraffic: no request reaches the Service.
	ReasonNoTraffic Reason = "NoTraffic"
	// ReasonNoData: Prometheus has no series of the Service's callers.
	ReasonNoData Reason = "NoData"
	// ReasonStale: the newest counts are too old.
	ReasonStale Reason = "Stale"
	// ReasonClockSkew: the operator's clock and Prometheus's are too far apart; the message says by how much.
	ReasonClockSkew Reason = "ClockSkew"
	// ReasonPrometheusUnreachable: Prometheus does not answer.
	ReasonPrometheusUnreachable Reason = "PrometheusUnreachable"
	// ReasonCurrent: counts are fresh.
	ReasonCurrent Reason = "Current"
	// ReasonQualified: counts are fresh, and the message says what they do not show.
	ReasonQualified Reason = "Qualified"
	// ReasonOneStatus: counts are fresh, and all requests had the same good status, so that failures told in bodies would not show.
	ReasonOneStatus Reason = "OneStatus"
	// ReasonRead: the proxies are read.
	ReasonRead Reason = "Read"
	// ReasonNotRead: none of the proxies can be read; the message says why.
	ReasonNotRead Reason = "NotRead"
	// ReasonDirectOff: the operator's configuration says that no proxies are read.
	ReasonDirectOff Reason = "DirectOff"
	// ReasonAvailable: the pods wanted are available.
	ReasonAvailable Reason = "Available"
	// ReasonPodsUnequal: they are, and something that goes by the owner of pods has given the stable's more than the canary's.
	ReasonPodsUnequal Reason = "PodsUnequal"
	// ReasonStableNotReady: pods of the stable are missing.
	ReasonStableNotReady Reason = "StableNotReady"
	// ReasonCanaryAway: no pod of the canary can answer; the stable has its traffic meanwhile, and the version is not blamed.
	ReasonCanaryAway Reason = "CanaryAway"
	// ReasonIsolated: the Service's selector is narrowed to the stable, or no release runs.
	ReasonIsolated Reason = "Isolated"
	// ReasonSameRules: the canary's pods are met by the rules by which the stable's are.
	ReasonSameRules Reason = "SameRules"
	// ReasonRulesRelaxed: rules that would keep callers from the canary's few pods do not hold for it.
	ReasonRulesRelaxed Reason = "RulesRelaxed"
	// ReasonRulesChanged: a DestinationRule of the Service was changed or deleted in a release; the canary's copies follow.
	ReasonRulesChanged Reason = "RulesChanged"
	// ReasonSelectorReverted: somebody wrote the Service's selector; it was put back.
	ReasonSelectorReverted Reason = "SelectorReverted"
	// ReasonSiblingServices: other Services select the same pods and see the canary's in proportion to their number.
	ReasonSiblingServices Reason = "SiblingServices"
	// ReasonAccepted: the policy can be used.
	ReasonAccepted Reason = "Accepted"
)
