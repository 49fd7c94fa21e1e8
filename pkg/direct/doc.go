// Package direct says what the counters of Envoy tell about a release when they are read each second, past Prometheus: whether to abort or to
// brake (package urgent), what share the canary gets, and whether the proxies go by a weight. Values in, values out: operator/direct reads.
//
//	pods of both arms, gateways ──Choose──► proxies ──Turns──► whose turn it is ··· operator/direct reads ··· pages ──Parse──┐
//	                                                                                                                          ▼
//	State ◄── lanes, share, settled, known, absent ◄── second: requests of each group and of the stable ◄── differences ◄── Watch.Take
//
//	read of          counted                                        as
//	a canary's pod   what it was asked (reporter="destination")     a group for each node; for each pod where there is one node
//	a stable's pod   the same                                       the stable
//	a gateway        what it passed on (reporter="source")          one group, and the stable, where pods of the canary cannot be read
//
// The arm is the pod that was read, not a label: a pod can tell lies about itself alone. A request is good or bad as package counting says.
// What is counted is the difference of two readings of one proxy. It is void when a counter fell, when the proxy was not read before, and
// when the reading is later than twice the time it was meant to take. Void is never good and never bad.
//
// Where a release cannot be read, its State says so, and everything goes on by Prometheus.
package direct
