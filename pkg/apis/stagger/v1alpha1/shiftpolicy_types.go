package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Percentage is a share of a whole, as a string with a percent sign and at most four decimals, from "0%" to "100%".
//
// +kubebuilder:validation:MaxLength=9
// +kubebuilder:validation:Pattern=`^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)%$`
type Percentage string

// Duration is a length of time as hours, minutes, seconds and milliseconds (GEP-2257), such as "90s" or "1h30m".
//
// +kubebuilder:validation:MaxLength=20
// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
type Duration string

// ShiftPolicy says how releases go up and what they are judged by. It is cluster-scoped and meant to be shared by many Services.
// A running release keeps the policy it started with; a change counts from the next release on.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=stagger,shortName=spol
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="First",type=string,JSONPath=`.spec.steps[0].weight`
// +kubebuilder:printcolumn:name="Pace",type=string,JSONPath=`.spec.pace.type`
// +kubebuilder:printcolumn:name="Tolerance",type=string,JSONPath=`.spec.tolerance`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.status.conditions[?(@.type=="SourceAnswers")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ShiftPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is the policy.
	// +required
	Spec ShiftPolicySpec `json:"spec"`
	// status says whether the policy can be used.
	// +optional
	// +default={"observedGeneration": -1}
	Status ShiftPolicyStatus `json:"status,omitempty"`
}

// ShiftPolicySpec is what a platform team decides about releases.
type ShiftPolicySpec struct {
	// steps are the weights a release stops at, in rising order, the last one "100%".
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || double(self[self.size()-1].weight.replace('%','')) == 100.0",message="steps: the last weight must be 100%; add a last step {weight: \"100%\", hold: 5m}"
	// +kubebuilder:validation:XValidation:rule="self.all(s, self.exists_one(o, double(o.weight.replace('%','')) == double(s.weight.replace('%',''))))",message="steps: every weight must be different from the others; remove the repeated step"
	// +kubebuilder:validation:XValidation:rule="self.map(s, double(s.weight.replace('%',''))).isSorted()",message="steps: weights must rise from step to step; sort the steps by weight"
	// +kubebuilder:validation:XValidation:rule="self.filter(s, has(s.checks)).size() <= 8",message="steps: at most 8 steps may have checks; move the checks of some to others, up to 4 each"
	// +kubebuilder:validation:XValidation:rule="self.filter(s, has(s.gates)).size() <= 8",message="steps: at most 8 steps may have gates; move the gates of some to others, up to 4 each"
	// +kubebuilder:validation:XValidation:rule="self.all(s, !has(s.checks) || s.checks.all(c, self.exists_one(o, has(o.checks) && c in o.checks)))",message="steps: a check is run once in a release; name each check at one step"
	// +kubebuilder:validation:XValidation:rule="self.all(s, !has(s.gates) || s.gates.all(g, self.exists_one(o, has(o.gates) && o.gates.exists(h, h.name == g.name))))",message="steps: a gate is opened once in a release; give each gate a name of its own"
	Steps []Step `json:"steps"`
	// pace says how the weights between the steps are chosen.
	// +optional
	// +kubebuilder:default={type: Proof}
	Pace Pace `json:"pace,omitempty,omitzero"`
	// objectives are the service level objectives by which both arms are judged.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=12
	Objectives []Objective `json:"objectives"`
	// confidence bounds how often a verdict may be wrong.
	// +optional
	// +kubebuilder:default={falseAbort: "1%", falsePromote: "5%"}
	Confidence Confidence `json:"confidence,omitempty,omitzero"`
	// tolerance is how many times the stable's bad share the canary's may be without being worse, from "1" to "10".
	// +optional
	// +kubebuilder:default="1.2"
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:Pattern=`^(10|[1-9](\.[0-9]{1,3})?)$`
	Tolerance string `json:"tolerance,omitempty"`
	// undetermined says what happens to a step that cannot be decided.
	// +optional
	// +kubebuilder:default={after: "30m", action: Hold}
	Undetermined Deadline `json:"undetermined,omitempty,omitzero"`
	// warmup is how long the canary's first traffic is not counted, at most 10m.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('10m')",message="warmup must be at most 10m"
	Warmup Duration `json:"warmup,omitempty"`
	// sharedBreach says what happens when the stable itself breaks the objective, so that the version is not to blame.
	// +optional
	// +kubebuilder:default={after: "10m", action: Hold}
	SharedBreach Deadline `json:"sharedBreach,omitempty,omitzero"`
	// clientErrors says what happens when the canary answers with redirects or client errors (HTTP 3xx and 4xx, and the statuses of gRPC that
	// are the caller's mistake) beyond tolerance times as often as the stable does for the same traffic: Hold raises nothing by itself, until
	// a person promotes it by command; Ignore takes them for answers like any other. Whatever it says, they are no reason to abort.
	// +optional
	// +kubebuilder:default=Hold
	ClientErrors ClientErrors `json:"clientErrors,omitempty"`
	// workload bounds how long pods may take to come and to go.
	// +optional
	// +kubebuilder:default={readyWithin: "10m", drain: "30s"}
	Workload WorkloadLimits `json:"workload,omitempty,omitzero"`
}

// Step is a weight, what must be so before it, and the least time it is held.
type Step struct {
	// weight is the canary's share of the Service's traffic, from "0.0001%" to "100%".
	// +required
	// +kubebuilder:validation:XValidation:rule="double(self.replace('%','')) > 0.0",message="weight must be above 0%"
	Weight Percentage `json:"weight"`
	// hold is the least time at this weight that must be covered by counted requests of both arms, at most 24h.
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="hold must be at most 24h"
	Hold Duration `json:"hold"`
	// checks are run before this weight, in their order, each once in a release: check smoke of Service checkout is the CronJob checkout-smoke
	// in the Service's namespace, suspended, of which a Job is made. It finds the canary at the host STAGGER_HOST, where its requests count
	// for nothing. The weight is written when each has succeeded; one that fails takes the release back.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	Checks []CheckName `json:"checks,omitempty"`
	// gates must be open before this weight is written. People, or programs, open them for one release by "kubectl stagger approve".
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	Gates []Gate `json:"gates,omitempty"`
}

// CheckName names a check: at most 20 lower-case letters, digits and dashes.
//
// +kubebuilder:validation:MaxLength=20
// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$`
type CheckName string

// Gate is an outcome from outside that a release waits for.
type Gate struct {
	// name is what has to be approved, such as load-test. Who has the verb approve on gates.stagger.dev of this name may do that.
	// +required
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$`
	Name string `json:"name"`
	// by says who may open it, of those who have the verb: Anyone, or AnotherPerson than the author of the pod template. Where the author is
	// not known, AnotherPerson takes two different ones.
	// +optional
	// +kubebuilder:default=Anyone
	By GateBy `json:"by,omitempty"`
}

// GateBy says who may open a gate.
//
// +kubebuilder:validation:Enum=Anyone;AnotherPerson
type GateBy string

const (
	// GateByAnyone is whoever has the verb.
	GateByAnyone GateBy = "Anyone"
	// GateByAnotherPerson is whoever has the verb and did not write the template.
	GateByAnotherPerson GateBy = "AnotherPerson"
)

// PaceType says how the weights between the steps are chosen.
//
// +kubebuilder:validation:Enum=Proof;Fixed
type PaceType string

const (
	// PaceProof begins with so small a weight that a version broken from its first request costs few requests, and raises it as
	// far as the counts prove that a raise stays within the budget of failed requests. It stops at each of the policy's steps.
	PaceProof PaceType = "Proof"
	// PaceFixed gives the canary exactly the weights of the policy's steps.
	PaceFixed PaceType = "Fixed"
)

// Pace is how a release goes from step to step.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'Fixed' || !has(self.failedRequests)",message="failedRequests is for type Proof; remove it, or let type be Proof"
type Pace struct {
	// type is Proof or Fixed.
	// +optional
	// +kubebuilder:default=Proof
	Type PaceType `json:"type,omitempty"`
	// failedRequests is the budget of Proof, from 1 to 10000: about so many requests fail while a version that is broken from its
	// first request is noticed and taken back, and no raise may put more at stake unless the version meets its objectives. It is
	// 10 when it is not given.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	FailedRequests int32 `json:"failedRequests,omitempty"`
}

// IndicatorType says which requests are bad.
//
// +kubebuilder:validation:Enum=Requests;Duration;Custom
type IndicatorType string

const (
	// IndicatorRequests counts as bad what users saw fail: HTTP 5xx, transport failures and gRPC error statuses, as the callers'
	// proxies saw them.
	IndicatorRequests IndicatorType = "Requests"
	// IndicatorDuration counts as bad what took longer than the threshold, as the callers' proxies saw it.
	IndicatorDuration IndicatorType = "Duration"
	// IndicatorCustom counts by two counters of the user's own.
	IndicatorCustom IndicatorType = "Custom"
)

// TooManyRequests says what an HTTP 429 is.
//
// +kubebuilder:validation:Enum=Good;Bad
type TooManyRequests string

const (
	// TooManyRequestsGood takes HTTP 429 for an answer like any other of the 4xx.
	TooManyRequestsGood TooManyRequests = "Good"
	// TooManyRequestsBad takes HTTP 429 for a failure of the version.
	TooManyRequestsBad TooManyRequests = "Bad"
)

// CustomIndicator counts requests by two counters of the user's own.
type CustomIndicator struct {
	// total selects the counter of all requests: a name and matchers in braces, one of them {{selector}}, which stands for the
	// labels destination_service_namespace and destination_service_name of an arm. No functions, ranges or offsets.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.contains('{{selector}}')",message="total must contain {{selector}}, which stands for the labels of an arm: orders_total{{{selector}}}"
	// +kubebuilder:validation:XValidation:rule="!self.contains('(') && !self.contains('[')",message="total must be a counter's name and matchers in braces, without functions or ranges"
	Total string `json:"total"`
	// bad selects the counter of the bad ones among them, in the same way.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.contains('{{selector}}')",message="bad must contain {{selector}}, which stands for the labels of an arm: orders_total{{{selector}},result=\"error\"}"
	// +kubebuilder:validation:XValidation:rule="!self.contains('(') && !self.contains('[')",message="bad must be a counter's name and matchers in braces, without functions or ranges"
	Bad string `json:"bad"`
}

// Objective is one service level objective.
//
// +kubebuilder:validation:XValidation:rule="(self.indicator == 'Duration') == has(self.threshold)",message="threshold is for indicator Duration, which needs it: add threshold: 500ms there, or remove it"
// +kubebuilder:validation:XValidation:rule="(self.indicator == 'Custom') == has(self.custom)",message="custom is for indicator Custom, which needs it: add the selectors total and bad there, or remove it"
// +kubebuilder:validation:XValidation:rule="self.indicator == 'Requests' || !has(self.tooManyRequests)",message="tooManyRequests is for indicator Requests; remove it"
type Objective struct {
	// name is how people call the objective, such as availability.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// indicator says which requests are bad.
	// +required
	Indicator IndicatorType `json:"indicator"`
	// target is the least share of good requests, from "50%" to below "100%".
	// +required
	// +kubebuilder:validation:XValidation:rule="double(self.replace('%','')) < 100.0",message="target must be below 100%: an objective without an error budget cannot be measured; use 99.99% for the strictest"
	// +kubebuilder:validation:XValidation:rule="double(self.replace('%','')) >= 50.0",message="target must be at least 50%; it is the share of good requests, not of bad ones"
	Target Percentage `json:"target"`
	// threshold is the longest a good request takes, for indicator Duration: an edge of the mesh's histogram, such as 500ms.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('1h')",message="threshold must be above 0s and at most 1h"
	Threshold Duration `json:"threshold,omitempty"`
	// custom holds the counters of indicator Custom.
	// +optional
	Custom *CustomIndicator `json:"custom,omitempty"`
	// tooManyRequests says what an HTTP 429 is, for indicator Requests: Good, or Bad. It is Good when it is not given.
	// +optional
	TooManyRequests TooManyRequests `json:"tooManyRequests,omitempty"`
	// weight is this objective's part of the false aborts that confidence allows, relative to the other objectives', from 1 to
	// 100. It is 1 when it is not given.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Weight int32 `json:"weight,omitempty"`
}

// Confidence bounds how often verdicts may be wrong: an abort in a whole release, all objectives together; a raise and the promotion each
// by itself.
type Confidence struct {
	// falseAbort is how often a version no worse than allowed may be aborted, from "0.01%" to "20%".
	// +optional
	// +kubebuilder:default="1%"
	// +kubebuilder:validation:XValidation:rule="double(self.replace('%','')) >= 0.01 && double(self.replace('%','')) <= 20.0",message="falseAbort must be from 0.01% to 20%"
	FalseAbort Percentage `json:"falseAbort,omitempty"`
	// falsePromote is how often each move may be wrong, from "0.01%" to "20%": the promotion of a version that breaks an objective, or a raise
	// of one that fails more requests than pace and objectives allow at the weight it goes to.
	// +optional
	// +kubebuilder:default="5%"
	// +kubebuilder:validation:XValidation:rule="double(self.replace('%','')) >= 0.01 && double(self.replace('%','')) <= 20.0",message="falsePromote must be from 0.01% to 20%"
	FalsePromote Percentage `json:"falsePromote,omitempty"`
}

// DeadlineAction is what a release does when a deadline has passed.
//
// +kubebuilder:validation:Enum=Hold;Abort
type DeadlineAction string

const (
	// ActionHold keeps the weight and waits for people or for more evidence.
	ActionHold DeadlineAction = "Hold"
	// ActionAbort takes the version back without refusing its template.
	ActionAbort DeadlineAction = "Abort"
)

// ClientErrors says what client errors do to a release that the stable does not give.
//
// +kubebuilder:validation:Enum=Hold;Ignore
type ClientErrors string

const (
	// ClientErrorsHold raises nothing by itself while the canary gives more of them than the stable.
	ClientErrorsHold ClientErrors = "Hold"
	// ClientErrorsIgnore takes them for answers like any other.
	ClientErrorsIgnore ClientErrors = "Ignore"
)

// Deadline is a time and what happens after it. Its clock runs only while evidence is fresh.
type Deadline struct {
	// after is how long the release waits first, from 1m to 168h. There is no deadline without it, least of all one at once.
	// +required
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="after must be from 1m to 168h"
	After Duration `json:"after"`
	// action is Hold or Abort.
	// +optional
	// +kubebuilder:default=Hold
	Action DeadlineAction `json:"action,omitempty"`
}

// WorkloadLimits bound how long pods may take.
type WorkloadLimits struct {
	// readyWithin is how long the canary's first pods may take to become available, and a command to be carried out, at most 2h; then the
	// release is aborted, or the command refused.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('2h')",message="readyWithin must be from 5s to 2h"
	ReadyWithin Duration `json:"readyWithin,omitempty"`
	// drain is how long the canary's pods stay after they have lost their traffic, so that requests in flight finish, at most 30m.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('30m')",message="drain must be at most 30m"
	Drain Duration `json:"drain,omitempty"`
}

// ShiftPolicyStatus says whether the policy can be used.
type ShiftPolicyStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Ready, Accepted and SourceAnswers; Stalled when the plan contradicts itself.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ShiftPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type ShiftPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ShiftPolicy `json:"items"`
}
