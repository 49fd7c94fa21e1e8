// Package counting says how requests are counted: the questions that every source of counts answers, and the answers, as values.
//
//	Service      one arm, as Istio reports it
//	Indicator    which requests are counted, and which of them are bad
//	Outcome      how one request ended; Rules.Classify says whether that is good, bad or unclear
//	Interval     the time that is asked about; Slices cuts time into them so that all add up, whoever asks and when
//	Pair         both arms of a release, with the indicators it is judged by
//	Counts       how many requests an arm had in an interval, and how many bad ones
//	Answer       what a source says of a Pair by one indicator: counts, how complete its reports are, or why neither is known
//	Timing       how a source keeps up with what happens
//	Unanswered   the error of a source that does not answer; Unusable that of an answer nothing can be counted from
//
// Zero requests with complete reports is no traffic: a fact of its own, neither for nor against. How Prometheus is asked is in
// pkg/counting/promql. Nothing in here reads a clock or talks to anything.
package counting
