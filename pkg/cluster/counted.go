package cluster

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Following is all that the record of a TrafficShift wants of the loop now. The zero Following wants nothing.
type Following struct {
	// Release is the release's number.
	Release int64
	// Source names the source to ask; empty: DefaultSource.
	Source string
	// Count is what to count; nil: nothing.
	Count *Target
	// Weight is the weight of what is counted; the zero Weight before the first one: then only freshness is asked for.
	Weight Weight
	// Suspect are pods to ask about; nil: none.
	Suspect *Suspicion
}

// Target is what is counted of a release.
type Target struct {
	// Stable and Canary are the arms: two Services, or two revisions of the same.
	Stable, Canary counting.Service
	// Config is what the tests tolerate. Indicators say, for each of its objectives, which requests are bad; where there are
	// fewer, the rest is counted by the zero Indicator.
	Config     evidence.Config
	Indicators []counting.Indicator
	// ClientErrors says how the arms' shares of client errors are compared; without objectives they are not.
	ClientErrors evidence.Config
	// PastKnown says that the Config holds what the stable's past says, so that nobody has to be asked for it.
	PastKnown bool
	// Checkpoint is what the last Reading before a restart said. When it is empty the tests begin; so they do when it cannot be
	// read, for what cannot be read is no evidence.
	Checkpoint string
	// Over says that the version is judged already: what is counted is for the record alone.
	Over bool
	// End is when the canary had its last request; the zero time while it may get more.
	End time.Time
	// Gaps are the times that the record says were not counted.
	Gaps []v1alpha1.Gap
	// From is when the first weight was written, as release.Rounding has it recorded. While it is zero nothing is counted, and only the
	// freshness of the stable is watched.
	From time.Time
}

// Weight is what the record of a release says about its weight now.
type Weight struct {
	// WrittenAt is when this weight was written into the routes, as release.Rounding has it recorded.
	WrittenAt time.Time
	// SettledAt is since when it is live in the proxies; nil: not yet. Slices that begin earlier can only warn.
	SettledAt *time.Time
	// Alone says that no stable is beside the canary, as at a share of 1.
	Alone bool
	// AwayFrom and AwayUntil bound the last time in which no pod of the canary could answer: slices that overlap it say nothing. A zero
	// AwayFrom: there was none; a zero AwayUntil: it lasts.
	AwayFrom, AwayUntil time.Time
	// Braked says that the weight is one that a brake has lowered.
	Braked bool
	// Move counts the weights of a release: when it changes, the tests begin a new step at WrittenAt.
	Move int32
	// Excused counts how often one pod of the canary was excused, and that it was no more: when it changes, the evidence begins anew.
	Excused int32
}

// Suspicion is a canary that was taken back for its counts, or may be. Of one that was, whether one of its pods alone is to blame is asked once, when
// its traffic is gone: nothing waits for the answer. Of one that may be it is asked for each slice.
type Suspicion struct {
	// Stable and Canary are the arms.
	Stable, Canary counting.Service
	// Objective is the index of the one whose bad requests are asked about.
	Objective int
	// ReplicaSet is the canary's, in the namespace of the TrafficShift.
	ReplicaSet string
	// Indicator says which requests are bad.
	Indicator counting.Indicator
	// Since is when the release got traffic.
	Since time.Time
	// Running says that it was not taken back: only the last evidence.PodSpan counts.
	Running bool
}

// Reading is what is known of a release. Its times are the operator's clock's, whatever that of the source of the counts says; but for those in the
// Checkpoint, which are the source's.
type Reading struct {
	// Verdict answers the question.
	Verdict evidence.Verdict
	// Checkpoint is what Target.Checkpoint takes after a restart; Through is the end of the last slice in it, the zero time
	// before the first.
	Checkpoint string
	Through    time.Time
	// Counted is up to when the requests that met the canary are counted, but for the Gaps. It may lie before Through: reports that are late
	// may say more of what came after it. AllIn says that End is known and all reports up to it are in.
	Counted time.Time
	Gaps    []v1alpha1.Gap
	AllIn   bool
	// Fresh says that everything up to now is counted and the reports are complete. Reason and Message are those of the
	// condition EvidenceCurrent: see the table of the package.
	Fresh   bool
	Reason  v1alpha1.Reason
	Message string
	// Since is the traffic of the fresh slices that began when proxies can follow the present weight, as far as this process has
	// counted them. Lately is that of the last 30 seconds, or of two intervals of reports when that is more.
	Since, Lately evidence.Arms
	// Rate is the traffic of the last two minutes, or of two intervals of reports when that is more, in requests per second of both
	// arms; 0 when nothing was counted.
	Rate float64
	// Silence is for how long no request of either arm was reported, up to the end of what is counted, beyond the time between two reports.
	Silence time.Duration
	// ClientErrors are those of the arms, counted as bad, and whether the canary's share is larger than it may be.
	ClientErrors release.ClientErrors
	// Remarks are sentences about what the counts do not show.
	Remarks []string
	// OneStatus is a sentence about what counts cannot show where all requests had the same good status, as those of a healthy Service of plain
	// HTTP have; empty where they had not.
	OneStatus string
	// Past is what the stable's past says; nil while it is not known, or when it was known from the beginning.
	Past *Past
	// Seen says that this process has taken a fresh slice of this release.
	Seen bool
	// Pods are what each pod of a suspected canary was asked, in the order of their names.
	Pods evidence.ByPod
}

// Past is what the time before a release says about it.
type Past struct {
	// Span is how far back was looked; 0 when nothing could be seen.
	Span time.Duration
	// Rate is the traffic of the busiest of the last five minutes, or of the busiest interval between two reports in the last one when that is
	// more, in requests per second of both arms.
	Rate float64
	// Tick is the length of the evidence ticks that was chosen by it; 0: none was, and they are as long as they are configured.
	Tick time.Duration
	// Objectives say how the stable's bad requests came, for each objective of the Config.
	Objectives []evidence.Dispersion
}
