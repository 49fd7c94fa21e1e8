// Package workload is what a release knows about a Deployment, its ReplicaSets, Pods and Services: pure functions
// over API objects. What is written to an object of the user is a patch of named paths; only objects of our own are
// rendered whole.
//
// One release, from the first write to the last:
//
//	step      object               function                 after it
//	hold      Deployment           Hold, Probe, Guarded     a change of the template waits
//	pause     Deployment           Pause                    the Deployment controller scales, but rolls nothing out
//	start     canary Service       CanaryService            the canary arm has a host of its own
//	narrow    the user's Service   Narrow                   callers past our routes stay on the stable pods
//	canary    release ReplicaSet   ReleaseSet, Scale        canary pods, owned by the canary Service
//	watch     Pods, ReplicaSet     HealthOf, Blocked        who fails, who has not started and why
//	abort     canary Service       Abort                    routed canary traffic meets stable pods, durably
//	handover  the user's Service   MoveNarrowing            callers past our routes meet the canary
//	          release ReplicaSet   Handover                 the Deployment owns the judged pods: no way back
//	restore   the user's Service   Widen                    the selector is as the user wrote it
//	          Deployment           Unpause, Unhold          as the user wrote it
//
// What the Deployment controller does, and this package rests on (k8s.io/kubernetes v1.37, pkg/controller/deployment):
//
//   - A ReplicaSet whose controllerRef is somebody else's is ignored, one without a controllerRef is adopted when its
//     labels match the Deployment's selector, one it owns whose labels do not match is let go.
//   - Its new ReplicaSet is the oldest of those with the Deployment's template, the pod-template-hash label left out.
//   - Paused, it creates no ReplicaSet, but still scales: with one active ReplicaSet that one gets spec.replicas, with
//     a saturated new one all others get 0, else all are scaled in proportion. It also deletes empty old ReplicaSets
//     beyond revisionHistoryLimit.
//   - A ReplicaSet is saturated when its replicas, its annotation deployment.kubernetes.io/desired-replicas and its
//     available replicas all equal spec.replicas.
//   - Every annotation of the Deployment is copied to its new ReplicaSet and stays there; labels are not. Our marks on
//     a Deployment are therefore labels.
package workload
