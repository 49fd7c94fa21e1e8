package view

import "time"

// Report is the record of one release, to hand on to who was not there, such as an auditor. Texts are clean as those of a Screen are; what is
// empty is not known.
type Report struct {
	// Cluster is told by who reads: no object of a cluster says where it is.
	Cluster   *ReportCluster `json:"cluster,omitempty"`
	Namespace string         `json:"namespace"`
	Service   string         `json:"service"`
	// Number of the release, from 1.
	Number int64 `json:"number"`
	// Deployment is the one that was released; nil where both versions are run by somebody else. Toward is then which destination got the traffic.
	Deployment *ReportDeployment `json:"deployment,omitempty"`
	Toward     string            `json:"toward,omitempty"`
	// Version and Stable name the canary and what served beside it; Revision and StableRevision are their pod-template-hashes.
	Version string `json:"version"`
	Stable  string `json:"stable,omitempty"`
	// Changes says what the release changed, where that is more than one image.
	Changes        string `json:"changes,omitempty"`
	Revision       string `json:"revision,omitempty"`
	StableRevision string `json:"stableRevision,omitempty"`
	// Images are those that the versions' templates name, ImageIDs those that their pods ran, with digests.
	Images         []string `json:"images,omitempty"`
	ImageIDs       []string `json:"imageIDs,omitempty"`
	StableImages   []string `json:"stableImages,omitempty"`
	StableImageIDs []string `json:"stableImageIDs,omitempty"`
	// Policy and its generation are what Plan was taken from.
	Policy           string      `json:"policy,omitempty"`
	PolicyGeneration int64       `json:"policyGeneration,omitempty"`
	Plan             *ReportPlan `json:"plan,omitempty"`
	// State is where the release is; Promoted or Aborted when it is over.
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Pod is the one that made the canary's counts bad, where there is one.
	Pod string `json:"pod,omitempty"`
	// Started and Ended are nil when unknown; Ended also while the release runs.
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// AsOf is when the operator last looked at the release, while it runs; nil when it is over or the operator does not tell.
	AsOf *time.Time `json:"asOf,omitempty"`
	// Unattended says that AsOf is too long ago for an operator to be at work.
	Unattended bool `json:"unattended,omitempty"`
	// Peak is the largest weight that was written.
	Peak string `json:"peakWeight,omitempty"`
	// Requests met the canary, Failed of them were bad.
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// Lacking says which requests are not counted, "" when all are: then the true numbers may be larger. Gaps are the times of it.
	Lacking string      `json:"lacking,omitempty"`
	Gaps    []ReportGap `json:"gaps,omitempty"`
	// Overridden are sentences about what people set aside, which is evidence, a refusal, a plan, or the release's going on by itself; and about what
	// others set against it: edits of routes and selectors that were put back, Services whose callers met it unrouted, writes that were denied.
	Overridden []string `json:"overridden,omitempty"`
	// Commands are the last that people gave, oldest first.
	Commands []ReportCommand `json:"commands,omitempty"`
	// Pauses are the times in which people kept the weights from being raised.
	Pauses []ReportPause `json:"pauses,omitempty"`
	// Away is when no pod of the canary could answer, as after an eviction: the last time, and how often.
	Away *ReportAway `json:"away,omitempty"`
	// Excused is when one pod of the canary, or those on one node, made its counts bad and the others did not: the last time, and how often.
	Excused *ReportExcused `json:"excused,omitempty"`
	// Weights are the last that were written, oldest first, Moves is how many there were.
	Weights    []ReportWeight    `json:"weights,omitempty"`
	Moves      int32             `json:"moves,omitempty"`
	Objectives []ReportObjective `json:"objectives,omitempty"`
	// Line says that an older operator kept a line of the release and nothing else; Shortened that its record was too long, so that texts are cut,
	// and the evidence at the first weights and the last images are left out.
	Line      bool `json:"line,omitempty"`
	Shortened bool `json:"shortened,omitempty"`
}

// ReportCluster is a cluster as who reads knows it: by the address of its API server, the context of his kubeconfig, and the UID of the
// namespace kube-system, which is the same for everybody as long as the cluster lives.
type ReportCluster struct {
	Server  string `json:"server"`
	Context string `json:"context,omitempty"`
	UID     string `json:"uid,omitempty"`
}

// ReportDeployment is a Deployment as it was when the release began.
type ReportDeployment struct {
	Name       string `json:"name"`
	Generation int64  `json:"generation,omitempty"`
	// ShippedBy is the field manager that had written the template, ChangeCause the annotation kubernetes.io/change-cause.
	ShippedBy   string `json:"shippedBy,omitempty"`
	ChangeCause string `json:"changeCause,omitempty"`
}

// ReportPlan is what the release went by.
type ReportPlan struct {
	Steps          []ReportStep `json:"steps"`
	Pace           string       `json:"pace,omitempty"`
	FailedRequests int32        `json:"failedRequests,omitempty"`
	Tolerance      string       `json:"tolerance,omitempty"`
	FalseAbort     string       `json:"falseAbort,omitempty"`
	FalsePromote   string       `json:"falsePromote,omitempty"`
	// AbortAt is the evidence against the canary, PassAt that for it, at which the release is taken back and goes on.
	AbortAt float64 `json:"abortAt"`
	PassAt  float64 `json:"passAt"`
}

// ReportStep is a weight of the plan, and how long it is to be covered by counted requests at least.
type ReportStep struct {
	Weight string `json:"weight"`
	Hold   string `json:"hold"`
}

// ReportGap is a time in which requests could not be counted.
type ReportGap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ReportCommand is a command that people gave, and what became of it; By is "" where the API server does not tell who gave it.
type ReportCommand struct {
	Verb   string `json:"verb"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Given is when it was given, nil where nobody tells; Answered is when it was carried out, refused or seen to be replaced, nil while it waits.
	Given    *time.Time `json:"given,omitempty"`
	Answered *time.Time `json:"answered,omitempty"`
	// Result is Accepted, Refused, Replaced or, while it has no answer, Waits; Message what was done, or why nothing was.
	Result  string `json:"result"`
	Message string `json:"message,omitempty"`
}

// ReportPause is a time in which a person kept the weights from being raised; Until is nil while it lasts, or where it lasted to the end.
type ReportPause struct {
	From   time.Time  `json:"from"`
	Until  *time.Time `json:"until,omitempty"`
	By     string     `json:"by,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// ReportAway is when no pod of the canary could answer; Until is nil while it is so.
type ReportAway struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty"`
	Times int32      `json:"times"`
}

// ReportExcused is when one pod of the canary was to blame, or, where Pod is empty, those on one node; Until is nil while it is so.
type ReportExcused struct {
	Pod   string     `json:"pod,omitempty"`
	Node  string     `json:"node,omitempty"`
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty"`
	Times int32      `json:"times"`
}

// ReportWeight is a weight of a Report, the step of the plan that it belongs to, from 1, when it was written and when it was left; Until is nil
// while it is there.
type ReportWeight struct {
	Weight string     `json:"weight"`
	Step   int        `json:"step"`
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until,omitempty"`
	// Hold is how long it was to be covered by counted requests at least.
	Hold string `json:"hold,omitempty"`
	// Reason is what it rested on: Planned, Proven, Commanded, SteppedBack or Restarted. By is who commanded it, Message says it to people.
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"`
	Message string `json:"message,omitempty"`
	// Objectives are the counts and the evidence of the whole release when it was written.
	Objectives []ReportObjective `json:"objectives,omitempty"`
}

// ReportObjective is one objective of a Report; Target is the least share of good requests.
type ReportObjective struct {
	Name           string `json:"name"`
	Target         string `json:"target,omitempty"`
	Verdict        string `json:"verdict"`
	StableRequests int64  `json:"stableRequests"`
	StableBad      int64  `json:"stableBad"`
	CanaryRequests int64  `json:"canaryRequests"`
	CanaryBad      int64  `json:"canaryBad"`
	// Against and For are the evidence as people read it, "-" when unknown.
	Against string `json:"against"`
	For     string `json:"for"`
}
