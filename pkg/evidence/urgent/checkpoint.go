package urgent

import (
	"fmt"
	"math"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

func format() exact.Format { return exact.Format{Version: "u1", Salt: "urgent "} }

// Checkpoint is the whole state as one line of text: purses, the open episode, the last two seconds, what is in a row, and the brakes so
// far. It is some 80 bytes in quiet times with one group, 200 with four in an episode, and 1.2 kB with 16.
func (l *Lane) Checkpoint() string { return format().Write(l.walk) }

// Restore goes on where Checkpoint left off, to the last bit; seconds that have passed since are as void ones, and one call of Void says
// so. The Config may be another. It refuses text of an unknown version and text that was altered or cut; the lane then has to begin again
// with New, which forgets brakes and evidence, and gives both purses their chance of 1/Threshold once more.
func Restore(c Config, checkpoint string) (*Lane, error) {
	l := New(c)
	if err := format().Read(checkpoint, l.walk); err != nil {
		return nil, fmt.Errorf("urgent lane: %w", err)
	}
	if what := l.contradiction(); what != "" {
		return nil, fmt.Errorf("urgent lane: checkpoint is corrupt: %s", what)
	}
	return l, nil
}

// walk is the format: one number after the other.
func (l *Lane) walk(c exact.Codec) {
	for i := range l.purses {
		c.Float(&l.purses[i].cash, 32, exact.MaxStake)
		c.Whole(&l.purses[i].episodes, most)
	}
	for _, x := range []*int64{&l.alarms, &l.calm, &l.silent, &l.brake.hot, &l.brake.done} {
		c.Whole(x, most)
	}
	for _, x := range []*bool{&l.low, &l.reached, &l.brake.down} {
		c.Yes(x)
	}
	half := [2]int64{int64(l.set.names >> 32), int64(l.set.names & math.MaxUint32)}
	c.Whole(&half[0], math.MaxUint32)
	c.Whole(&half[1], math.MaxUint32)
	l.set.names = uint64(half[0])<<32 | uint64(half[1])
	c.Whole(&l.set.groups, mostGroups)
	l.walkGroups(c)
}

// walkGroups goes over what there is of each group.
func (l *Lane) walkGroups(c exact.Codec) {
	open, seconds := len(l.stakes) > 0, int64(len(l.past))
	c.Yes(&open)
	c.Whole(&seconds, window-1)
	if open && len(l.stakes) == 0 {
		l.stakes = make([]stake, l.set.groups)
	}
	for b := range l.stakes {
		for i := range l.stakes[b] {
			c.Float(&l.stakes[b][i], 32, exact.MaxStake)
		}
	}
	for len(l.past) < int(seconds) {
		l.past = append(l.past, second{groups: make([]Counts, l.set.groups)})
	}
	for i := range l.past {
		for g := range l.past[i].groups {
			walkCounts(c, &l.past[i].groups[g])
		}
		walkCounts(c, &l.past[i].stable)
	}
}

func walkCounts(c exact.Codec, n *Counts) {
	c.Float(&n.Requests, 64, mostGroups*mostRead)
	c.Float(&n.Bad, 64, mostGroups*mostRead)
}

// contradiction says what cannot be of a lane.
func (l *Lane) contradiction() string {
	if l.set.groups == 0 && len(l.past) > 0 {
		return "seconds without a group"
	}
	for _, s := range l.past {
		for _, n := range append([]Counts{s.stable}, s.groups...) {
			if n.Bad > n.Requests {
				return fmt.Sprintf("%v bad requests of %v", n.Bad, n.Requests)
			}
		}
	}
	return ""
}
