// Package shift moves the traffic of Services under management. A pass:
//
//	load      caches -> the objects that concern one TrafficShift            load.go index*.go written.go
//	observe   objects and counts -> facts; decide; plan the writes: pure     pkg/cluster, pkg/release
//	send      the writes, in their order, each within a time limit           send.go refusals.go
//	report    one status patch, events, metrics, from what was written       report.go events.go metrics.go
//	at rest   renew the proof that the Deployment is held                    guard.go
//
// Which passes come first, and which have workers of their own, is in lanes.go; what an operator does when it begins to work in resume.go.
// Which event concerns which TrafficShift is in mapper.go. Nothing about a release is kept in memory but what can be read back from the
// API: a restart loses nothing.
package shift
