package v1alpha1

// The labels, annotations and the finalizer by which Stagger and people leave word on objects. No other key of stagger.dev is in use, and
// no other place spells one.
//
//	stagger.dev/…    kind        on                          written by          means
//	policy           annotation  Service                     its owner           releases of what is behind it go by this ShiftPolicy
//	siblings         annotation  Service                     its owner           these other Services of its pods may meet a canary unrouted
//	allow            annotation  VirtualService              its owner           releases of these namespaces may move weights in it
//	allow            annotation  Service, TrafficShift       its owner           VirtualServices of these namespaces may take part in its releases
//	allow            annotation  DestinationRule             its owner           releases of these namespaces may copy it for their canary
//	config           label       ConfigMap, Secret           its owner, plugin   "held": changes in place are refused by admission
//	config-of        annotation  ConfigMap, Secret           plugin              the name that all of its versions are made from
//	config-changes   annotation  Deployment                  plugin              what versions of its configuration change, for people
//	command          annotation  TrafficShift                people, plugin      a one-shot command
//	replaced         annotation  TrafficShift                plugin              the command in whose place the present one was written
//	paused           annotation  TrafficShift                people, plugin      why its control is Paused
//	commanded-by     annotation  TrafficShift                admission policy    who wrote the command
//	controlled-by    annotation  TrafficShift                admission policy    who paused it
//	service          label       TrafficShift                operator            the annotated Service that it was made for
//	restore          finalizer   TrafficShift                operator            everything is put back before it goes
//	held             label       Deployment                  operator            admission pauses it in the write that changes its template
//	paused-before    label       Deployment                  operator            its owner had paused it before it was held
//	waiting          annotation  Deployment                  operator            it was let go and stays paused: why
//	refused          annotation  Deployment                  operator            the pod-template-hash that stays refused when it is managed again
//	changed-by       annotation  Deployment                  admission policy    who wrote the template that waits
//	probe            annotation  pod template of a dry run   operator            never stored: asks whether the hold works
//	narrowed         label       Service                     operator            the pod-template-hash that its selector is narrowed to
//	release          annotation  ReplicaSet, canary Service  operator            the release that it was made for
//	release          annotation  copied DestinationRule      operator            the release that it was made for
//	release          annotation  VirtualService              operator            the releases that hold it
//	release          annotation  Job, preview Service        operator            the release that it was made for
//	revision         annotation  Job                         operator            the revision that it checks
//	check            label       Job                         operator            the check that it is
//	aborted          annotation  canary Service              operator            the number of the aborted release: it gets no traffic back
//	aborted          annotation  VirtualService              operator            those of the releases that were aborted
//	routes           annotation  VirtualService              operator            what is needed to give the weights back
const (
	// PolicyAnnotation on a Service names the ShiftPolicy by which releases of the workload behind it go. Setting it puts the
	// Service under management, removing it ends management; neither releases anything.
	PolicyAnnotation = "stagger.dev/policy"
	// SiblingsAnnotation on a Service confirms that callers of other Services which select the same pods may meet a canary's in proportion to
	// their number, past all weights: their names, separated by commas. While one is not confirmed nothing is released.
	SiblingsAnnotation = "stagger.dev/siblings"
	// AllowAnnotation on a VirtualService lets releases of other namespaces move weights between Services of theirs in it, where the Service, or the
	// TrafficShift with destinations, has it too and names the namespace of the VirtualService: both sides have to want it. On a DestinationRule it
	// lets them make a copy beside it for the host of their canary. Its value are the namespaces' names, separated by commas.
	AllowAnnotation = "stagger.dev/allow"
	// ConfigLabel with the value ConfigHeld keeps a ConfigMap or Secret from being changed in place, by an admission policy.
	ConfigLabel = "stagger.dev/config"
	// ConfigOfAnnotation is the name from which those of all versions of a ConfigMap or Secret are made.
	ConfigOfAnnotation = "stagger.dev/config-of"
	// ConfigChangesAnnotation on a Deployment says of the versions of ConfigMaps and Secrets that its template names which keys they change, as
	// JSON: by "<kind>/<name>", for each version before it, a sentence. It is for people: the operator may not read the objects themselves.
	ConfigChangesAnnotation = "stagger.dev/config-changes"
	// CommandAnnotation on a TrafficShift is a one-shot command: "<verb> <release number>[/<moves>] <token> [reason]", where the verb is
	// abort, retry, undo, replan, promote, promote-full or approve; an approve has the name of its gate before the reason. It is carried out once for each token, refused when the number is not the
	// running release's or status.release.moves is no longer the one that is named, and answered in status.lastHandledCommand and
	// status.lastAnswer. Until then nothing but an abort or undo may take its place, and nothing that of an abort or undo. A token that was
	// answered last is refused by admission.
	CommandAnnotation = "stagger.dev/command"
	// ReplacedAnnotation on a TrafficShift keeps a command that was not answered yet when another one took its place, for the record: the
	// token of the new one, the value of CommandedByAnnotation and the old command, a line each. The admission policy stagger-author writes it,
	// and the plugin where there is none.
	ReplacedAnnotation = "stagger.dev/replaced"
	// PausedAnnotation on a TrafficShift says why its control is Paused, for people.
	PausedAnnotation = "stagger.dev/paused"
	// CommandedByAnnotation on a TrafficShift says who wrote the command: "<token> <user>". The admission policy stagger-author writes it,
	// so that nobody commands in another's name.
	CommandedByAnnotation = "stagger.dev/commanded-by"
	// ControlledByAnnotation on a TrafficShift is the user who paused it; the same admission policy writes it.
	ControlledByAnnotation = "stagger.dev/controlled-by"
	// ServiceLabel on a TrafficShift that Stagger made names the annotated Service.
	ServiceLabel = "stagger.dev/service"
	// Finalizer on a TrafficShift: routes, Services and the Deployment's hold are restored before it goes.
	Finalizer = "stagger.dev/restore"
	// HeldLabel on a Deployment ("true") says that its template changes are released by Stagger and by nothing else: an admission policy
	// pauses it in the write that changes its template.
	HeldLabel = "stagger.dev/held"
	// WaitingAnnotation is on a Deployment that is no longer held and stays paused: it says why.
	WaitingAnnotation = "stagger.dev/waiting"
	// RefusedAnnotation is beside it when that template was taken back: its pod-template-hash, so that it stays refused when the Service
	// is managed again.
	RefusedAnnotation = "stagger.dev/refused"
	// PausedBeforeLabel on a held Deployment ("true") remembers that its owner had paused it before it was held.
	PausedBeforeLabel = "stagger.dev/paused-before"
	// ChangedByAnnotation on a held Deployment is the user who wrote the template that waits. The admission policy stagger-hold writes it in the
	// write that changes the template; the start of a release takes it into the record and off the Deployment.
	ChangedByAnnotation = "stagger.dev/changed-by"
	// RevisionAnnotation on the Job of a check is the revision that it checks.
	RevisionAnnotation = "stagger.dev/revision"
	// CheckLabel on a Job is the name of the check that it is.
	CheckLabel = "stagger.dev/check"
	// ProbeAnnotation on a pod template is only ever sent in a dry run, which shows whether the Deployment is held.
	ProbeAnnotation = "stagger.dev/probe"
	// NarrowedLabel on a Service is the pod-template-hash that its selector is narrowed to. Where it is, that key of the selector is
	// Stagger's.
	NarrowedLabel = "stagger.dev/narrowed"
	// ReleaseAnnotation on what a release makes names it: "<namespace>/<TrafficShift> <release number>". On a VirtualService it names all
	// that hold it, separated by commas.
	ReleaseAnnotation = "stagger.dev/release"
	// AbortedAnnotation is the durable mark of an abort: a pass that finds it goes on aborting. On a canary Service its value is the
	// release number, on a VirtualService it names releases as ReleaseAnnotation does.
	AbortedAnnotation = "stagger.dev/aborted"
	// RoutesAnnotation on a VirtualService holds, for each route, what its weights alone do not tell: how to give them back.
	RoutesAnnotation = "stagger.dev/routes"
)

// ConfigHeld is the value of ConfigLabel.
const ConfigHeld = "held"
