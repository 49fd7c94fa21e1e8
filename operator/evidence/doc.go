// Package evidence counts what both arms of every running release were asked and how they answered, and feeds the counts to
// the sequential tests of the release. It asks sources of counts in terms of arms, indicators and intervals (Counter) and knows
// of no kind of source; operator/loop.go registers them.
//
//	after each decision               per source, every slice (5 s)                         Events
//	     Follow          ┌──────────────────────────────────────────────────────────────┐      │
//	        │            │ T = now - lag, on a grid                     Clock           │      ▼
//	shift ──┴► releases ─┤ counts of (T-slice, T], with how complete    SliceCounter    ├──► shift
//	        ┌◄           │ the reports are: to the tests, or void                       │
//	     Reading         │ beside it: the stable's past, a canary's pods PastCounter    │
//	before each decision └──────────────────────────────────────────────────────────────┘
//
// Every release has a watermark, the end of its last slice. A question that fails is asked again with its own time, in
// order; so is everything since the checkpoint after a restart, in longer slices when there is much of it. So each request is
// counted once, whatever fails. What cannot be believed (late reports, a partial answer, a source without history) moves the
// watermark and is no evidence, for or against.
//
//	reason of a Reading     fresh   meaning
//	Current                 yes     counted up to now
//	NoTraffic               yes     the reports are complete, and nobody asked either arm lately
//	Pending                 no      not asked yet
//	Stale                   no      what was missed is being caught up with
//	NoData                  no      the release cannot be counted, or the source gave no reason
//	the source's own        no      what the source says of reports that are late or missing, of an answer that cannot be used,
//	                                of its clock, and of itself when it does not answer: for Prometheus see operator/prometheus/counts
//	ClockSkew                no      also: the source's clock was set back, to a time that is counted already
//
// What is counted, and how old it is, goes by the source's clock: slices, watermarks, and the tests with their checkpoint. What the loop is told and
// what it says, such as when a weight was written and up to when all is counted, has the times of the operator's. Counting begins when the difference
// of the two is known.
package evidence
