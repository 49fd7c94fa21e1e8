package evidence

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Slice is one closed, contiguous interval of counts, taken at a constant weight.
type Slice struct {
	// From and To bound the interval; To lies after From by an hour at most.
	From, To time.Time
	// Stable and Canary hold the increments of both arms, one for each objective in the order of Config.Objectives.
	Stable, Canary []Counts
	// Settled is false while a raise is not yet live in all proxies. Such a slice feeds the fast lane only.
	Settled bool
	// Alone says that no stable stands beside the canary: all traffic is routed to it, or being routed. Stable is not read then.
	Alone bool
	// Away says that the requests were met by users, and say nothing about the version: no pod of the canary could answer for a part of the
	// interval, or it was cut short by a brake; see CutShort.
	Away bool
}

// Tests is the state of one release's sequential tests. It is not safe for concurrent use.
type Tests struct {
	c          Config
	objectives []objective

	through int64 // end of the last slice, in nanoseconds since 1970; 0: none yet
	stepped int64 // when the weight last changed; slices that began before show the weight before

	warmup  time.Duration // still to come
	warming bool          // the canary has had its first request
	covered time.Duration

	fast, slow, sums time.Duration // how far each tick is filled

	settling bool // no settled slice has been seen at this weight
	alone    bool // as the last slice

	accused   int64 // 1 + the objective the canary has breached; 0: none
	byShare   bool  // it was condemned by its share of the bad requests, not by the ceiling
	stepsBack bool  // the ceilings alone have reached the threshold

	void string // why the last void slice was void
}

// objective is what the tests know of one objective.
type objective struct {
	beside    lanes
	solo      *lanes // nil until the canary is alone at this weight
	stable    memory
	fast      arms // half-filled ticks
	slow      arms
	sums      arms
	all, kept Counts // E_ok's sums of this step, with and without the ticks of the stable's outages
	control   Counts // the stable in this step
	release   arms   // everything counted since the release began
}

// lanes are two bankrolls that share the false-abort probability. They must not share stakes: the slow one's tick is not
// closed when the fast one's is.
type lanes struct{ fast, slow bankroll }

func besideStable() lanes { return lanes{newBankroll(fastBettors()), newBankroll(slowBettors())} }

func withoutStable() *lanes {
	return &lanes{newBankroll(fastBettors()), newBankroll(slowCeilingBettors())}
}

// New begins the tests of a release. The error names the field of c that makes no sense.
func New(c Config) (*Tests, error) {
	c, err := c.normal()
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	t := &Tests{c: c, objectives: make([]objective, len(c.Objectives)), warmup: c.Warmup, settling: true}
	for i := range t.objectives {
		t.objectives[i].beside = besideStable()
	}
	return t, nil
}

// Through is the end of the last slice that was taken, the zero time before the first. What begins earlier is ignored.
func (t *Tests) Through() time.Time { return moment(t.through) }

// Add takes one slice. A slice that begins before Through has been counted and is ignored. One whose counts are NaN,
// infinite, negative or absurd is void: it moves the watermark and changes nothing else; see VoidReason.
func (t *Tests) Add(s Slice) {
	from, to := instant(s.From), instant(s.To)
	if from == 0 || to <= from || s.To.Sub(s.From) > maxTick {
		t.void = fmt.Sprintf("a slice from %v to %v is no interval of at most %v", s.From, s.To, maxTick)
		return
	}
	if from < t.through {
		return
	}
	if reason := t.refuse(s); reason != "" {
		t.Void(s.From, s.To, reason)
		return
	}
	t.through = to
	t.expose(s)
	if s.Away {
		t.interrupt()
		return
	}
	if t.warmsUp(s) {
		return
	}
	before := from < t.stepped
	if before && s.Alone {
		return // the lanes of the former stay at full weight are gone
	}
	t.side(s.Alone)
	t.fill(s, s.Settled && !before)
}

// Expose takes a slice that users met and that is no evidence: it moves the watermark and adds to what was counted of the release. The reason
// says why, as that of a void slice does.
func (t *Tests) Expose(s Slice, reason string) {
	if instant(s.From) < t.through || instant(s.To) == 0 {
		return
	}
	if t.refuse(s) == "" {
		t.expose(s)
	}
	t.Void(s.From, s.To, reason)
}

// Void takes a slice that says nothing: it moves the watermark and changes no evidence, for or against.
func (t *Tests) Void(from, to time.Time, reason string) {
	if instant(from) < t.through || instant(to) == 0 {
		return
	}
	t.through = max(t.through, instant(to))
	t.void = reason
}

// interrupt forgets the ticks that are not full yet: pods that are away now may have been on their way already in the slices before.
func (t *Tests) interrupt() {
	t.dropFast()
	t.slow, t.sums = 0, 0
	for i := range t.objectives {
		t.objectives[i].slow, t.objectives[i].sums = arms{}, arms{}
	}
}

// VoidReason says why the last void slice was void; empty when there was none since New or Restore.
func (t *Tests) VoidReason() string { return t.void }

// NextStep tells that the weight changes at the given time: sums and hold begin again, a fifth of every bankroll is spread
// again, and the half-filled slow tick, which would mix two weights, is dropped. The fast lane is fed without a gap. Slices
// that began before then are taken for the weight before, whenever they come.
func (t *Tests) NextStep(at time.Time) {
	if t.alone {
		t.dropFast()
	}
	t.stepped = instant(at)
	t.warmup, t.covered = 0, 0
	t.slow, t.sums = 0, 0
	t.settling, t.stepsBack = true, false
	for i := range t.objectives {
		o := &t.objectives[i]
		o.slow, o.sums = arms{}, arms{}
		o.all, o.kept, o.control = Counts{}, Counts{}, Counts{}
		o.beside.fast.boost, o.beside.slow.boost = true, true
		o.solo = nil
	}
}

// Excuse forgets what speaks against the canary and for it in this step, because one of its pods alone is to blame for it: the bankrolls begin again
// at 1, sums and hold at 0. The weight is as live as it was, and the stable's past stays. A canary that is no worse than allowed is accused once more
// with probability FalseAbort at most.
func (t *Tests) Excuse() {
	t.dropFast()
	t.accused, t.byShare, t.stepsBack = 0, false, false
	t.covered, t.slow, t.sums = 0, 0, 0
	for i := range t.objectives {
		o := &t.objectives[i]
		o.slow, o.sums = arms{}, arms{}
		o.all, o.kept, o.control = Counts{}, Counts{}, Counts{}
		o.beside, o.solo = besideStable(), nil
	}
}

// refuse says what is wrong with the counts of a slice, empty if nothing is.
func (t *Tests) refuse(s Slice) string {
	if len(s.Canary) != len(t.objectives) {
		return fmt.Sprintf("canary counts for %d objectives instead of %d", len(s.Canary), len(t.objectives))
	}
	if !s.Alone && len(s.Stable) != len(t.objectives) {
		return fmt.Sprintf("stable counts for %d objectives instead of %d", len(s.Stable), len(t.objectives))
	}
	for i, o := range t.c.Objectives {
		if c := s.Canary[i]; !sensible(c) {
			return fmt.Sprintf("canary counts of objective %q make no sense: %v of %v bad", o.Name, c.Bad, c.Requests)
		}
		if s.Alone {
			continue
		}
		if c := s.Stable[i]; !sensible(c) {
			return fmt.Sprintf("stable counts of objective %q make no sense: %v of %v bad", o.Name, c.Bad, c.Requests)
		}
	}
	return ""
}

func sensible(c Counts) bool {
	return exact.Within(c.Requests, 0, maxCount) && exact.Within(c.Bad, 0, maxCount)
}

// counts are both arms' counts for one objective of the slice.
func (s Slice) counts(i int) arms {
	a := arms{nc: s.Canary[i].Requests, kc: s.Canary[i].Bad}
	if !s.Alone {
		a.ns, a.ks = s.Stable[i].Requests, s.Stable[i].Bad
	}
	return a
}

// expose counts what users met, also in slices that are no evidence.
func (t *Tests) expose(s Slice) {
	for i := range t.objectives {
		t.objectives[i].release.add(s.counts(i))
	}
}

// warmsUp tells whether the slice falls into the time that starts with the canary's first request.
func (t *Tests) warmsUp(s Slice) bool {
	if t.warmup <= 0 {
		return false
	}
	for _, c := range s.Canary {
		t.warming = t.warming || c.Requests > 0
	}
	if t.warming {
		t.warmup = max(0, t.warmup-s.To.Sub(s.From))
	}
	return true
}

// side turns to the lanes of a canary that is alone, or back. No tick holds both.
func (t *Tests) side(alone bool) {
	if alone != t.alone {
		t.closeFast()
		t.slow = 0
		for i := range t.objectives {
			t.objectives[i].slow = arms{}
		}
		t.alone = alone
	}
	for i := range t.objectives {
		if o := &t.objectives[i]; alone && o.solo == nil {
			o.solo = withoutStable()
		}
	}
}

// fill adds the slice to the open ticks and closes those that are full.
func (t *Tests) fill(s Slice, settled bool) {
	if settled && t.settling {
		// Both lanes' ticks start anew when the weight has settled. Which slice that is depends on requests, not on bad
		// ones, so the fast lane may close early what it has; once in a step, so that ticks stay long.
		t.closeFast()
		t.settling = false
	}
	length := s.To.Sub(s.From)
	t.fast += length
	if settled {
		t.covered += length
		t.slow += length
		t.sums += length
	}
	for i := range t.objectives {
		o, a := &t.objectives[i], s.counts(i)
		o.fast.add(a)
		if settled {
			o.slow.add(a)
			o.sums.add(a)
			o.control.add(a.ns, a.ks)
		}
	}
	if t.fast >= t.c.Fast {
		t.closeFast()
	}
	if t.sums >= t.c.Fast {
		t.closeSums()
	}
	if t.slow >= t.c.Slow {
		t.closeSlow()
	}
	t.convict()
}

func (t *Tests) dropFast() {
	t.fast = 0
	for i := range t.objectives {
		t.objectives[i].fast = arms{}
	}
}

func (t *Tests) closeFast() {
	for i := range t.objectives {
		o := &t.objectives[i]
		if l := o.lanes(t.alone); l != nil {
			l.fast.tick(t.tolerances(i), o.fast.capped())
		}
	}
	t.dropFast()
}

func (t *Tests) closeSlow() {
	for i := range t.objectives {
		o := &t.objectives[i]
		a := o.slow.capped()
		tolerances := t.tolerances(i) // of the past only: what this tick holds must not move its own yardstick
		o.stable.add(t.slow, a)
		o.lanes(t.alone).slow.tick(tolerances, a)
		o.slow = arms{}
	}
	t.slow = 0
}

func (t *Tests) closeSums() {
	for i := range t.objectives {
		t.objectives[i].closeSums(t.c.Objectives[i].Limit)
	}
	t.sums = 0
}

func (o *objective) closeSums(limit float64) {
	a := o.sums.capped()
	o.all.add(a.nc, a.kc)
	if !aboveShock(a, limit) {
		o.kept.add(a.nc, a.kc)
	}
	o.sums = arms{}
}

func (t *Tests) tolerances(i int) tolerances {
	o := t.c.Objectives[i]
	return tolerances{ratio: t.c.Ratio, limit: t.objectives[i].stable.limit(o.Limit), floor: o.Floor}
}

func (o *objective) lanes(alone bool) *lanes {
	if alone {
		return o.solo
	}
	return &o.beside
}

// instant is x in nanoseconds since 1970, and 0 for times that no slice can have.
func instant(x time.Time) int64 {
	if y := x.Year(); y < 1970 || y > 2200 {
		return 0
	}
	return max(0, x.UnixNano())
}

func moment(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
