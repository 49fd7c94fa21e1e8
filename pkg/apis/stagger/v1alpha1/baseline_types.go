package v1alpha1

// Baseline is what the stable's past says about a release: how much traffic it will get, and how its bad requests come.
type Baseline struct {
	// requestsPerSecond is the Service's traffic in the last minutes before the release, both arms together.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	RequestsPerSecond string `json:"requestsPerSecond,omitempty"`
	// history is how far back was looked; 0s when there was nothing to see.
	// +optional
	History Duration `json:"history,omitempty"`
	// tick is how long a tick of the evidence is at most in this release: the shortest of 5s, 15s, 30s and 1m that the bursts of bad requests of the
	// stable's last day do not outlast, where it is shorter than the operator's evidence.slowTick, and no shorter than the time between two scrapes.
	// Absent: nobody can tell, as with less than a day of history or few bad requests; the ticks are as long as the operator's.
	// +optional
	Tick Duration `json:"tick,omitempty"`
	// objectives say it for each objective.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=12
	Objectives []BaselineObjective `json:"objectives,omitempty"`
}

// BaselineObjective is what the stable's past says about one objective.
type BaselineObjective struct {
	// name of the objective.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// counts are the requests of the stable in that time but for its outages, and how many of them were bad.
	// +optional
	Counts ArmCounts `json:"counts"`
	// phi is the dispersion (variance over mean) of bad counts that clearance reckons with: 1 for bad requests that come one by
	// one, more when they come in bursts.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Phi string `json:"phi,omitempty"`
	// outages is how much of the history was left out, because the stable was as good as down: in rare outages, two a day at most.
	// +optional
	Outages Duration `json:"outages,omitempty"`
}

// Detection is what the counts are expected to show at one weight, in the mean. A time that is left out does not come within a day.
type Detection struct {
	// weight is the canary's share.
	// +optional
	Weight Percentage `json:"weight,omitempty"`
	// requestsPerMinute are those of the canary.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	RequestsPerMinute string `json:"requestsPerMinute,omitempty"`
	// clear is how long a version as good as the stable takes to be cleared for the next move.
	// +optional
	Clear Duration `json:"clear,omitempty"`
	// total is how long a version that fails every request goes unnoticed.
	// +optional
	Total Duration `json:"total,omitempty"`
	// tenfold is the same of one that fails ten times as often as the stable, in the objective in which it is noticed last.
	// +optional
	Tenfold Duration `json:"tenfold,omitempty"`
	// threefold is the same of one that fails three times as often.
	// +optional
	Threefold Duration `json:"threefold,omitempty"`
	// twofold is the same of one that fails twice as often.
	// +optional
	Twofold Duration `json:"twofold,omitempty"`
}
