package cluster

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Objects are what one pass over a TrafficShift reads. They are shared with caches: nobody changes them. A nil object is not there.
// The order of a list means nothing, and objects that do not concern the TrafficShift do no harm: Observe chooses.
type Objects struct {
	// Shift is the TrafficShift itself.
	Shift *v1alpha1.TrafficShift
	// Rivals are other TrafficShifts of the namespace that may want the same Service or one of the Deployments, each with its Service.
	Rivals []Rival
	// Policy is the ShiftPolicy that the TrafficShift names; PolicyNames are at most eight of those there are, where that one is not.
	Policy      *v1alpha1.ShiftPolicy
	PolicyNames []string
	// Namespace is that of the TrafficShift.
	Namespace *corev1.Namespace
	// Service is the user's, CanaryService the one that has the canary's name, whoever made it.
	Service, CanaryService *corev1.Service
	// Deployments are those whose pods the Service may select, and the one of the last release; where there is none of both, all of the
	// namespace that are held.
	Deployments []*appsv1.Deployment
	// Siblings are other Services that select pods of the Deployment of the last release, or of the only one that the Service may select
	// and that is not being deleted. Where there are several, nothing is released, and their siblings are not read.
	Siblings []*corev1.Service
	// ReplicaSets are those of the same Deployments, those that have the name which one for their template or for the last release would
	// have, those made for a release of the TrafficShift, and those whose pods have a pod-template-hash of the last release.
	ReplicaSets []*appsv1.ReplicaSet
	// Claims are the PersistentVolumeClaims of the templates of the same Deployments.
	Claims []*corev1.PersistentVolumeClaim
	// Pods are those that the Service selects as its user wrote it, and those with a pod-template-hash of the last release or of a
	// ReplicaSet made for a release of the TrafficShift.
	Pods []*corev1.Pod
	// Routes are the objects that carry routes, of all namespaces: those with a destination or a mark of the TrafficShift, those that have
	// its host in the mesh, by name or by a wildcard, and the one that has the name which one of Stagger's making would have.
	Routes []*unstructured.Unstructured
	// PreviewService is the one that has the name of the Service for checks, whoever made it. CronJobs are those of the checks that the policy or
	// the running release asks for, and Jobs those that were made for checks of the TrafficShift.
	PreviewService *corev1.Service
	CronJobs       []*batchv1.CronJob
	Jobs           []*batchv1.Job
	// Rules are the DestinationRules for the hosts of the TrafficShift, by name or by a wildcard for a part of it, of all namespaces, those
	// with its mark, and those that have the name of a copy; between destinations, those of its namespace.
	Rules []*unstructured.Unstructured
	// Gateways are those that the Routes which the release may write are bound to. They are read while a release runs.
	Gateways []Gateway
	// Hold says how the Deployment's template changes are held, as far as it was proven.
	Hold release.HoldMode
}

// Gateway is a Gateway of Istio.
type Gateway struct {
	Name types.NamespacedName
	// Pods are those that it selects, in namespaces whose pods are trusted as gateways. Whole says that there are no others.
	Pods  []*corev1.Pod
	Whole bool
}

// Rival is another TrafficShift, and the Service that it names; nil where that is not there.
type Rival struct {
	Shift   *v1alpha1.TrafficShift
	Service *corev1.Service
}
