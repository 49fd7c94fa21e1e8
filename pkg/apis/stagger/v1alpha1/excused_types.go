package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Excused is a time in which one pod of the canary, or all that it has on one node, made its counts bad while the others did as well as the stable.
// Nothing is raised then, and the version is not blamed.
type Excused struct {
	// objective is the name of the objective whose bad requests it had.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Objective string `json:"objective"`
	// pod is its name; absent when it was several pods of the node.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty"`
	// node is where it ran, as far as that is known.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Node string `json:"node,omitempty"`
	// since is when that was noticed.
	// +required
	Since metav1.Time `json:"since"`
	// until is when the whole canary had been as good as the stable for five minutes; absent before.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// times is how often it has happened in this release.
	// +required
	// +kubebuilder:validation:Minimum=1
	Times int32 `json:"times"`
}

// Open says whether the time is not over.
func (e *Excused) Open() bool { return e != nil && e.Until == nil }

// Turns is how often such a time has begun or ended: with each the evidence begins anew.
func (e *Excused) Turns() int32 {
	switch {
	case e == nil:
		return 0
	case e.Open():
		return 2*e.Times - 1
	}
	return 2 * e.Times
}
