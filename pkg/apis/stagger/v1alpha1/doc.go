// Package v1alpha1 is Stagger's API: two kinds and a handful of annotations.
//
//	ShiftPolicy   cluster      how releases go up and what they are judged by; written by platform teams, shared like a StorageClass
//	TrafficShift  namespaced   one Service under management: what is wanted of it, the running release, its history
//
// Percentages are strings such as "0.5%" with at most four decimals, durations are strings such as "2m30s", times are metav1.Time.
// The conditions of a TrafficShift carry its contract: see [ConditionReady] and the constants beside it. The state of a release
// ([ReleaseState]) is for people and columns only.
//
// +kubebuilder:object:generate=true
// +groupName=stagger.dev
package v1alpha1
