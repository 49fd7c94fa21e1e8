package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WeightReason says what a weight rests on that was written.
//
// +kubebuilder:validation:Enum=Planned;Proven;Commanded;SteppedBack;Braked;Restarted
type WeightReason string

const (
	// WeightPlanned is a weight that needs no proof: the first of a release, or one that costs no more than that.
	WeightPlanned WeightReason = "Planned"
	// WeightProven is a weight that the evidence has cleared.
	WeightProven WeightReason = "Proven"
	// WeightCommanded is a weight that a person commanded.
	WeightCommanded WeightReason = "Commanded"
	// WeightSteppedBack is a smaller weight, because an objective was broken at full traffic, where no stable is beside the canary.
	WeightSteppedBack WeightReason = "SteppedBack"
	// WeightBraked is the first weight again, because so many requests of one second failed that nobody waited for proof.
	WeightBraked WeightReason = "Braked"
	// WeightRestarted is a first weight again, because somebody else had taken the canary's traffic away.
	WeightRestarted WeightReason = "Restarted"
)

// WrittenWeight is a share of the canary that was written into the routes, and what it rested on.
type WrittenWeight struct {
	// weight is the share.
	// +required
	Weight Percentage `json:"weight"`
	// step is the step of the plan that the weight is, or is on the way to, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	Step int32 `json:"step"`
	// at is when it was written.
	// +required
	At metav1.Time `json:"at"`
	// until is when it was left: for another weight, for the handover, or because the canary's traffic was taken away. Empty while it is there.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// hold is how long it was to be covered by counted requests at least, by the plan when it was written.
	// +optional
	Hold Duration `json:"hold,omitempty"`
	// reason says what the weight rested on.
	// +optional
	Reason WeightReason `json:"reason,omitempty"`
	// by is the user who commanded it; empty where nobody did, and where the API server does not tell.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// message says it to people.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// objectives are the counts and the evidence of the whole release when the weight was written.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=12
	Objectives []ObjectiveStatus `json:"objectives,omitempty"`
}

// Pause is a time in which a person kept all weights from being raised.
type Pause struct {
	// from is when the operator saw it.
	// +required
	From metav1.Time `json:"from"`
	// until is when the operator saw that it was over; empty while it lasts, and where it lasted to the end of the release.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// by is the user who paused; empty where the API server does not tell.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// reason is why, in his words.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Reason string `json:"reason,omitempty"`
}

// PastRelease is a release that has ended: all that its record says to people, by the same names as in status.release.
type PastRelease struct {
	// number of the release.
	// +required
	Number int64 `json:"number"`
	// revision that was released.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision"`
	// images of the revision.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	Images []string `json:"images,omitempty"`
	// changes says in words what its pod template has otherwise than that of the stable beside it: configuration, variables, resources and the like.
	// Values are not told.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	Changes []string `json:"changes,omitempty"`
	// imageIDs are the images that its pods ran, with their digests.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	ImageIDs []string `json:"imageIDs,omitempty"`
	// toward is which of spec.destinations the traffic was moved to.
	// +optional
	Toward Toward `json:"toward,omitempty"`
	// stable is the revision beside which it was judged.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Stable string `json:"stable,omitempty"`
	// stableImages are the images of that revision.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	StableImages []string `json:"stableImages,omitempty"`
	// stableImageIDs are the images that its pods ran, with their digests.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	StableImageIDs []string `json:"stableImageIDs,omitempty"`
	// policy names the ShiftPolicy the plan was taken from.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy,omitempty"`
	// policyGeneration is the generation of the ShiftPolicy when the plan was taken from it.
	// +optional
	PolicyGeneration int64 `json:"policyGeneration,omitempty"`
	// plan is the policy that the release went by, as in status.release, where the API server has checked it; empty when it is not known.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Plan *ShiftPolicySpec `json:"plan,omitempty"`
	// workload is what was released.
	// +optional
	Workload ReleaseWorkload `json:"workload,omitempty,omitzero"`
	// outcome is Promoted or Aborted.
	// +required
	Outcome ReleaseState `json:"outcome"`
	// reason is the machine-readable cause.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Reason Reason `json:"reason"`
	// message says it to people.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// pod is the one pod of the canary that made its counts bad, where there is one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`
	// peakWeight is the largest weight that was written.
	// +optional
	PeakWeight Percentage `json:"peakWeight,omitempty"`
	// exposed counts the requests that met the canary.
	// +optional
	Exposed int64 `json:"exposed"`
	// failed counts those of them that were bad.
	// +optional
	Failed int64 `json:"failed"`
	// counted says how far both are counted.
	// +optional
	Counted Counted `json:"counted,omitempty,omitzero"`
	// startedAt is when the release began.
	// +optional
	StartedAt metav1.Time `json:"startedAt,omitempty"`
	// duration from start to end.
	// +optional
	Duration Duration `json:"duration,omitempty"`
	// objectives are the counts, the evidence and the verdict of each objective at the end.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=12
	Objectives []ObjectiveStatus `json:"objectives,omitempty"`
	// moves counts the weights that were written.
	// +optional
	Moves int32 `json:"moves,omitempty"`
	// weights are the last of them, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Weights []WrittenWeight `json:"weights,omitempty"`
	// commands are the last that people gave for the release, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Commands []RecordedCommand `json:"commands,omitempty"`
	// pauses are the last times in which a person kept all weights from being raised, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Pauses []Pause `json:"pauses,omitempty"`
	// overridden is what others had set against the release, oldest first: edits that were put back, confirmations, denials. There are at most four
	// of a kind; the last of them takes in those that come after it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Overridden []Override `json:"overridden,omitempty"`
	// away says when the canary had no pod that could answer while it had traffic.
	// +optional
	Away *Away `json:"away,omitempty"`
	// excused says when one pod of the canary alone made its counts bad, so that the version was not blamed.
	// +optional
	Excused *Excused `json:"excused,omitempty"`
	// shortened says that the record was too long for the history: texts are cut, and the evidence at the first weights and the last images of
	// long lists left out.
	// +optional
	Shortened bool `json:"shortened,omitempty"`
}

// ReleaseWorkload is what is released, and held meanwhile.
type ReleaseWorkload struct {
	// deployment is the Deployment's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Deployment string `json:"deployment,omitempty"`
	// base is the Deployment's replicas at the start.
	// +optional
	Base int32 `json:"base,omitempty"`
	// generation is the Deployment's generation at the start, which says which of its writes is released.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// shippedBy is the field manager that had written the Deployment's template last, such as helm or kubectl-set; empty where it is not known.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ShippedBy string `json:"shippedBy,omitempty"`
	// changeCause is the Deployment's annotation kubernetes.io/change-cause at the start.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ChangeCause string `json:"changeCause,omitempty"`
}
