package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RecordedCommand is a command that a person gave, and what became of it.
type RecordedCommand struct {
	// verb is what was commanded: abort, retry, undo, replan, promote, promote-full or approve; unreadable where nobody knows.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Verb string `json:"verb"`
	// gate is the one that an approve names; empty for any other verb.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Gate string `json:"gate,omitempty"`
	// token tells one command from the next.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Token string `json:"token,omitempty"`
	// by is the user who gave it; empty where the API server does not tell.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// reason is why, in his words.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Reason string `json:"reason,omitempty"`
	// givenAt is when it was given, as the API server tells it, or seen first where that was before; empty where neither is known.
	// +optional
	GivenAt *metav1.Time `json:"givenAt,omitempty"`
	// at is when it was carried out, refused, or seen to be replaced.
	// +required
	At metav1.Time `json:"at"`
	// result says whether it was carried out; where it is empty, it was.
	// +optional
	Result CommandResult `json:"result,omitempty"`
	// message says what was done, or why nothing was.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
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
// +kubebuilder:validation:Enum=Accepted;Refused;Replaced
type CommandResult string

const (
	// CommandAccepted says that it was carried out.
	CommandAccepted CommandResult = "Accepted"
	// CommandRefused says that it was not, and never will be.
	CommandRefused CommandResult = "Refused"
	// CommandReplaced says that an abort or undo took its place before it was answered.
	CommandReplaced CommandResult = "Replaced"
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
