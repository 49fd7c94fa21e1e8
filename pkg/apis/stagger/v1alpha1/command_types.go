package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RecordedCommand is a command that a person gave and that was carried out.
type RecordedCommand struct {
	// verb is what was commanded: abort, retry, undo, replan, promote or promote-full.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Verb string `json:"verb"`
	// by is the user who gave it; empty where the API server does not tell.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// reason is why, in his words.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Reason string `json:"reason,omitempty"`
	// at is when it was carried out.
	// +required
	At metav1.Time `json:"at"`
}

// CommandAnswer is what became of a command.
type CommandAnswer struct {
	// result says whether it was carried out.
	// +required
	Result CommandResult `json:"result"`
	// message says what was done, or why nothing was.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
}

// CommandResult says whether a command was carried out.
//
// +kubebuilder:validation:Enum=Accepted;Refused
type CommandResult string

const (
	// CommandAccepted says that it was carried out.
	CommandAccepted CommandResult = "Accepted"
	// CommandRefused says that it was not, and never will be.
	CommandRefused CommandResult = "Refused"
)

// PendingCommand is a command that was seen and could not be carried out yet.
type PendingCommand struct {
	// token tells one command from the next.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Token string `json:"token"`
	// since is when it was seen first.
	// +required
	Since metav1.Time `json:"since"`
}
