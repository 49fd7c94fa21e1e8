// Package metrics gives the operator's metrics to Prometheus: those of pkg/metrics, and no others.
//
//	a change   Set.Add, when it has been written ─► counters, histograms
//	a pass     Set.Looked, of a running release ─► its numbers, which its status has some time later
//	a scrape   Set.Collect ─► the states, by the leader alone: the caches of TrafficShifts and Services (Fleet), the evidence loop, the hold
package metrics
