package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReleaseState says where a release is. It is for people and columns; the conditions carry the contract.
//
// +kubebuilder:validation:Enum=Preparing;Shifting;Handover;Aborting;Draining;Restoring;Promoted;Aborted
type ReleaseState string

const (
	// StatePreparing makes the canary's Service and pods; no traffic is shifted yet.
	StatePreparing ReleaseState = "Preparing"
	// StateShifting gives the canary traffic, step by step.
	StateShifting ReleaseState = "Shifting"
	// StateHandover gives the canary's ReplicaSet to the Deployment.
	StateHandover ReleaseState = "Handover"
	// StateAborting takes the canary's traffic away.
	StateAborting ReleaseState = "Aborting"
	// StateDraining waits for requests in flight before the canary's pods go.
	StateDraining ReleaseState = "Draining"
	// StateRestoring puts the user's routes and Service back as they were.
	StateRestoring ReleaseState = "Restoring"
	// StatePromoted is the end: the canary is the stable.
	StatePromoted ReleaseState = "Promoted"
	// StateAborted is the end: the canary was taken back.
	StateAborted ReleaseState = "Aborted"
)

// Ended says whether nothing is left to do for the release.
func (s ReleaseState) Ended() bool { return s == StatePromoted || s == StateAborted }

// Release is one attempt to move the Service from the stable to the canary.
type Release struct {
	// number counts the releases of this TrafficShift from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number"`
	// revision is the pod-template-hash of the canary's pods.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision"`
	// images are the images of the canary's containers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	Images []string `json:"images,omitempty"`
	// changes says in words what the canary's pod template has otherwise than the stable's: configuration, variables, resources and the like.
	// Values are not told.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	Changes []string `json:"changes,omitempty"`
	// toward is which of spec.destinations the traffic is moved to; empty where there are none.
	// +optional
	Toward Toward `json:"toward,omitempty"`
	// author is the user who wrote the canary's pod template, as the API server knew him; empty where it did not tell.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Author string `json:"author,omitempty"`
	// imageIDs are the images that pods of the canary ran, with their digests as the nodes name them: those of the containers of its template, each
	// that was seen. Empty while none was, and where its pods are run by somebody else.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	ImageIDs []string `json:"imageIDs,omitempty"`
	// stable is the revision beside which the canary is judged.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Stable string `json:"stable,omitempty"`
	// stableImages are the images of the stable's containers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	StableImages []string `json:"stableImages,omitempty"`
	// stableImageIDs are those that pods of the stable ran while the release did.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	StableImageIDs []string `json:"stableImageIDs,omitempty"`
	// state says where the release is.
	// +required
	State ReleaseState `json:"state"`
	// plan is the policy as it was when the release started.
	// +required
	Plan ShiftPolicySpec `json:"plan"`
	// policy names the ShiftPolicy the plan was taken from.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy,omitempty"`
	// policyGeneration is the generation of the ShiftPolicy when the plan was taken from it.
	// +optional
	PolicyGeneration int64 `json:"policyGeneration,omitempty"`
	// step is the step of the plan the release is at, or is on the way to, from 1; 0 before the first weight.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Step int32 `json:"step"`
	// weight is the wanted share of the canary.
	// +optional
	Weight Percentage `json:"weight,omitempty"`
	// liveWeight is the share measured from traffic; empty while there is none.
	// +optional
	LiveWeight Percentage `json:"liveWeight,omitempty"`
	// liveWeightError is how far the share that callers have met may lie on either side of liveWeight, at 95% confidence.
	// +optional
	LiveWeightError Percentage `json:"liveWeightError,omitempty"`
	// verdict is what the counts say.
	// +optional
	// +kubebuilder:validation:Enum=Healthy;Breach;Undetermined
	Verdict string `json:"verdict,omitempty"`
	// next says in one sentence what happens next, and when.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Next string `json:"next,omitempty"`
	// nextAt is about when the next weight is written, or the canary promoted: when its hold is over and the good requests that its proof
	// lacks have come, at the present traffic. Empty while something else is waited for, and where no traffic is known.
	// +optional
	NextAt *metav1.Time `json:"nextAt,omitempty"`
	// outcome is why the release ended or is being taken back.
	// +optional
	Outcome *Outcome `json:"outcome,omitempty"`
	// startedAt is when the release began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// stepStartedAt is when the present weight was written.
	// +optional
	StepStartedAt *metav1.Time `json:"stepStartedAt,omitempty"`
	// settledAt is since when the present weight is live in the proxies.
	// +optional
	SettledAt *metav1.Time `json:"settledAt,omitempty"`
	// podsAwaitedSince is since when pods are waited for: those of the canary before the first weight, which have plan.workload.readyWithin,
	// or those of either version later on, which have plan.undetermined.
	// +optional
	PodsAwaitedSince *metav1.Time `json:"podsAwaitedSince,omitempty"`
	// sharedBreachSince is since when the stable breaks an objective too, by fresh counts: the release is held for plan.sharedBreach.
	// +optional
	SharedBreachSince *metav1.Time `json:"sharedBreachSince,omitempty"`
	// handoverSince is since when the Service selects the canary's pods. The Deployment gets them when the proxies have been told.
	// +optional
	HandoverSince *metav1.Time `json:"handoverSince,omitempty"`
	// restoringSince is since when routes and Service are as their owner wrote them. The canary's Service goes when the proxies have
	// been told.
	// +optional
	RestoringSince *metav1.Time `json:"restoringSince,omitempty"`
	// drainUntil is when the canary's pods may go.
	// +optional
	DrainUntil *metav1.Time `json:"drainUntil,omitempty"`
	// finishedAt is when the release ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// objectives are the counts and verdicts of each objective.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=12
	Objectives []ObjectiveStatus `json:"objectives,omitempty"`
	// evidence is the checkpoint of the sequential tests, so that a restart loses and repeats nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Evidence string `json:"evidence,omitempty"`
	// direct is the checkpoint of what the proxies said that the operator reads itself, so that a restart forgets no bad second.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Direct string `json:"direct,omitempty"`
	// baseline is what was known of the stable before the first weight.
	// +optional
	Baseline *Baseline `json:"baseline,omitempty"`
	// detects is what the counts are expected to show at the first weight and at each step of the plan.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=21
	Detects []Detection `json:"detects,omitempty"`
	// moves counts the weights that were written.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Moves int32 `json:"moves,omitempty"`
	// weights are the last of them, oldest first, and when each was written.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Weights []WrittenWeight `json:"weights,omitempty"`
	// commands are the last that people gave for this release, also those that were refused or replaced, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Commands []RecordedCommand `json:"commands,omitempty"`
	// checks are those of the plan that were begun, in that order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Checks []CheckStatus `json:"checks,omitempty"`
	// approvals are those of the plan's gates, in the order in which they were given. They hold for this release alone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Approvals []Approval `json:"approvals,omitempty"`
	// pauses are the last times in which a person kept all weights from being raised, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Pauses []Pause `json:"pauses,omitempty"`
	// overridden is what others set against the release, oldest first: edits that were put back, confirmations, denials. There are at most four
	// of a kind; the last of them takes in those that come after it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Overridden []Override `json:"overridden,omitempty"`
	// pending is the command that is waiting to be carried out, for plan.workload.readyWithin at most.
	// +optional
	Pending *PendingCommand `json:"pending,omitempty"`
	// stepsBack counts how often the release has stepped back from 100%.
	// +optional
	// +kubebuilder:validation:Minimum=0
	StepsBack int32 `json:"stepsBack,omitempty"`
	// brakes counts how often the weight was lowered to the first one because of a few bad seconds, before anything was proven.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3
	Brakes int32 `json:"brakes,omitempty"`
	// peakWeight is the largest weight that was written.
	// +optional
	PeakWeight Percentage `json:"peakWeight,omitempty"`
	// exposed counts the requests that met the canary.
	// +optional
	Exposed int64 `json:"exposed,omitempty"`
	// failed counts the requests that met the canary and were bad.
	// +optional
	Failed int64 `json:"failed,omitempty"`
	// counted says how far exposed and failed are counted.
	// +optional
	Counted Counted `json:"counted,omitempty,omitzero"`
	// away says when the canary had no pod that could answer while it had traffic; its requests of that time are not judged.
	// +optional
	Away *Away `json:"away,omitempty"`
	// excused says when one pod of the canary alone made its counts bad, so that the version was not blamed: the last time, and how often.
	// +optional
	Excused *Excused `json:"excused,omitempty"`
	// contested counts foreign edits that were put back in the last two minutes.
	// +optional
	Contested Contested `json:"contested,omitempty,omitzero"`
	// routes are the VirtualServices of others that carry the weights of this release, as namespace/name, sorted; before the first weight those of
	// the release before. One that is not there any more is missed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=317
	Routes []string `json:"routes,omitempty"`
	// workload is what is held.
	// +optional
	Workload ReleaseWorkload `json:"workload,omitempty,omitzero"`
}

// Toward is one of the two destinations of a TrafficShift.
//
// +kubebuilder:validation:Enum=Canary;Stable
type Toward string

const (
	// TowardCanary moves traffic from spec.destinations.stable to canary.
	TowardCanary Toward = "Canary"
	// TowardStable moves it back the other way, after a promotion.
	TowardStable Toward = "Stable"
)

// Outcome is how and why a release ended.
type Outcome struct {
	// result is Promoted or Aborted.
	// +required
	// +kubebuilder:validation:Enum=Promoted;Aborted
	Result ReleaseState `json:"result"`
	// reason is the machine-readable cause.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Reason Reason `json:"reason"`
	// message says it to people, with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// pod is the one pod of the canary that made its counts bad, where there is one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`
	// refuse says that the template is not tried again until it changes or a retry is commanded.
	// +optional
	// +kubebuilder:validation:Enum=Template;Nothing
	Refuse Refusal `json:"refuse,omitempty"`
	// countedUntil is the end of the counts that decided an abort; empty when something else did.
	// +optional
	CountedUntil *metav1.MicroTime `json:"countedUntil,omitempty"`
	// decidedAt is when an abort was decided.
	// +optional
	DecidedAt *metav1.MicroTime `json:"decidedAt,omitempty"`
}

// Refusal says what an abort refuses.
type Refusal string

const (
	// RefuseTemplate keeps the aborted template from being tried again.
	RefuseTemplate Refusal = "Template"
	// RefuseNothing lets the same template be released again.
	RefuseNothing Refusal = "Nothing"
)

// ObjectiveStatus is what the counts say about one objective.
type ObjectiveStatus struct {
	// name of the objective.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// verdict is Healthy, Breach or Undetermined.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Verdict string `json:"verdict,omitempty"`
	// stable counts the stable's requests during this release.
	// +optional
	Stable ArmCounts `json:"stable"`
	// canary counts the canary's requests during this release.
	// +optional
	Canary ArmCounts `json:"canary"`
	// against is the evidence against the canary; the release aborts when the objectives' sum reaches 100.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Against string `json:"against,omitempty"`
	// for is the evidence for the next move; it passes at one over falsePromote.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	For string `json:"for,omitempty"`
}

// ArmCounts are requests of one arm.
type ArmCounts struct {
	// requests were answered, in any way.
	// +optional
	Requests int64 `json:"requests"`
	// bad is how many of them were bad.
	// +optional
	Bad int64 `json:"bad"`
}

// Counted says how far the requests that met a canary are counted. It goes on after the end of a release, until nothing more can come.
type Counted struct {
	// until is up to when they are counted.
	// +optional
	Until *metav1.MicroTime `json:"until,omitempty"`
	// end is when the last of them had met it. An aborted canary had no pods any more. A promoted one was the stable: the proxies followed the
	// routes that were put back, so that what it answers from then on is its requests as the stable. Empty before that.
	// +optional
	End *metav1.MicroTime `json:"end,omitempty"`
	// final says that nothing more is counted.
	// +optional
	Final bool `json:"final,omitempty"`
	// gaps are the times in which requests could not be counted, oldest first. Where there are any, the true numbers may be larger.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Gaps []Gap `json:"gaps,omitempty"`
}

// Gap is a time in which requests could not be counted.
type Gap struct {
	// from is its beginning.
	// +required
	From metav1.MicroTime `json:"from"`
	// to is its end.
	// +required
	To metav1.MicroTime `json:"to"`
}

// Contested counts foreign edits that were put back, and since when they are counted.
type Contested struct {
	// routes is the number of put-backs of weights.
	// +optional
	Routes int32 `json:"routes,omitempty"`
	// routesBy is the field manager that wrote the weights last, where the API server tells it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	RoutesBy string `json:"routesBy,omitempty"`
	// selector is the number of put-backs of the Service's selector.
	// +optional
	Selector int32 `json:"selector,omitempty"`
	// selectorBy is the field manager that wrote the selector last, where the API server tells it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	SelectorBy string `json:"selectorBy,omitempty"`
	// since is when the count began.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
}
