package v1alpha1

// Annotations and labels that people and Stagger write.
const (
	// PolicyAnnotation on a Service names the ShiftPolicy by which releases of the workload behind it go. Setting it puts the
	// Service under management, removing it ends management; neither releases anything.
	PolicyAnnotation = "stagger.dev/policy"
	// CommandAnnotation on a TrafficShift is a one-shot command: "<verb> <release number>[/<moves>] <token> [reason]", where the verb is
	// abort, retry, undo, replan, promote or promote-full. It is carried out once for each token, refused when the number is not the
	// running release's or status.release.moves is no longer the one that is named, and answered in status.lastHandledCommand and
	// status.lastAnswer.
	CommandAnnotation = "stagger.dev/command"
	// CommandedByAnnotation on a TrafficShift says who wrote the command: "<token> <user>". The admission policy stagger-author writes it,
	// so that nobody commands in another's name.
	CommandedByAnnotation = "stagger.dev/commanded-by"
	// ControlledByAnnotation on a TrafficShift is the user who paused it; the same admission policy writes it.
	ControlledByAnnotation = "stagger.dev/controlled-by"
	// PausedAnnotation on a TrafficShift says why its control is Paused, for people.
	PausedAnnotation = "stagger.dev/paused"
	// HeldLabel on a Deployment ("true") says that its template changes are released by Stagger and by nothing else.
	HeldLabel = "stagger.dev/held"
	// NarrowedLabel on a Service holds the pod-template-hash of the stable pods while the Service's selector is narrowed to them.
	NarrowedLabel = "stagger.dev/narrowed"
	// ReleaseAnnotation on what a release makes or changes names it: "<namespace>/<TrafficShift> <release number>".
	ReleaseAnnotation = "stagger.dev/release"
	// AbortedAnnotation on a canary Service or a VirtualService is the durable mark of an abort; its value is the release number.
	AbortedAnnotation = "stagger.dev/aborted"
	// ServiceLabel on a TrafficShift that Stagger made names the annotated Service.
	ServiceLabel = "stagger.dev/service"
	// Finalizer on a TrafficShift: routes, Services and the Deployment's hold are restored before it goes.
	Finalizer = "stagger.dev/restore"
)
