package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CheckState says how a check of a release stands.
//
// +kubebuilder:validation:Enum=Running;Succeeded;Failed
type CheckState string

const (
	// CheckRunning says that its Job has been made and has not ended.
	CheckRunning CheckState = "Running"
	// CheckSucceeded says that its Job has succeeded.
	CheckSucceeded CheckState = "Succeeded"
	// CheckFailed says that its Job has failed, or has not ended in time.
	CheckFailed CheckState = "Failed"
)

// CheckStatus is a check of a release that was begun.
type CheckStatus struct {
	// name of the check.
	// +required
	Name CheckName `json:"name"`
	// step of the plan before which it is run, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	Step int32 `json:"step"`
	// state says how it stands.
	// +required
	State CheckState `json:"state"`
	// job is the name of its Job, and jobUID tells that from one of the same name that was made after it was deleted.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Job string `json:"job,omitempty"`
	// jobUID is the UID of the Job.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	JobUID string `json:"jobUID,omitempty"`
	// jobs counts the Jobs that were seen of it: one that somebody deleted is made again once.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16
	Jobs int32 `json:"jobs,omitempty"`
	// startedAt is when its Job was seen first.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// finishedAt is when its Job had ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// message is what the Job says of its failure.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// Approval is one person's word, or one program's, for a gate of a release.
type Approval struct {
	// gate is its name.
	// +required
	// +kubebuilder:validation:MaxLength=20
	Gate string `json:"gate"`
	// by is the user who approved, as the API server knows him.
	// +required
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by"`
	// reason is why, in his words.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// at is when the approval was taken into the record.
	// +required
	At metav1.Time `json:"at"`
}

// Check is what became of a check of the release; nil before it has begun.
func (r *Release) Check(name CheckName) *CheckStatus {
	for i := range r.Checks {
		if r.Checks[i].Name == name {
			return &r.Checks[i]
		}
	}
	return nil
}

// Approved are the users who have approved a gate of the release, in that order, each once.
func (r *Release) Approved(gate string) []string {
	var by []string
	for _, a := range r.Approvals {
		if a.Gate == gate {
			by = append(by, a.By)
		}
	}
	return by
}

// Open says whether the gate is open: one approved it who may, or two where it takes another person than an author who is not known.
func (r *Release) Open(g Gate) bool { return r.Lacks(g) <= 0 }

// Lacks is how many approvals a gate still lacks, at least 1 while it is closed.
func (r *Release) Lacks(g Gate) int {
	needed := 1
	if g.By == GateByAnotherPerson && r.Author == "" {
		needed = 2
	}
	return needed - len(r.Approved(g.Name))
}

// Gate is the gate of that name in the plan; false where there is none.
func (s *ShiftPolicySpec) Gate(name string) (Gate, bool) {
	for _, step := range s.Steps {
		for _, g := range step.Gates {
			if g.Name == name {
				return g, true
			}
		}
	}
	return Gate{}, false
}

// Checked says whether the plan has a check at any step.
func (s *ShiftPolicySpec) Checked() bool {
	for _, step := range s.Steps {
		if len(step.Checks) > 0 {
			return true
		}
	}
	return false
}
