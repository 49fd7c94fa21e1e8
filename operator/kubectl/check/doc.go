// Package check holds kubectl stagger check: what a cluster lacks for releases step by step, before and after Stagger is installed, and what
// to do about it.
//
//	file           looks at                                             needs
//	cluster.go     versions, CRDs, admission policies                   the right to discover; to read admission policies
//	operator.go    the operator's Deployments, its rights, its counts   the role view; to review the access of others
//	telemetry.go   Istio's metrics in Prometheus                        --prometheus
//
// Nothing is written: what only a write can prove is tried as a dry run.
package check
