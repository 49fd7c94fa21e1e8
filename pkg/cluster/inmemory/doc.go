// Package inmemory is a cluster in memory: real objects, the API server's rules for writing them, and what the controllers of a cluster do
// about them. Scenarios and the simulation play releases on it, by the functions that the operator runs.
//
//	Store        objects; JSON patches with tests, resourceVersion, generation, finalizers, admission
//	Controllers  Deployment and ReplicaSet controllers, kubelet, garbage collector
//
// It is a value that one goroutine uses: nothing in it waits, and time is what the caller says it is.
package inmemory
