package evidence

import (
	"slices"
	"time"
)

const (
	// TickHistory is how much of a stable's past it takes to choose a tick: in an hour long bursts are too few to show.
	TickHistory = 24 * time.Hour

	// A tick outlasts the bursts of bad requests when two and four of them in one have no larger a dispersion but by chance: bursts within a tick leave
	// it the same, longer ones make it grow.
	growthOfTwo  = 1.3
	growthOfFour = 1.5
	// enoughBursts are so many that their dispersion is known to a seventh.
	enoughBursts = 300
)

// tickLengths are the ticks that may be chosen, the shortest first.
func tickLengths() []time.Duration {
	return []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
}

// TickStep is the shortest tick that may be chosen where counts come in intervals of such a length, and below the longest; false: none.
func TickStep(interval, longest time.Duration) (time.Duration, bool) {
	for _, d := range tickLengths() {
		if d >= interval {
			return d, d < longest
		}
	}
	return 0, false
}

// TickOf is the length of the evidence tick for a stable with such a history: the shortest that outlasts its bursts of bad requests. That is what the
// tests ask of a tick (see Config.Slow); the dispersion phi of its counts, at ticks d, 2d and 4d of the history, shows it:
//
//	phi(2d) <= 1.3 phi(d)  and  phi(4d) <= 1.5 phi(d)
//
// The history is a day at least of steps that divide each tick, oldest first, without gaps; limit is the objective's. Rare outages are left out, as
// they are by Disperse. False: the history is too short, has too few bursts to tell, or bursts that outlast half a minute.
func TickOf(history []Counts, step time.Duration, limit float64) (time.Duration, bool) {
	if step <= 0 || time.Duration(len(history))*step < TickHistory {
		return 0, false
	}
	history = withoutRareOutages(history, step, limit)
	for _, d := range tickLengths() {
		if d < step || d%step != 0 {
			continue
		}
		n := int(d / step)
		one, two, four := inTicks(history, n), inTicks(history, 2*n), inTicks(history, 4*n)
		if four.bad < enoughBursts*max(1, four.phi()) {
			return 0, false
		}
		if two.phi() <= growthOfTwo*one.phi() && four.phi() <= growthOfFour*one.phi() {
			return d, true
		}
	}
	return 0, false
}

// ManyBad tells whether a history in minutes has so many bad requests that a day of it may show how long their bursts are.
func ManyBad(minutes []Counts) bool {
	var all Counts
	for _, c := range minutes {
		if countable(c) {
			all.add(c.Requests, c.Bad)
		}
	}
	return all.Bad*TickHistory.Minutes() >= enoughBursts*float64(max(1, len(minutes)))
}

// inTicks is what the dispersion of a history in ticks of n of its steps is estimated from.
func inTicks(history []Counts, n int) squares { return squaresOf(added(history, n)) }

// added are the steps of a history, n of them added up; one that is no count is none.
func added(history []Counts, n int) []Counts {
	sums := make([]Counts, 0, len(history)/n+1)
	for part := range slices.Chunk(history, n) {
		var sum Counts
		for _, c := range part {
			if countable(c) {
				sum.add(c.Requests, c.Bad)
			}
		}
		sums = append(sums, sum)
	}
	return sums
}

// withoutRareOutages has no requests in the minutes that Disperse leaves out.
func withoutRareOutages(history []Counts, step time.Duration, limit float64) []Counts {
	n := int(DefaultSlow / step)
	if n == 0 || DefaultSlow%step != 0 {
		return history
	}
	all, _, rare := leaveOut(added(history, n), limit)
	if !rare {
		return history
	}
	rest := slices.Clone(history)
	for _, o := range all {
		clear(rest[o.from*n : min(o.to*n, len(rest))])
	}
	return rest
}

// WithTick is the configuration with ticks no longer than d; 0 leaves them.
func (c Config) WithTick(d time.Duration) Config {
	if d > 0 {
		c.Fast, c.Slow = min(or(c.Fast, DefaultFast), d), min(or(c.Slow, DefaultSlow), d)
	}
	return c
}
