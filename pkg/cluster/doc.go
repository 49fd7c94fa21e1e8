// Package cluster is the one model of the cluster: what is there, what it means, and what is written.
//
//	Objects ──Observe──► release.Observation ──release.Decide──► release.Decision ──Plan──► []Write
//
// Both functions are pure. The operator fills Objects from its caches and sends the Writes to the API server; the scenarios and the
// simulation do the same with a store in memory.
package cluster
