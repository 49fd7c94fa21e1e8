package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TrafficShift is one Service under management. Stagger makes one for each annotated Service, with the Service's name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=stagger,shortName=tshift
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.release.state`
// +kubebuilder:printcolumn:name="Step",type=integer,JSONPath=`.status.release.step`
// +kubebuilder:printcolumn:name="Weight",type=string,JSONPath=`.status.release.weight`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.release.verdict`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Images",type=string,priority=1,JSONPath=`.status.release.images`
// +kubebuilder:printcolumn:name="Policy",type=string,priority=1,JSONPath=`.spec.policyRef.name`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
type TrafficShift struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// spec is what is wanted.
	// +required
	Spec TrafficShiftSpec `json:"spec"`
	// status is what Stagger sees and does.
	// +optional
	// +default={"observedGeneration": -1}
	Status TrafficShiftStatus `json:"status,omitempty"`
}

// TrafficShiftSpec is what is wanted of the releases of a Service, or of two destinations.
//
// +kubebuilder:validation:XValidation:rule="has(self.service) != has(self.destinations)",message="spec: give service, for a Deployment whose versions Stagger runs, or destinations, for two versions that you run yourself; not both"
// +kubebuilder:validation:XValidation:rule="has(self.service) == has(oldSelf.service) && (!has(self.service) || self.service.name == oldSelf.service.name)",message="service: the Service of a TrafficShift cannot be changed; delete the TrafficShift and annotate the other Service"
type TrafficShiftSpec struct {
	// policyRef names the ShiftPolicy.
	// +required
	PolicyRef PolicyReference `json:"policyRef"`
	// service names the Service, in this namespace, whose traffic is shifted.
	// +optional
	Service ServiceReference `json:"service,omitempty,omitzero"`
	// destinations are two versions that are run by whom they belong to: weights are moved between them, and nothing else is touched.
	// +optional
	Destinations *Destinations `json:"destinations,omitempty"`
	// control is Auto, or Paused: then no weight is raised, while aborts still work.
	// +optional
	// +kubebuilder:default=Auto
	Control Control `json:"control,omitempty"`
}

// PolicyReference names a ShiftPolicy.
type PolicyReference struct {
	// name of the ShiftPolicy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ServiceReference names a Service in the namespace of its TrafficShift.
type ServiceReference struct {
	// name of the Service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
}

// Destinations are the two ends of releases between versions that Stagger does not run: StatefulSets, virtual machines, subsets of one
// host. A promotion leaves the traffic where it went, and the next release goes the other way.
//
// +kubebuilder:validation:XValidation:rule="self.stable == oldSelf.stable && self.canary == oldSelf.canary",message="destinations: stable and canary cannot be changed; make another TrafficShift"
// +kubebuilder:validation:XValidation:rule="self.stable.host != self.canary.host || has(self.stable.subset) != has(self.canary.subset) || has(self.stable.subset) && self.stable.subset != self.canary.subset || has(self.stable.port) != has(self.canary.port) || has(self.stable.port) && self.stable.port != self.canary.port",message="destinations: stable and canary are the same; give them other hosts, subsets or ports"
type Destinations struct {
	// stable is where the traffic is at first.
	// +required
	Stable Destination `json:"stable"`
	// canary is where the first release moves it.
	// +required
	Canary Destination `json:"canary"`
	// revision names what the destination without traffic runs now. A new value starts a release; the first one names what serves.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision"`
}

// Destination is one destination of routes, as VirtualServices name it.
type Destination struct {
	// host is a Service's name, short or full, or the host of a ServiceEntry.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host"`
	// subset is a subset of the host's DestinationRule. Its labels need one of service.istio.io/canonical-revision, version or
	// app.kubernetes.io/version, by which requests are told apart.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Subset string `json:"subset,omitempty"`
	// port is the number of the host's port; routes that name it with another port are another destination's.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// Control says who may raise weights.
//
// +kubebuilder:validation:Enum=Auto;Paused
type Control string

const (
	// ControlAuto lets releases go on by evidence.
	ControlAuto Control = "Auto"
	// ControlPaused keeps every weight from being raised until it is set back; aborts still work.
	ControlPaused Control = "Paused"
)

// TrafficShiftStatus is what Stagger sees and does.
type TrafficShiftStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// observedAt is when the operator last looked at the running release, told every two minutes at least while one runs; then it is when that
	// release was last looked at. What is much older says that nobody looks after the release.
	// +optional
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
	// conditions carry the contract; see the condition constants.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// reasonSince is since when the condition Reconciling or Stalled has its reason; empty while neither is there.
	// +optional
	ReasonSince *metav1.Time `json:"reasonSince,omitempty"`
	// stable is the version that serves.
	// +optional
	Stable Version `json:"stable,omitempty,omitzero"`
	// deployment is the Deployment behind the Service as the operator last saw it. Where the Deployment itself has had a higher generation for
	// longer than some seconds, nobody looks. Empty where there is none.
	// +optional
	Deployment ObservedDeployment `json:"deployment,omitempty,omitzero"`
	// refused is the hash of the template that is not released again until it changes or a retry is commanded.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Refused string `json:"refused,omitempty"`
	// release is the running release, or the last one.
	// +optional
	Release *Release `json:"release,omitempty"`
	// history holds the last ten releases that ended, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	History []PastRelease `json:"history,omitempty"`
	// lastHandledCommand is the token of the last command that was carried out or refused.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastHandledCommand string `json:"lastHandledCommand,omitempty"`
	// lastAnswer says what became of that command.
	// +optional
	LastAnswer *CommandAnswer `json:"lastAnswer,omitempty"`
}

// Heartbeat is how long after its last write the status of a running release is written again, though nothing but numbers is new: by
// status.observedAt people know that somebody looks.
const Heartbeat = 2 * time.Minute

// Version is one version of the workload.
type Version struct {
	// revision is the pod-template-hash that the version's pods carry.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision,omitempty"`
	// images are the images of the version's containers, in the template's order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	Images []string `json:"images,omitempty"`
}

// ObservedDeployment is a Deployment as it was seen, with the version that its pod template asks for.
type ObservedDeployment struct {
	// name of the Deployment.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// generation is its metadata.generation; told within 15 seconds where nothing else changes.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// revision is the pod-template-hash of the release that there is, or would be, of its pod template.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision,omitempty"`
	// images are the images of the template's containers, in its order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	Images []string `json:"images,omitempty"`
	// waits says that the pod template is another than the one that serves.
	// +optional
	Waits bool `json:"waits,omitempty"`
}

// TrafficShiftList is a list of TrafficShifts.
//
// +kubebuilder:object:root=true
type TrafficShiftList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TrafficShift `json:"items"`
}
