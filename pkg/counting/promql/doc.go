// Package promql turns Prometheus's counters into counts of requests and bad requests per arm and slice of time, each request counted
// once: it writes the expressions and reads the answers.
//
// rate() and increase() cannot do that: they extrapolate, and they lose the first sample of every new series, which is where
// a new version's first errors are. The expressions here take differences on the server instead. An arm is the name of a
// Service: the stable is the user's own, the canary is the Service beside it. One Batch holds the arms asked for together at
// one source by one Indicator, which says what a bad request is, and writes and reads everything about them:
//
//	question                      written by            read by                  an empty answer means
//	requests of each arm          Batch.Increments      Batch.Counts             no series yet: nothing is known
//	the same over hours           Batch.Increments      Batch.History            no history: nothing is known
//	may they be believed?         Batch.Base            Single                   the slice is void
//	are the scrapes current?      Batch.Freshness       Batch.DecodeFreshness    no evidence
//	the three, over hours         the three of them     Batch.Timeline           a step of which nothing is known
//	how far behind now to ask?    Batch.Lag             Batch.Seconds            the longest lag
//	how often is scraped?         Batch.ScrapeInterval  Batch.Seconds            keep what was assumed
//	is any job's not known yet?   Batch.Unmeasured      Batch.Seconds            all are known
//	which proxies come twice?     Batch.Copies          Batch.DecodeCopies       nobody reports
//	requests of each pod          Pods.Increments       Pods.Counts              the pods are not scraped
//
// Partial says when something may be missing in an answer. Nothing in here reads a clock or talks to anything.
package promql
