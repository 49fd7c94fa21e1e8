package urgent

import (
	"math"

	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Counts are requests and how many of them were bad.
type Counts = evidence.Counts

// Group is a part of the canary that one fault may take, such as its pods on one node.
type Group struct {
	// Name tells the group apart from the others; groups of one name are one.
	Name string
	// Counts are those of the second; none when nothing could be read of the group.
	Counts
}

// Second is what was read of one objective in one second.
type Second struct {
	// Canary has every group of the canary, at most 64, in any order. With one group nobody can be left out.
	Canary []Group
	// Stable is what was read of the stable over the same time, with no regard to how much of it was read.
	Stable Counts
	// Braked says that the second passed at a weight that a brake has lowered.
	Braked bool
}

// Config is what a lane tolerates.
type Config struct {
	// Tolerance is the ratio of bad shares, canary to stable, that is tolerated: 1 to 100. Anything else means evidence.DefaultRatio.
	Tolerance float64
	// Threshold is the wealth of either purse at which to abort, see evidence.Config.UrgentThreshold. One that is not above 1 is never
	// reached: who forgets it blames nobody.
	Threshold float64
}

func (c Config) normal() Config {
	if !exact.Within(c.Tolerance, 1, 100) {
		c.Tolerance = evidence.DefaultRatio
	}
	if !(c.Threshold > 1) {
		c.Threshold = math.Inf(1)
	}
	return c
}

// Sign is what a lane says after a second.
type Sign struct {
	// Wealth is that of the richer purse. It starts at 1; the threshold aborts.
	Wealth float64
	// Alarm says that this second, or the last three, looked bad whoever is left out; Episode that the next second will be bet on.
	Alarm, Episode bool
	// Abort says that the canary is proven to be worse than allowed. It stays so.
	Abort bool
	// Brake asks to lower the weight at once, without blame. It asks again each second until Braked or Released; it may be ignored.
	Brake bool
	// Canary, all groups, and Stable are the requests of the last Seconds: of the 1 or 2 that are the reason for Brake, else of those, at most 3,
	// that an alarm looks at.
	Canary, Stable Counts
	Seconds        int
}

const (
	window    = 3  // seconds that an alarm looks at
	calm      = 5  // seconds with requests and without alarm that end an episode
	silence   = 30 // seconds without a request that end it, and what is "in a row"
	toBegin   = 2  // alarms in a row that begin an episode
	aloneMore = 1  // so many more when nobody can be left out
	mostMore  = 8  // each episode makes the next one wait for one alarm more, at most so many
)

// Lane watches one objective of one release. It is not safe for concurrent use.
type Lane struct {
	c       Config
	purses  [2]purse // of seconds at the release's weight, and at a braked one
	stakes  []stake  // of the open episode, for each group that may be left out; none: no episode is open
	set     set      // which groups there were in the last second
	past    []second // newest first, those that are looked at with the next one; what was before a void second is forgotten
	low     bool     // the last second passed at a braked weight
	alarms  int64    // in a row
	calm    int64    // seconds with requests since the last alarm
	silent  int64    // seconds since the last canary request
	reached bool     // a purse has had the threshold's wealth
	brake   brake
}

// New begins the lane of a release's objective.
func New(c Config) *Lane { return &Lane{c: c.normal(), purses: [2]purse{{cash: 1}, {cash: 1}}} }

// Next takes one second, after all before it. Without a group, with too many, and with counts that are NaN, infinite, negative or absurd,
// it is as one that could not be read; see Void.
func (l *Lane) Next(s Second) Sign {
	now, set, ok := read(s)
	if !ok {
		l.Void()
		return l.sign()
	}
	l.turn(s.Braked)
	l.regroup(set)
	l.past = append([]second{now}, l.past...)
	seen := now.canary().Requests > 0
	if seen {
		l.silent = 0
		l.bet(now)
	} else {
		l.silent++
	}
	alarm := l.alarm()
	l.follow(alarm, seen)
	sign := l.sign()
	sign.Alarm = alarm
	sign.Seconds = min(window, len(l.past))
	if seconds := l.grave(); l.brake.due(seconds > 0) && !l.low {
		sign.Brake, sign.Seconds = true, seconds
	}
	looked := together(l.past, sign.Seconds)
	sign.Canary, sign.Stable = looked.canary(), looked.stable
	l.past = l.past[:min(len(l.past), window-1)]
	return sign
}

// Void passes over a second that could not be read. It breaks what is in a row, alarms and reasons to brake, and what is looked at
// together with the seconds before: they are no neighbours of what comes. Stakes stay as they are, as in a second without a request, and
// silence goes on. That is a bet that is called off, and no gain in the mean as long as whether a second can be read does not depend on
// how its requests ended. When many seconds are missing, the first 30 calls say it all, and one is enough.
func (l *Lane) Void() {
	l.past, l.alarms, l.brake.hot = nil, 0, 0
	l.silent++
	l.hush()
}

// Braked tells that the weight was lowered because of a brake, be it this lane's or that of another objective. A lane also takes the
// first second at a braked weight for that, so that a restart between the lever and the checkpoint forgets no brake.
func (l *Lane) Braked() { l.brake.carriedOut() }

// Released tells that the weight is up again, by proof. The seconds that are still at the braked weight are given with Braked all the same.
func (l *Lane) Released() { l.brake.down, l.brake.hot = false, 0 }

// turn follows the weight down and up again. The weight of a second is known before it, so this ends no bet that the second would have
// lost.
func (l *Lane) turn(braked bool) {
	if braked == l.low {
		return
	}
	l.end()
	l.low = braked
	if braked {
		l.Braked()
	} else {
		l.Released()
	}
}

// regroup begins anew with other groups. What was staked on leaving out one that is gone is worth nothing for those that came.
func (l *Lane) regroup(set set) {
	if set == l.set {
		return
	}
	l.end()
	l.set = set
	l.past, l.alarms, l.brake.hot = nil, 0, 0
}

func (l *Lane) purse() *purse {
	if l.low {
		return &l.purses[1]
	}
	return &l.purses[0]
}

// counting is how bad requests count at this weight.
func (l *Lane) counting() counting {
	if l.low {
		return plainly
	}
	return byShare
}

// follow begins and ends episodes, by what is known after a second.
func (l *Lane) follow(alarm, seen bool) {
	switch {
	case alarm:
		l.alarms, l.calm = min(l.alarms+1, most), 0
	case seen:
		l.alarms, l.calm = 0, min(l.calm+1, most)
	}
	l.hush()
	need := toBegin + min(mostMore, l.purse().episodes)
	if l.set.groups == 1 {
		need += aloneMore
	}
	switch {
	case len(l.stakes) == 0 && l.alarms >= need:
		l.stakes = l.purse().begin(l.set.groups)
	case l.calm >= calm:
		l.end()
	}
}

// hush ends what goes on when there has been no request for long. Nobody waits for ever with money staked: the next request may come in
// an hour, from another world. Requests are counted, not how they ended, and before the next bet, so it is the past that ends it.
func (l *Lane) hush() {
	l.silent = min(l.silent, most)
	if l.silent >= silence {
		l.alarms = 0
		l.end()
	}
}

// end brings what an episode is worth back to its purse.
func (l *Lane) end() {
	l.purse().cash = exact.Down(l.purse().cash + worth(l.stakes))
	l.stakes = nil
}

// bet multiplies the stakes of an open episode by what the second wins.
func (l *Lane) bet(now second) {
	for b := range l.stakes {
		n := now.without(b)
		expected := l.c.expect(n, now.stable)
		if expected.most > 0 {
			l.stakes[b].multiply(l.counting().of(n), expected)
		}
	}
	l.reached = l.reached || l.purse().cash+worth(l.stakes) >= l.c.Threshold
}

// alarm tells whether the last second, or the last few, look bad whoever is left out.
func (l *Lane) alarm() bool { return l.looksBad(1) || l.looksBad(window) }

func (l *Lane) looksBad(seconds int) bool {
	const bad = 2
	all := together(l.past, seconds)
	return all.whoever(func(n Counts) bool {
		return n.Bad >= bad && l.counting().of(n) > l.c.expect(n, all.stable).atMost
	})
}

func (l *Lane) sign() Sign {
	wealth := [2]float64{l.purses[0].cash, l.purses[1].cash}
	if l.low {
		wealth[1] += worth(l.stakes)
	} else {
		wealth[0] += worth(l.stakes)
	}
	return Sign{Wealth: max(wealth[0], wealth[1]), Episode: len(l.stakes) > 0, Abort: l.reached}
}
