// Package controllers lists the controllers of the operator and the rights they need.
//
//	service   annotation on a Service -> TrafficShift
//	policy    ShiftPolicy -> its status: can releases go by it?
//	shift     TrafficShift -> weights, pods and status of a release
//
// The roles in manifests/rbac are generated from rbac.go.
package controllers
