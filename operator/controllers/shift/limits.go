package shift

import "time"

const (
	// callLimit is how long one call to the API server may take. One that answers at all does so within a second; the rest is for a webhook
	// that is slow but alive. A write that hangs longer is given up: what it was to do is decided anew from what there is then.
	callLimit = 5 * time.Second
	// passLimit is how long a pass may take: long enough for every lever of an abort to be tried although each call hangs.
	passLimit = 30 * time.Second
	// answerCounts is how long the answer to a write stands for an object that the caches still have as it was before. Later somebody else may
	// have changed it, and the API server is asked.
	answerCounts = 10 * time.Second
)

// doubled is how long to wait after so many failures in a row: first after one, then each time twice as long, up to last.
func doubled(first, last time.Duration, failures int) time.Duration {
	wait := first
	for n := 1; n < failures && wait < last; n++ {
		wait *= 2
	}
	return min(wait, last)
}
