package metrics

import (
	"slices"
	"strconv"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Type is the type of a metric, as Prometheus knows it.
type Type string

const (
	// Counter only rises.
	Counter Type = "counter"
	// Gauge is what it is at the scrape.
	Gauge Type = "gauge"
	// Histogram counts values by their size.
	Histogram Type = "histogram"
)

// Stability says what users can rely on.
type Stability string

const (
	// Stable metrics keep their name, their labels and their meaning within a major version. Alerts use only these.
	Stable Stability = "stable"
	// Beta metrics may change from one minor version to the next, which the changelog tells.
	Beta Stability = "beta"
)

// Label is a label of a metric.
type Label struct {
	Name string
	// Values are all values the label can have; nil when they cannot be listed.
	Values []string
	// Means says what the values are, in words.
	Means string
}

// Metric is one metric.
type Metric struct {
	Name      string
	Type      Type
	Help      string
	Stability Stability
	Labels    []Label
	// Buckets are the upper bounds of a Histogram, in its unit, rising.
	Buckets []float64
	// Born are the label values of the series that are there at 0 from the start; nil: there is a series once something has happened.
	Born [][]string
	// Custom says that the labels of the setting metrics.labels come on top.
	Custom bool
}

// The names of the metrics.
const (
	BuildInfo              = "stagger_build_info"
	HoldMode               = "stagger_hold_mode"
	Services               = "stagger_services"
	UnmanagedServices      = "stagger_unmanaged_services"
	ReleaseInfo            = "stagger_release_info"
	ReleaseStarted         = "stagger_release_started_timestamp_seconds"
	ReleaseWaitingSince    = "stagger_release_waiting_since_timestamp_seconds"
	ReleaseWeight          = "stagger_release_weight_ratio"
	ReleaseStep            = "stagger_release_step"
	ReleaseSteps           = "stagger_release_steps"
	ReleaseRequests        = "stagger_release_requests"
	ObjectiveEvidence      = "stagger_objective_evidence"
	ObjectiveEvidenceLimit = "stagger_objective_evidence_limit"
	ObjectiveRequests      = "stagger_objective_requests"
	ObjectiveBadRequests   = "stagger_objective_bad_requests"

	ReleasesStarted         = "stagger_releases_started_total"
	Releases                = "stagger_releases_total"
	NamespaceReleases       = "stagger_namespace_releases_total"
	NamespaceCanaryRequests = "stagger_namespace_canary_requests_total"
	RetriedReleases         = "stagger_retried_releases_total"
	Commands                = "stagger_commands_total"
	ForeignEdits            = "stagger_foreign_edits_total"
	Brakes                  = "stagger_brakes_total"
	ReleaseDuration         = "stagger_release_duration_seconds"
	StepDuration            = "stagger_step_duration_seconds"
	AbortLatency            = "stagger_abort_latency_seconds"
	Writes                  = "stagger_writes_total"

	EvidenceQueries       = "stagger_evidence_queries_total"
	EvidenceQueryDuration = "stagger_evidence_query_duration_seconds"
	EvidenceAge           = "stagger_evidence_age_seconds"
	EvidenceLag           = "stagger_evidence_lag_seconds"
	EvidenceClockAhead    = "stagger_evidence_clock_ahead_seconds"
	EvidenceSourceUp      = "stagger_evidence_source_up"
	EvidenceVoidSlices    = "stagger_evidence_void_slices_total"

	DirectReadings        = "stagger_direct_readings_total"
	DirectReadingDuration = "stagger_direct_reading_duration_seconds"
	DirectPutOff          = "stagger_direct_readings_put_off_total"
)

// Values of labels. They are part of what users rely on.
const (
	// Wanted is the kind of the weight that is written.
	Wanted = "wanted"
	// Live is the kind of the weight that is measured.
	Live = "live"
	// Exposed is the result of all requests that met a canary.
	Exposed = "exposed"
	// Failed is the result of those that were bad.
	Failed = "failed"
	// ExpectedFailed is the result of those that would have been bad at the stable's share of bad requests.
	ExpectedFailed = "expected_failed"
	// ExcessFailed is the result of those that were bad beyond that.
	ExcessFailed = "excess_failed"
	// Against is the side of the evidence that speaks against the canary.
	Against = "against"
	// For is the side that speaks for its next move.
	For = "for"
	// StableArm is the arm that serves.
	StableArm = "stable"
	// CanaryArm is the arm that is new.
	CanaryArm = "canary"
	// OnChange is the way of holding Deployments by the admission policy.
	OnChange = "OnChange"
	// Always is the way of keeping them paused, because there is no policy.
	Always = "Always"
	// Fallback is the way of keeping them paused, because the policy that is there does not hold them.
	Fallback = "Fallback"
	// StageEvidence is the stage of an abort until it is decided.
	StageEvidence = "evidence"
	// StageWrite is the stage until the traffic is gone.
	StageWrite = "write"
	// StageTotal is both stages.
	StageTotal = "total"
	// OK is the result of what was done.
	OK = "ok"
	// Conflict is the result of a write of what has changed since it was read.
	Conflict = "conflict"
	// Denied is the result of a write that somebody refuses.
	Denied = "denied"
	// Partial is the outcome of a query whose answer lacks something.
	Partial = "partial"
	// Error is the result of what failed otherwise.
	Error = "error"
	// ReadingRefused is the result of a reading whose connection was refused.
	ReadingRefused = "refused"
	// ReadingTimedOut is the result of one that took too long.
	ReadingTimedOut = "timed_out"
	// ReadingStatus is the result of one that was answered by another HTTP status than 200.
	ReadingStatus = "status"
	// ReadingNothing is the result of one whose answer has nothing that every proxy of Istio counts.
	ReadingNothing = "no_statistics"
	// ReadingLarge is the result of one whose answer is too large.
	ReadingLarge = "too_large"
	// ReadingUnreadable is the result of one whose answer cannot be read.
	ReadingUnreadable = "unreadable"
	// ReadingOther is the result of one that failed otherwise.
	ReadingOther = "other"
	// Accepted is the result of a command that was carried out.
	Accepted = "accepted"
	// Refused is the result of one that was not.
	Refused = "refused"
	// AskSlice is the kind of queries about the newest slices.
	AskSlice = "slice"
	// AskPast is the kind of those about the time before a release.
	AskPast = "past"
	// AskPods is the kind of those about single pods.
	AskPods = "pods"
	// AskProbe is the kind of those that ask whether there is an answer.
	AskProbe = "probe"
	// EditRoute is a foreign edit of weights.
	EditRoute = "route"
	// EditSelector is one of a Service's selector.
	EditSelector = "selector"
	// EditRollout is one by which a paused Deployment rolls out.
	EditRollout = "rollout"
	// Unreadable is a command that cannot be read.
	Unreadable = "unreadable"
	// StateReady is the state of a Service at rest.
	StateReady = "Ready"
	// StateWaiting is the state of one whose template waits.
	StateWaiting = "Waiting"
	// StateStalled is the state of one that only people can help.
	StateStalled = "Stalled"
	// StateUnknown is the state of one that was not looked at yet.
	StateUnknown = "Unknown"
)

// mostSteps is how many steps a plan has at most.
const mostSteps = 20

// Table returns every metric, in the order of the reference.
func Table() []Metric {
	return slices.Concat(stateMetrics(), changeMetrics(), evidenceMetrics(), directMetrics())
}

var (
	namespaceLabel = Label{Name: LabelNamespace, Means: "the namespace of the Service"}
	serviceLabel   = Label{Name: LabelService, Means: "the Service; of a TrafficShift between destinations its name"}
	policyLabel    = Label{Name: LabelPolicy, Means: "the ShiftPolicy"}
	outcomeLabel   = Label{Name: LabelOutcome, Values: []string{string(v1alpha1.StatePromoted), string(v1alpha1.StateAborted)}}
	objectiveLabel = Label{Name: LabelObjective, Means: "the objective's name in the policy"}
	sideLabel      = Label{Name: LabelSide, Values: []string{Against, For}}
	sourceLabel    = Label{Name: LabelSource, Means: "the name of the source in the operator's configuration"}
	ofRelease      = []Label{namespaceLabel, serviceLabel}
)

// and returns labels with more of them at their end.
func and(labels []Label, more ...Label) []Label { return slices.Concat(labels, more) }

// RunningStates are the states of a release that is not over.
func RunningStates() []string {
	return []string{
		string(v1alpha1.StatePreparing), string(v1alpha1.StateShifting), string(v1alpha1.StateHandover),
		string(v1alpha1.StateAborting), string(v1alpha1.StateDraining), string(v1alpha1.StateRestoring),
	}
}

func stateMetrics() []Metric {
	states := append(RunningStates(), StateReady, string(v1alpha1.StateAborted), StateWaiting, StateStalled, StateUnknown)
	return []Metric{
		{Name: BuildInfo, Type: Gauge, Stability: Stable, Help: "The operator that is scraped; always 1. Every replica tells it.",
			Labels: []Label{{Name: LabelVersion, Means: "its version"}, {Name: LabelRevision, Means: "the commit it was built from; empty when unknown"}, {Name: LabelGoVersion, Means: "the version of Go"}}},
		{Name: HoldMode, Type: Gauge, Stability: Stable, Help: "How Deployments are held: 1 for the way that is in force. Fallback: the admission policy is " +
			"installed and does not hold a Deployment, so that it is paused at rest too, as with Always. All are 0 until the first proof.",
			Labels: []Label{{Name: LabelMode, Values: []string{OnChange, Always, Fallback}}}},
		{Name: Services, Type: Gauge, Stability: Stable, Custom: true, Help: "Services under management. Combinations without a Service are left out.",
			Labels: []Label{namespaceLabel, policyLabel, {Name: LabelState, Values: states}}},
		{Name: UnmanagedServices, Type: Gauge, Stability: Stable, Custom: true,
			Help: "Services with a selector that are not under management, in namespaces that the operator watches.", Labels: []Label{namespaceLabel}},
		{Name: ReleaseInfo, Type: Gauge, Stability: Stable, Help: "A running release; always 1.",
			Labels: and(ofRelease, policyLabel, Label{Name: LabelState, Values: RunningStates()}, Label{Name: LabelNumber, Means: "the release's number"})},
		{Name: ReleaseStarted, Type: Gauge, Stability: Stable, Help: "When the running release began, in seconds since 1970.", Labels: ofRelease},
		{Name: ReleaseWaitingSince, Type: Gauge, Stability: Stable, Help: "Since when a release, or a template that is to be released, waits for the reason, " +
			"in seconds since 1970.", Labels: and(ofRelease, Label{Name: LabelReason, Means: "the reason of the condition Reconciling or Stalled"})},
		{Name: ReleaseWeight, Type: Gauge, Stability: Stable, Help: "Share of the traffic for the canary, as wanted and as measured, from 0 to 1. Without traffic nothing is measured.",
			Labels: and(ofRelease, Label{Name: LabelKind, Values: []string{Wanted, Live}})},
		{Name: ReleaseStep, Type: Gauge, Stability: Stable, Help: "Step of the plan, from 1; 0 before the first weight.", Labels: ofRelease},
		{Name: ReleaseSteps, Type: Gauge, Stability: Stable, Help: "Steps that the plan has.", Labels: ofRelease},
		{Name: ReleaseRequests, Type: Gauge, Stability: Stable, Help: "Requests that met the canary of the running release, those of them that were bad, and " +
			"how many would have been bad at the stable's share of bad requests; the last is left out while the stable has no requests.",
			Labels: and(ofRelease, Label{Name: LabelResult, Values: []string{Exposed, Failed, ExpectedFailed}})},
		{Name: ObjectiveEvidence, Type: Gauge, Stability: Beta, Help: "Evidence about the canary: against it, and for the next move; at most 1e6. " +
			"The release is aborted when the sum of what is against it reaches the limit.", Labels: and(ofRelease, objectiveLabel, sideLabel)},
		{Name: ObjectiveEvidenceLimit, Type: Gauge, Stability: Beta, Help: "The evidence that suffices: to abort, and for one objective to allow the next move.",
			Labels: and(ofRelease, sideLabel)},
		{Name: ObjectiveRequests, Type: Gauge, Stability: Beta, Help: "Requests that were counted in the running release.",
			Labels: and(ofRelease, objectiveLabel, Label{Name: LabelArm, Values: []string{StableArm, CanaryArm}})},
		{Name: ObjectiveBadRequests, Type: Gauge, Stability: Beta, Help: "Those of them that were bad.",
			Labels: and(ofRelease, objectiveLabel, Label{Name: LabelArm, Values: []string{StableArm, CanaryArm}})},
	}
}

func changeMetrics() []Metric {
	canary := Label{Name: LabelResult, Values: []string{Exposed, Failed, ExcessFailed}}
	command := Label{Name: LabelCommand, Values: []string{"abort", "retry", "undo", "replan", "promote", "promote-full", "approve", Unreadable}}
	edit := Label{Name: LabelKind, Values: []string{EditRoute, EditSelector, EditRollout}}
	stage := Label{Name: LabelStage, Values: []string{StageEvidence, StageWrite, StageTotal}}
	kind := Label{Name: LabelKind, Values: []string{"VirtualService", "DestinationRule", "Service", "Deployment", "ReplicaSet", "Job", "TrafficShift", "ShiftPolicy"}}
	verb := Label{Name: LabelVerb, Values: []string{"create", "patch", "delete"}}
	result := Label{Name: LabelResult, Values: []string{OK, Conflict, Denied, Error}}
	step := Label{Name: LabelStep, Values: numbers(mostSteps)}
	answer := Label{Name: LabelResult, Values: []string{Accepted, Refused}}
	return []Metric{
		{Name: ReleasesStarted, Type: Counter, Stability: Stable, Help: "Releases that began.", Labels: []Label{policyLabel}},
		{Name: Releases, Type: Counter, Stability: Stable, Help: "Releases that ended, once that is written.", Born: born(outcomes()),
			Labels: []Label{outcomeLabel, {Name: LabelReason, Values: reasons(outcomes())}, {Name: LabelCause, Values: Causes()}}},
		{Name: NamespaceReleases, Type: Counter, Stability: Stable, Custom: true, Help: "Releases that ended, by namespace; at 0 from the first managed Service of the namespace.",
			Labels: []Label{namespaceLabel, outcomeLabel}},
		{Name: NamespaceCanaryRequests, Type: Counter, Stability: Stable, Custom: true, Help: "Requests that met the canaries of the releases that ended: all of them, those " +
			"that were bad, and how many more were bad than at the stable's share of bad requests.", Labels: []Label{namespaceLabel, canary}},
		{Name: RetriedReleases, Type: Counter, Stability: Beta, Help: "Releases that ended, of a template that the release before had been aborted with. One that is promoted " +
			"may have been aborted for nothing.", Labels: []Label{outcomeLabel}, Born: combinations(outcomeLabel)},
		{Name: Commands, Type: Counter, Stability: Stable, Help: "Commands of people that were answered.", Labels: []Label{command, answer}, Born: combinations(command, answer)},
		{Name: Brakes, Type: Counter, Stability: Beta, Help: "Weights that were lowered to the first one within a second or two of failures, before anything was proven.",
			Labels: []Label{policyLabel}},
		{Name: ForeignEdits, Type: Counter, Stability: Stable, Help: "Edits by others, of a running release, that were put back: of weights in routes, of the Service's selector, " +
			"and of a paused Deployment that was let loose.", Labels: []Label{edit}, Born: combinations(edit)},
		{Name: ReleaseDuration, Type: Histogram, Stability: Stable, Help: "From the start of a release to its end.", Labels: []Label{outcomeLabel}, Born: combinations(outcomeLabel),
			Buckets: exponential(30, 2, 14)},
		{Name: StepDuration, Type: Histogram, Stability: Beta, Help: "From the first weight of a step to the next step, or to the decision that ended the release.",
			Labels: []Label{step}, Born: combinations(step), Buckets: exponential(30, 2, 14)},
		{Name: AbortLatency, Type: Histogram, Stability: Stable, Help: "How long aborts by evidence took. evidence: from the end of the counts that decided it to the decision, which is how far " +
			"Prometheus lags behind; write: from there until the canary's traffic was taken away, by the API server and the operator; total: both.",
			Labels: []Label{stage}, Born: combinations(stage), Buckets: []float64{0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 120, 300, 600}},
		{Name: Writes, Type: Counter, Stability: Stable, Help: "Writes to the API server. conflict: the object had changed since it was read; denied: admission, a quota or missing rights refused it.",
			Labels: []Label{kind, verb, result}, Born: combinations(kind, verb, result)},
	}
}

func evidenceMetrics() []Metric {
	by := []Label{sourceLabel}
	kind := Label{Name: LabelKind, Values: []string{AskSlice, AskPast, AskPods, AskProbe}}
	outcome := Label{Name: LabelOutcome, Values: []string{OK, Partial, Error}}
	void := Label{Name: LabelReason, Values: voidReasons()}
	return []Metric{
		{Name: EvidenceQueries, Type: Counter, Stability: Stable, Help: "Queries for evidence. partial: something was missing in the answer, and it is not used; error: it is asked again.",
			Labels: and(by, kind, outcome)},
		{Name: EvidenceQueryDuration, Type: Histogram, Stability: Beta, Help: "How long the source took to answer a query, or to fail.",
			Labels: and(by, kind), Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}},
		{Name: EvidenceAge, Type: Gauge, Stability: Stable, Help: "Time since the last counts that were evidence, of the running release that has waited longest for some; 0 while no release has a weight.", Labels: by},
		{Name: EvidenceLag, Type: Gauge, Stability: Stable, Help: "How far behind now the newest reports are that the source shows of all running releases; while none runs, how far behind now it would be asked.",
			Labels: by},
		{Name: EvidenceClockAhead, Type: Gauge, Stability: Beta, Help: "By how much the operator's clock is ahead of that of the source; negative: behind. Beyond 5 s nothing is raised (ClockSkew). " +
			"Left out before the first answer.", Labels: by},
		{Name: EvidenceSourceUp, Type: Gauge, Stability: Stable, Help: "Whether the source answered the last question; it is asked at least each half minute, while no release runs too. Left out before the first.",
			Labels: by},
		{Name: EvidenceVoidSlices, Type: Counter, Stability: Stable, Help: "Slices of a release that prove nothing, by the reason of the condition EvidenceCurrent.", Labels: and(by, void)},
	}
}

func directMetrics() []Metric {
	result := Label{Name: LabelResult, Values: []string{OK, ReadingRefused, ReadingTimedOut, ReadingStatus, ReadingNothing, ReadingLarge, ReadingUnreadable, ReadingOther}}
	return []Metric{
		{Name: DirectReadings, Type: Counter, Stability: Beta, Help: "Readings of the statistics of proxies, each second while a release gives its canary traffic. What could not be " +
			"read is tried again, ever less often; meanwhile aborts by the counts of Prometheus take up to 45 s.", Labels: []Label{result}, Born: combinations(result)},
		{Name: DirectReadingDuration, Type: Histogram, Stability: Beta, Help: "How long a proxy took to give its statistics, or to fail; at most 0.3 s.", Born: [][]string{nil},
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3}},
		{Name: DirectPutOff, Type: Counter, Stability: Beta, Help: "Readings that were put off, because more proxies were to be read than the operator reads in a second. Releases are read in turn then, " +
			"the heaviest more often.", Born: [][]string{nil}},
	}
}

// voidReasons are the reasons for which a slice proves nothing.
func voidReasons() []string {
	return []string{string(v1alpha1.ReasonNoData), string(v1alpha1.ReasonStale), string(v1alpha1.ReasonPrometheusUnreachable)}
}

// numbers are those from 1 to n.
func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i + 1)
	}
	return all
}

// combinations are all combinations of the values of labels.
func combinations(labels ...Label) [][]string {
	all := [][]string{nil}
	for _, l := range labels {
		var longer [][]string
		for _, before := range all {
			for _, v := range l.Values {
				longer = append(longer, append(slices.Clone(before), v))
			}
		}
		all = longer
	}
	return all
}

// exponential are n bounds, each so many times the one before.
func exponential(first, factor float64, n int) []float64 {
	bounds := make([]float64, n)
	for i := range bounds {
		bounds[i], first = first, first*factor
	}
	return bounds
}
