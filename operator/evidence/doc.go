// Package evidence counts what both arms of every running release were asked and how they answered, and feeds the counts to
// the sequential tests of the release.
//
//	Track, Weight, Forget             per source, every slice (5 s)                 Events
//	        │            ┌───────────────────────────────────────────────────────────┐   │
//	        ▼            │ T = now - lag, on a grid                                  │   ▼
//	shift ──► releases ──┤ base:      can counts be believed?     one query          ├──► shift
//	        ▲            │ freshness: are the scrapes current?    one per 250 ──► Void│
//	        │            │ requests:  increments in (T-slice, T]  one per 250 ──► Add │
//	     Reading         └───────────────────────────────────────────────────────────┘
//
// Every release has a watermark, the end of its last slice. A question that fails is asked again with its own time, in
// order; so is everything since the checkpoint after a restart, in longer slices when there is much of it. So each sample is
// counted once, whatever fails. What cannot be believed (stale scrapes, a partial answer, an empty Prometheus) moves the
// watermark and is no evidence, for or against.
//
//	reason of a Reading     fresh   meaning
//	Current                 yes     counted up to now
//	NoTraffic               yes     the scrapes are current, and nobody asked either arm lately
//	Pending                 no      not asked yet
//	NoData                  no      no series of the Service's callers, or a Prometheus without history
//	Stale                   no      scrapes fail, the answer was partial, or what was missed is being caught up with
//	PrometheusUnreachable   no      the last question was not answered
package evidence
