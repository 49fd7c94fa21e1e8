// Package prometheus asks a Prometheus, or what speaks like one, within limits of time and size.
//
//	what happens                                        what the caller gets
//	a vector of numbers, for the time that was asked    the vector, NaN included
//	no answer in time, another HTTP status than 2xx,    Unreachable, with the status: asking again may help
//	no JSON, no vector
//	warnings that something may be missing, more than   Partial, with a method Incomplete: asking again would not help
//	MaxAnswer bytes, histograms, another time
//	three Unreachable in a row, but for 400 and 422     the last of them at once; one question every 2 s goes through
//
// Questions go to the configured address only, by POST. A redirect within the same scheme, host and port is followed when it
// keeps the question; every other is an HTTP status like any other.
package prometheus
