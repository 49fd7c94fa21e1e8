package controllers

// What the operator may do, and why. manifests/rbac/role.yaml is generated from these lines; nothing else gives it rights.
// There is no wildcard, no Secret, and no `update` of an object that belongs to a user: those are only patched.

// The annotated Services are watched; the canary's Service is made, patched and deleted; a user's is narrowed and widened by patch.
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// The canary's Service owns the release ReplicaSet, with blockOwnerDeletion, which admission guards by this right.
// +kubebuilder:rbac:groups="",resources=services/finalizers,verbs=update

// The Deployment behind a Service is found, held and released by patch; the guard of its hold is proven by a dry-run patch.
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;patch
// At the handover the release ReplicaSet gets the Deployment as owner, with blockOwnerDeletion, which admission guards by this right.
// +kubebuilder:rbac:groups=apps,resources=deployments/finalizers,verbs=update
// The canary's pods come from a ReplicaSet of the release; an emptied one of the same template is removed before it is made again.
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch;create;patch;delete
// Pods are only read: a container that crashes sends no telemetry.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// Claims for volumes are only read: pods of two versions cannot share every one.
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch

// Checks are Jobs that are made of the CronJobs of a Service's own team, and deleted where nobody waits for them any more.
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=batch,resources=cronjobs,verbs=get;list;watch

// Weights are written into users' VirtualServices by patch; one is made, and removed, for a Service without any. The canary's host
// gets a copy of the Service's DestinationRule.
// +kubebuilder:rbac:groups=networking.istio.io,resources=virtualservices;destinationrules,verbs=get;list;watch;create;patch;delete
// The pods of the Gateways of a release are read: see package direct. A Gateway says by its selector which they are.
// +kubebuilder:rbac:groups=networking.istio.io,resources=gateways,verbs=get;list;watch

// One TrafficShift is made for each annotated Service, kept in step with it, and deleted with it.
// +kubebuilder:rbac:groups=stagger.dev,resources=trafficshifts,verbs=get;list;watch;create;update;patch;delete
// What a release does and has seen is recorded here.
// +kubebuilder:rbac:groups=stagger.dev,resources=trafficshifts/status,verbs=get;update;patch
// The finalizer keeps a TrafficShift until what it touched is restored.
// +kubebuilder:rbac:groups=stagger.dev,resources=trafficshifts/finalizers,verbs=update
// Policies belong to people and are only read.
// +kubebuilder:rbac:groups=stagger.dev,resources=shiftpolicies,verbs=get;list;watch
// Whether a policy can be used is said in its status.
// +kubebuilder:rbac:groups=stagger.dev,resources=shiftpolicies/status,verbs=get;update;patch

// Holds are proven again whenever one of these changes. At the start they are asked whom they take for the operator; who that is, the API
// server tells everybody about himself.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingadmissionpolicies;mutatingadmissionpolicybindings,verbs=get;list;watch
// A namespace that is going away is let go.
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

// Events are how people who look at a Service or Deployment learn of a release. The core group is what leader election writes.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch
// Whoever reads the metrics is asked for a token, and the token for its rights.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// One of two replicas works at a time: the holder of this Lease, in the operator's own namespace.
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=stagger-system,resources=leases,verbs=get;list;watch;create;update;patch
