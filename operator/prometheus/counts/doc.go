// Package counts is the source of counts that asks a Prometheus: questions about arms in, PromQL out, counts per arm back. The loop
// of operator/evidence asks it as evidence.Counter; how an expression is written and its answer read is pkg/counting's.
//
//	asked for                 queries                                              file
//	counts of an interval     one for the source (is it old enough to be           answer.go
//	                          believed?), and for every 250 releases one for
//	                          freshness and one for each indicator: for each of
//	                          few groups of releases whose reports come as often   group.go
//	which time it is there    one with each slice, without a time                  clock.go
//	how late it is, and       four for every 250 releases, once a minute, and      timing.go
//	what comes twice          when there are other releases; three for those of
//	                          which not all is known
//	the past of a release     one range query for each indicator                   past.go
//	the pods of a canary      one range query                                      past.go
//
//	what Prometheus does                            what the loop gets
//	no answer                                       counting.Unanswered, reason PrometheusUnreachable
//	a clock that is more than 5 s from ours, or
//	others than the last minute's by more than 1 s  counts, and a skew, reason ClockSkew: they accuse and do not clear
//	a clock that is an hour from ours, or no time   counting.Unanswered, reason ClockSkew
//	a refusal, a time-out, too many series          the question is cut into pieces until it is known which releases make
//	where other questions are answered              it so: unusable for these, reason NoData, and they are asked about apart
//	warnings                                        unusable for the indicator it was asked by, reason Stale
//	a value that no count can have                  an arm that is not counted, reason NoData
//	no scrapes from before the interval             unusable for all, reason NoData
//	a job of callers that is only begun to scrape   unusable for the releases it concerns, reason NoData
//	fewer than nine tenths of the targets scraped   an arm whose reports are late, reason Stale
//	nobody reports about the arm, or only targets
//	without an up of their job and instance,
//	or only pods that are not believed              an arm whose reports are late, reason NoData
//	proxies that come by several jobs or replicas   a remark: one of them is counted, or why they are counted twice
//	several up of one target at a time, or copies   counts with a doubt, reason NoData, for the releases that they report about:
//	of a proxy that do not tell the same            they accuse and do not clear
//	an arm that is reported, without counts         an arm that is not counted, reason NoData
package counts
