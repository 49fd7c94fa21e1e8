package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Away is a time in which no pod of the canary could answer, as after an eviction. The stable gets all traffic then.
type Away struct {
	// since is when that was noticed.
	// +required
	Since metav1.Time `json:"since"`
	// until is when the canary got traffic again; absent before.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// times is how often it has happened in this release.
	// +required
	// +kubebuilder:validation:Minimum=1
	Times int32 `json:"times"`
}
