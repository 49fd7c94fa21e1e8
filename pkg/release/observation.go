package release

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Observation is what is known of one Service at one moment. The zero value of every field is the careful one: nothing is there,
// nothing is fresh, nothing is cleared.
type Observation struct {
	Wanted Wanted
	// External: both arms are run by their owner (StatefulSets, virtual machines, subsets of a host). There is nothing to make, to
	// hold, to narrow or to hand over; of the Workload only Replicas (1), Template, Waits, and the name and hash of Stable are set.
	External bool
	// Toward is which of two external arms the traffic is moved to.
	Toward   v1alpha1.Toward
	Workload Workload
	Service  Service
	Canary   Canary
	Preview  Preview
	Routes   Routes
	Evidence Evidence
	Direct   Direct
	// Checks are those of the plan, by their names. Unended says that Jobs of checks are there that have not ended.
	Checks  map[v1alpha1.CheckName]Check
	Unended bool
	// Release is the record of the running release or of the last one; nil before the first.
	Release *v1alpha1.Release
	// Refused is the hash of the template that is not to be released again.
	Refused string
	// Denied is the write that is refused now, each time it is tried; nil when none is.
	Denied *Denial
	// Bounds are times that depend on the mesh.
	Bounds Bounds
}

// Wanted is what people want.
type Wanted struct {
	// Shift is the name of the TrafficShift.
	Shift string
	// Managed: the Service is annotated and its TrafficShift is not being deleted.
	Managed bool
	// Paused: no weight may be raised. PausedBy is the user who wants that, and PausedWhy his reason, where they are known.
	Paused              bool
	PausedBy, PausedWhy string
	// Policy is the ShiftPolicy's name, Plan what it says now; nil when there is none. PolicyGeneration is its generation. PolicyGone: a release
	// runs by it, and it is not there any more.
	Policy           string
	PolicyGeneration int64
	PolicyGone       bool
	Plan             *v1alpha1.ShiftPolicySpec
	// Problem is why no release can start or go on as things are; nil when nothing is in the way.
	Problem *Problem
	// Command is a one-shot command that was not yet handled; nil when there is none.
	Command *Command
}

// Problem says what is in the way, and what to do about it, in one sentence.
type Problem struct {
	Reason  v1alpha1.Reason
	Message string
	// Transient says that the problem goes away by itself.
	Transient bool
	// Gone says that the Service, its Deployment or its stable ReplicaSet is not there any more.
	Gone bool
	// OfPolicy says that nothing but the policy is in the way: the workload could be released.
	OfPolicy bool
}

// HoldMode is how a Deployment is kept from rolling out by itself.
type HoldMode string

const (
	// HoldUnknown says that it is not proven yet how the Deployment is held: at rest it is neither paused nor unpaused for that, but
	// paused as soon as a template waits.
	HoldUnknown HoldMode = ""
	// HoldOnChange is used where the API server pauses the Deployment in the write that changes its template; at rest it is not paused.
	HoldOnChange HoldMode = "OnChange"
	// HoldAlways is the fallback: the Deployment is paused at rest too.
	HoldAlways HoldMode = "Always"
)

// Workload is the Deployment and its ReplicaSets.
type Workload struct {
	// Deployment is its name; empty when there is none.
	Deployment string
	// Replicas is what the Deployment wants now.
	Replicas int32
	// Template is the hash of the Deployment's template, Images its containers' images. Generation is the Deployment's, ShippedBy the field manager
	// that wrote the template last, and ChangeCause what its annotation says of it; empty where they are not known.
	Template               string
	Images                 []string
	Generation             int64
	ShippedBy, ChangeCause string
	// Author is the user who wrote the template, as the Deployment says; Signed says that it bears a name, true or not. It is true where the API
	// server writes it, which Mode shows.
	Author string
	Signed bool
	// Changes says in words what the template that waits has otherwise than the one that runs; empty while a release runs.
	Changes []string
	// Waits: the Deployment's template is not the one that runs.
	Waits bool
	// Held and Paused are what is written on the Deployment, PausedBefore that its owner had paused it before it was held.
	Held, Paused, PausedBefore bool
	// Mode is how it is held, proven by a dry run where it is HoldOnChange. While a release runs it means nothing: the Deployment is paused.
	Mode HoldMode
	// Stable is the ReplicaSet that serves; while a release runs, the one it is judged beside. StableImages are its images.
	Stable       Set
	StableImages []string
	// CanaryRan and StableRan are the images that pods of the release's two versions run, with their digests.
	CanaryRan, StableRan []string
	// Canary is the release's ReplicaSet.
	Canary Set
	// HandedOver: the Deployment owns the release's ReplicaSet. There is only forward from here.
	HandedOver bool
	// Rogue names a ReplicaSet that the Deployment started by itself while a release runs.
	Rogue string
	// Twin names an empty ReplicaSet of the Deployment that has the waiting template; it goes before the release's is made.
	Twin string
	// Crashing says which container of the canary fails, and how; empty when none does.
	Crashing string
	// Lingering names a pod of the release that may still answer requests, be it one that is ending; empty where none does.
	Lingering string
	// Nodes are where the canary's pods run, by their names.
	Nodes map[string]string
	// Unequal says what pods of the stable were given beyond their template that the canary's were not; empty when nothing.
	Unequal string
	// Obstacle says what keeps pods of the canary from starting; it blames nobody.
	Obstacle string
}

// Set is a ReplicaSet.
type Set struct {
	Name string
	// Hash is the pod-template-hash of its pods.
	Hash string
	// Replicas are wanted, Available are those that the ReplicaSet takes for ready, Pods can be endpoints, now or later, and Serving of these
	// can answer now.
	Replicas, Available, Pods, Serving int32
	// Pod is the name of one of the Pods; empty where there is none.
	Pod string
}

// There says whether the ReplicaSet exists.
func (s Set) There() bool { return s.Name != "" }

// ready is how many pods can carry traffic: those that the ReplicaSet takes for ready, as far as they are seen to serve. What is known of the one may be
// older than what is known of the others.
func (s Set) ready() int32 { return min(s.Available, s.Serving) }

// stay names one of the pods that are still there, to be appended: one that nobody ends, because its ReplicaSet does not have it any more, is a
// person's to delete.
func (s Set) stay() string {
	if s.Pod == "" {
		return ""
	}
	return fmt.Sprintf(": pod %s is there, %d in all", s.Pod, s.Pods)
}

// Service is the user's Service.
type Service struct {
	Exists bool
	// Narrowed is the pod-template-hash its selector is narrowed to; empty when it is as the user wrote it.
	Narrowed string
	// Marked: the Service bears the label of narrowing, whatever its selector says.
	Marked bool
	// SelectorBy wrote its selector last.
	SelectorBy Writer
	// Siblings are other Services that select the same pods. Confirmed are those of them whose callers may meet a canary unrouted, and ConfirmedBy
	// wrote that.
	Siblings, Confirmed []string
	ConfirmedBy         Writer
}

// Canary is what Stagger made for the canary arm besides its ReplicaSet.
type Canary struct {
	// Service is the canary Service's name, Exists whether it is there, Selects the pod-template-hash it selects.
	Service string
	Exists  bool
	Selects string
	// SelectorBy wrote that selector last.
	SelectorBy Writer
	// Taken: a Service of its name is somebody else's, and with it what routes give that.
	Taken bool
	// Aborted: it bears the mark of an abort.
	Aborted bool
	// Number is the release that it was made for; 0 when unknown.
	Number int64
	// RulesDue: the copies of the DestinationRules that callers of the Service go by are not what they have to be; RuleExists: one is there.
	RulesDue, RuleExists bool
	// RulesGone are the namespaces in which such a DestinationRule was deleted whose copy is still there, sorted, each once.
	RulesGone []string
	// Relaxed are sentences about rules for the user's Service that do not hold for the canary, because they would leave callers without a pod.
	Relaxed []string
}

// Routes are the VirtualServices that route to the Service.
type Routes struct {
	// Names are those that will be or are written, as namespace/name.
	Names []string
	// Others are those of them that Stagger did not make. Gone are those of the record that are not there any more, or have no route to the
	// Service.
	Others, Gone []string
	// MakeOne: no VirtualService of the mesh covers the Service; OneMade: Stagger has made one.
	MakeOne, OneMade bool
	// Lowest and Highest are the canary's shares as written now, in millionths.
	Lowest, Highest int64
	// Marked: something of Stagger's is on them. AbortOpen: not all of what is marked also bears the mark of the abort. AbortFound: one of the
	// TrafficShift's own namespace does.
	Marked, AbortOpen, AbortFound bool
	// Strays are the objects of other namespaces, as namespace/name, that bear a mark of the TrafficShift though they take no part in its releases:
	// the mark is somebody else's, and counts for nothing.
	Strays []string
	// Uninvited are sentences about VirtualServices of other namespaces that allow the TrafficShift to write them and take no part all the same: what
	// they give the canary counts for nothing.
	Uninvited []string
	// Foreign says who changed the canary's share, and how; nil when nobody did.
	Foreign *Foreign
	// Doubts are sentences about what may keep callers from the weights that are written.
	Doubts []string
}

// Foreign is a change of the canary's weights by somebody else: in which route, what was done to it, and by whom.
type Foreign struct {
	Route, Kind string
	// Made says that the object is as it was made, so that nobody took the weight from it.
	Made bool
	Writer
}

// Writer is the field manager, not Stagger's, that wrote a field last, and when it did, to the second; both empty where the API server does
// not tell.
type Writer struct {
	Manager string
	At      time.Time
}

// ClientErrors are the answers of both arms in a release that were redirects or client errors, counted as bad.
type ClientErrors struct {
	evidence.Arms
	// Differ says that the canary's share of them is larger than the stable's and the policy's tolerance explain.
	Differ bool
}

// Agreement says whether the measured share is the wanted one.
type Agreement string

const (
	// AgreementUnknown says that there was too little traffic to tell.
	AgreementUnknown Agreement = ""
	// AgreementYes says that the measured share fits the wanted one.
	AgreementYes Agreement = "Yes"
	// AgreementNo says that it does not.
	AgreementNo Agreement = "No"
)

// Evidence is what the counts say.
type Evidence struct {
	// Fresh: everything up to now is counted and the scrapes are current. Reason and Message say it, or why not.
	Fresh   bool
	Reason  v1alpha1.Reason
	Message string
	// Seen: this process has taken a fresh slice of this release.
	Seen bool
	// Verdict answers Ask(o).
	Verdict evidence.Verdict
	// Met is what users met of a version that is judged already, as it is still counted for the record; nil while nothing is. It decides
	// nothing.
	Met *evidence.Verdict
	// Counted is up to when the requests that met the canary are counted, but for the Gaps; zero: nobody knows. AllIn says that the canary had
	// its last request and that all are counted.
	Counted time.Time
	Gaps    []v1alpha1.Gap
	AllIn   bool
	// ClientErrors compares the arms' client errors.
	ClientErrors ClientErrors
	// Remarks are sentences about what the counts do not show.
	Remarks []string
	// OneStatus is a sentence about what counts cannot show where all requests had the same good status, as those of a healthy Service of plain
	// HTTP have; empty where they had not.
	OneStatus string
	// Agreement compares the measured share since the weight was written with the wanted one; Share is the measured one in
	// millionths, -1 without traffic.
	Agreement Agreement
	Share     int64
	// Requests are those that Share was measured by.
	Requests float64
	// Rate is the Service's traffic of the last minutes, both arms together, in requests per second; 0 when not known.
	Rate float64
	// Silence is for how long no request has been reported, up to now, beyond the time between two reports; 0 where requests come, and where it
	// is not known.
	Silence time.Duration
	// Baseline is what the stable's past says; nil while it is not known.
	Baseline *v1alpha1.Baseline
	// Checkpoint is the state of the tests behind the Verdict, or Met.
	Checkpoint string
	// Pods are what each pod of the canary reported of the objective that Suspected names.
	Pods evidence.ByPod
}

// Direct is what the proxies say that are read themselves. It takes traffic away, and never gives any. The zero value says that nothing is read.
type Direct struct {
	// Off: the operator's configuration says that no proxies are read.
	Off bool
	// Read: proxies of the release are read. Trouble is a sentence that says why they are not; empty while nothing is to be read.
	Read    bool
	Trouble string
	// Breach is what proves that the version fails nearly everything, Brake what is so bad that nobody waits for proof; nil: nothing is. Alarm says
	// that the last seconds looked so bad that nothing may be raised now.
	Breach, Brake *Seconds
	Alarm         bool
	// At is when the last second ended that was taken; zero: none was.
	At time.Time
	// Agreement compares the share of the last seconds with the wanted one.
	Agreement Agreement
	// Told: every gateway that carries the release has been told of the canary's Service since it was made.
	Told bool
	// Checkpoint is the state of the urgent lanes.
	Checkpoint string
}

// Seconds are the requests of a few seconds, as the proxies counted them.
type Seconds struct {
	// Objective is the name of the objective that was broken.
	Objective string
	// Arms are the requests of the pods that were read.
	evidence.Arms
	// Of is how many seconds they are from, at least 1.
	Of int
}

// String says it in a phrase.
func (s Seconds) String() string {
	within := "in one second"
	if s.Of > 1 {
		within = fmt.Sprintf("within %d seconds", s.Of)
	}
	return fmt.Sprintf("%s: %.0f of %.0f requests to the canary failed %s, %.0f of %.0f to the stable, by the proxies themselves",
		s.Objective, s.Canary.Bad, s.Canary.Requests, within, s.Stable.Bad, s.Stable.Requests)
}

// Bounds are times that depend on the mesh.
type Bounds struct {
	// Push is how long the mesh may take to tell its proxies of a change.
	Push time.Duration
	// Settle is how long a raised weight may take to show itself in the counts.
	Settle time.Duration
	// Between is how long a weight between the plan's steps is held.
	Between time.Duration
}

// running says whether a release is neither absent nor over.
func (o Observation) running() bool { return o.Release.Running() }

// aborting says whether the running release is being taken back.
func (o Observation) aborting() bool { return o.Release.Aborting() }

// canary is the hash of the running release's pods.
func (o Observation) canary() string { return o.Release.Revision }

// size is how many pods of the canary a share of the traffic needs: all that the Deployment wants at full traffic, and of the
// replicas at the start before that, since an autoscaler counts the pods of both arms. There are two at least, so that one can be evicted,
// unless the Deployment itself has but one.
func (o Observation) size(share int64) int32 {
	base := o.Release.Workload.Base
	if share >= v1alpha1.Whole {
		return o.Workload.Replicas
	}
	return max(1, min(base, 2), int32((int64(base)*share+v1alpha1.Whole-1)/v1alpha1.Whole))
}
