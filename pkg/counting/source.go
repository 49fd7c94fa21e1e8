package counting

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Pair is the two arms of one release, as a source of counts is asked about them.
type Pair struct {
	Stable, Canary Service
	// Indicators say which requests are counted and which of them are bad; at least one.
	Indicators []Indicator
}

// Answer is what a source says about a Pair by one of its indicators.
type Answer struct {
	// Unusable says why nothing can be taken from what the source said; the rest is not set then. nil: it can be used.
	Unusable *Trouble
	// Stable and Canary are what is known of the arms.
	Stable, Canary ArmAnswer
	// Doubt says why the counts suffice to accuse and not to clear; nil: they do.
	Doubt *Trouble
	// Remarks are sentences about how was counted, which people should know.
	Remarks []string
}

// ArmAnswer is what a source says about one arm by one indicator.
type ArmAnswer struct {
	// Reported says that somebody reports about the arm. A canary is not reported before its first request: then the reports about
	// the stable speak for it, for the same callers report about both.
	Reported bool
	// Late says why the reports are not complete up to the end of the interval; nil: they are.
	Late *Trouble
	// Counts are those of the interval. Uncounted says why they are not known, although the arm is reported; nil: they are known.
	Counts    Counts
	Uncounted *Trouble
	// Untold says why of some of the requests nobody knows whether they failed; the others are in Counts. nil: there are none.
	Untold *Trouble
}

// Timing says how a source keeps up with what happens.
type Timing struct {
	// Lag is how long after its end an interval can be asked about.
	Lag time.Duration
	// Interval is the time between two reports about the same arm.
	Interval time.Duration
	// Ahead is by how much the clock of who asks is ahead of the source's; negative: behind. The times of questions and answers are the source's.
	// Dated says that it is known: else no moment can be found there, and nothing can be asked about it.
	Ahead time.Duration
	Dated bool
	// Skew says why the clocks are so far from each other, or so uncertain, that nothing is raised by what is counted; nil: they agree.
	Skew *Trouble
}

// Trouble is why there is no evidence: the reason of the condition EvidenceCurrent, and a sentence for people.
type Trouble struct {
	Reason  v1alpha1.Reason
	Message string
}

// Unanswered is the error of a source that does not answer. Later it may: the same is asked again.
type Unanswered struct{ Trouble }

// Error returns the sentence for people.
func (u Unanswered) Error() string { return u.Message }

// Unusable is the error of an answer from which nothing can be counted. It would be the same if it were asked for again.
type Unusable struct{ Trouble }

// Error returns the sentence for people.
func (u Unusable) Error() string { return u.Message }
