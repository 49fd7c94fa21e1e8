package direct

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Claim is a release that wants its proxies to be read in this tick.
type Claim struct {
	Key types.NamespacedName
	// Proxies are those to be read, at most MostProxies; what several releases share is read once.
	Proxies []ID
	// Load is the requests per second that meet the canary: what an abort that is late costs.
	Load float64
}

// LeastBudget is how many proxies may be read in a tick at the least, so that each release fits into its turn.
const LeastBudget = 2 * MostProxies

// Turns decides whose proxies are read when there are more than may be. The zero Turns begins. It is not safe for concurrent use.
//
//	half of the budget   the heaviest releases by Load, each tick the same ones; no namespace has more than half of that half
//	what is left         the others: namespaces by turns, of each the release that was not read for longest
//
// So whatever others have, a release waits at most
//
//	m ⌈K/⌊B/2C⌋⌉ ticks
//
// where m is how many releases its own namespace has, K the number of namespaces, B the budget of a tick and C the most proxies of one release,
// MostProxies. By turns is how fair routers serve their flows (Nagle, On packet switches with infinite storage, RFC 970, 1985).
type Turns struct {
	tick   int64
	read   map[types.NamespacedName]int64 // the tick in which a release was last read
	served map[string]int64               // the tick in which a namespace last had its turn
}

// Next returns which of the claims are read in the next tick, in the order in which they are given, for a budget of proxies of LeastBudget or
// more; all of them where the budget suffices. Each key is there once.
func (t *Turns) Next(claims []Claim, budget int) []int {
	t.tick++
	r, served := newRound(claims, budget), map[string]int64{}
	if !r.all() {
		r = newRound(claims, budget/2)
		r.heaviest()
		r.left += budget - budget/2
		served = t.byTurns(r)
	}
	// Who is not there any more is forgotten.
	read := make(map[types.NamespacedName]int64, len(claims))
	var chosen []int
	for i, c := range claims {
		read[c.Key] = t.read[c.Key]
		if r.chosen[i] {
			read[c.Key] = t.tick
			chosen = append(chosen, i)
		}
	}
	t.read, t.served = read, served
	return chosen
}

// byTurns gives turns to those that are not among the heaviest, and returns when each namespace last had its own.
func (t *Turns) byTurns(r *round) map[string]int64 {
	order := r.ordered(func(a, b Claim) int { return cmp.Or(cmp.Compare(t.read[a.Key], t.read[b.Key]), byKey(a, b)) })
	waiting, served := map[string][]int{}, map[string]int64{}
	var spaces []string
	for _, i := range order {
		space := r.claims[i].Key.Namespace
		if _, known := served[space]; !known {
			served[space] = t.served[space]
			spaces = append(spaces, space)
		}
		if !r.chosen[i] {
			waiting[space] = append(waiting[space], i)
		}
	}
	slices.SortFunc(spaces, func(a, b string) int { return cmp.Or(cmp.Compare(served[a], served[b]), strings.Compare(a, b)) })
	for len(spaces) > 0 {
		spaces = slices.DeleteFunc(spaces, func(space string) bool {
			// A namespace whose first does not fit comes first in one of the next ticks; no other of its own pushes in front of that one.
			if len(waiting[space]) == 0 || !r.take(waiting[space][0]) {
				return true
			}
			served[space] = t.tick
			waiting[space] = waiting[space][1:]
			return false
		})
	}
	return served
}

// round is what is chosen in one tick.
type round struct {
	claims []Claim
	taken  map[ID]bool
	left   int
	chosen []bool
}

func newRound(claims []Claim, budget int) *round {
	return &round{claims: claims, taken: map[ID]bool{}, left: budget, chosen: make([]bool, len(claims))}
}

// cost is how many more proxies are read for a claim.
func (r *round) cost(i int) int {
	n := 0
	for _, id := range r.claims[i].Proxies {
		if !r.taken[id] {
			n++
		}
	}
	return n
}

// take chooses a claim, if there is enough left.
func (r *round) take(i int) bool {
	cost := r.cost(i)
	if cost > r.left {
		return false
	}
	r.left -= cost
	r.chosen[i] = true
	for _, id := range r.claims[i].Proxies {
		r.taken[id] = true
	}
	return true
}

// all chooses all claims, if there is enough for them.
func (r *round) all() bool {
	for i := range r.claims {
		if !r.take(i) {
			return false
		}
	}
	return true
}

// heaviest chooses by load, until one does not fit.
func (r *round) heaviest() {
	most, used := r.left/2, map[string]int{}
	for _, i := range r.ordered(func(a, b Claim) int { return cmp.Or(cmp.Compare(b.Load, a.Load), byKey(a, b)) }) {
		c := r.claims[i]
		if !(c.Load > 0) || r.left == 0 {
			return
		}
		if used[c.Key.Namespace] >= most {
			continue
		}
		cost := r.cost(i)
		if used[c.Key.Namespace]+cost > most {
			used[c.Key.Namespace] = most
			continue
		}
		if !r.take(i) {
			return
		}
		used[c.Key.Namespace] += cost
	}
}

// ordered are the numbers of the claims in an order.
func (r *round) ordered(by func(a, b Claim) int) []int {
	order := make([]int, len(r.claims))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return by(r.claims[i], r.claims[j]) })
	return order
}

func byKey(a, b Claim) int {
	return cmp.Or(strings.Compare(a.Key.Namespace, b.Key.Namespace), strings.Compare(a.Key.Name, b.Key.Name))
}
