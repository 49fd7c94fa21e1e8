package metrics

// The names of labels, which boards and alerts go by. They are part of what users rely on.
const (
	LabelNamespace = "release_namespace"
	LabelService   = "release_service"
	LabelPolicy    = "policy"
	LabelState     = "state"
	LabelNumber    = "number"
	LabelReason    = "reason"
	LabelOutcome   = "outcome"
	LabelCause     = "cause"
	LabelKind      = "kind"
	LabelResult    = "result"
	LabelObjective = "objective"
	LabelSide      = "side"
	LabelArm       = "arm"
	LabelCommand   = "command"
	LabelStep      = "step"
	LabelStage     = "stage"
	LabelVerb      = "verb"
	LabelMode      = "mode"
	LabelSource    = "source"
	LabelVersion   = "version"
	LabelRevision  = "revision"
	LabelGoVersion = "go_version"
)
