package urgent

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

const (
	most       = math.MaxInt32 // seconds, episodes: counting stops there
	mostGroups = 64            // groups of a canary
	mostRead   = 1e12          // requests in a second; more than any service has, so something else was counted
)

// second is what was read: the canary's groups in the order of their names, and the stable.
type second struct {
	groups []Counts
	stable Counts
}

// set is which groups there are, and how many.
type set struct {
	names  uint64 // a hash of them
	groups int64
}

// read puts a second in order and tells which groups it has; false when it says nothing.
func read(s Second) (second, set, bool) {
	named := slices.Clone(s.Canary)
	slices.SortFunc(named, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	now, names := second{stable: capped(s.Stable)}, fnv.New64a()
	ok := sensible(s.Stable)
	for i, g := range named {
		ok = ok && sensible(g.Counts)
		if i > 0 && named[i-1].Name == g.Name {
			last := &now.groups[len(now.groups)-1]
			*last = sum(*last, capped(g.Counts))
			continue
		}
		names.Write(append([]byte(g.Name), 0))
		now.groups = append(now.groups, capped(g.Counts))
	}
	ok = ok && len(now.groups) > 0 && len(now.groups) <= mostGroups
	return now, set{names.Sum64(), int64(len(now.groups))}, ok
}

func sensible(c Counts) bool {
	return exact.Within(c.Requests, 0, mostRead) && exact.Within(c.Bad, 0, mostRead)
}

// capped has no more bad requests than requests: counters of the two may be read a moment apart.
func capped(c Counts) Counts { return Counts{Requests: c.Requests, Bad: min(c.Bad, c.Requests)} }

func sum(a, b Counts) Counts { return Counts{Requests: a.Requests + b.Requests, Bad: a.Bad + b.Bad} }

// together is the newest of some seconds with so many, or as many as there are, added up. They have the same groups.
func together(past []second, seconds int) second {
	all := second{groups: slices.Clone(past[0].groups), stable: past[0].stable}
	for _, s := range past[1:min(seconds, len(past))] {
		for i := range all.groups {
			all.groups[i] = sum(all.groups[i], s.groups[i])
		}
		all.stable = sum(all.stable, s.stable)
	}
	return all
}

// canary is what all groups have.
func (s second) canary() Counts {
	var all Counts
	for _, g := range s.groups {
		all = sum(all, g)
	}
	return all
}

// without is what the groups have but one, and all of it when there is one group.
func (s second) without(b int) Counts {
	if len(s.groups) == 1 {
		return s.groups[0]
	}
	var rest Counts
	for i, g := range s.groups {
		if i != b {
			rest = sum(rest, g)
		}
	}
	return rest
}

// whoever tells whether something is so of the canary whichever group is left out.
func (s second) whoever(so func(Counts) bool) bool {
	for b := range s.groups {
		if !so(s.without(b)) {
			return false
		}
	}
	return true
}
