// Package shift moves the traffic of Services under management.
//
//	observe   caches and evidence -> release.Observation                     observe*.go
//	decide    release.Decide, pure                                           pkg/release
//	act       the writes of the decision, in its order, first failure ends   act*.go
//	report    one status patch, events, metrics, from the same decision      report.go events.go metrics.go
//
// Nothing about a release is kept in memory but what can be read back from the API: a restart loses nothing.
package shift
