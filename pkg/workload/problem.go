package workload

// Reason says why a workload cannot be released, in one word.
type Reason string

// The reasons of a Problem.
const (
	// ExternalName: the Service has no pods by its type.
	ExternalName Reason = "ExternalName"
	// NoSelector: the Service selects nothing.
	NoSelector Reason = "NoSelector"
	// NoPorts: the Service, a headless one, has no ports, which that of the canary needs.
	NoPorts Reason = "NoPorts"
	// SelectorPinned: the user's own selector names a pod-template-hash.
	SelectorPinned Reason = "SelectorPinned"
	// ReleasedElsewhere: another tool releases versions by the Service or the Deployment: see ReleasedBy.
	ReleasedElsewhere Reason = "ReleasedElsewhere"
	// Waypoint: the Service or its namespace is bound to a waypoint proxy.
	Waypoint Reason = "Waypoint"
	// NoDeployment: no Deployment's pods match the selector.
	NoDeployment Reason = "NoDeployment"
	// SeveralDeployments: the pods of more than one Deployment match the selector.
	SeveralDeployments Reason = "SeveralDeployments"
	// NothingRuns: replicas are wanted, but no ReplicaSet of the Deployment has pods.
	NothingRuns Reason = "NothingRuns"
	// RolloutRunning: several ReplicaSets of the Deployment have pods.
	RolloutRunning Reason = "RolloutRunning"
	// NoHash: the pods of the running ReplicaSet have no pod-template-hash.
	NoHash Reason = "NoHash"
	// MustRunAlone: two versions of the Deployment may not, or cannot, run side by side.
	MustRunAlone Reason = "MustRunAlone"
	// ClaimMissing: a PersistentVolumeClaim of the Deployment is not there.
	ClaimMissing Reason = "ClaimMissing"
	// NameTaken: an object with the name of one that the release needs is somebody else's.
	NameTaken Reason = "NameTaken"
)

// Problem says why there is nothing to release here; nothing is touched while there is one.
type Problem struct {
	Reason  Reason
	Message string // one sentence: the field and the fix
}

// Error is the message.
func (p *Problem) Error() string { return p.Message }

// Transient tells whether the problem goes away by itself, so that waiting is right and nobody need act.
func (p *Problem) Transient() bool {
	return p.Reason == RolloutRunning || p.Reason == NothingRuns || p.Reason == ClaimMissing
}
