package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OverrideKind says what others set against a release.
//
// +kubebuilder:validation:Enum=RoutesPutBack;SelectorPutBack;SiblingsConfirmed;WriteDenied
type OverrideKind string

const (
	// OverrideRoutes is an edit of the canary's weight in a route by somebody else, which was put back.
	OverrideRoutes OverrideKind = "RoutesPutBack"
	// OverrideSelector is an edit of the selector of the Service, or of the canary's, by somebody else, which was put back.
	OverrideSelector OverrideKind = "SelectorPutBack"
	// OverrideSiblings is the confirmation that callers of other Services may meet the canary unrouted.
	OverrideSiblings OverrideKind = "SiblingsConfirmed"
	// OverrideDenied is a write of the release that was denied: by an admission policy, a webhook, a quota or missing rights.
	OverrideDenied OverrideKind = "WriteDenied"
)

// Override is something that others set against a release: who, when and how often.
type Override struct {
	// kind says what it was.
	// +required
	Kind OverrideKind `json:"kind"`
	// by is the field manager of the edit or of the annotation; empty where the API server does not tell, and for a denial, whose message says it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	By string `json:"by,omitempty"`
	// from is when the operator saw it first.
	// +required
	From metav1.Time `json:"from"`
	// until is when an edit was put back last, or when a denial was over; empty while that lasts, and for a confirmation.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// times is how often it happened. A denial that lasts is one.
	// +required
	// +kubebuilder:validation:Minimum=1
	Times int32 `json:"times"`
	// message says what was edited, names the Services that were confirmed, or says which write was denied, by whom and why; the last time.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}
