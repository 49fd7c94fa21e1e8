package urgent

import (
	"math"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// ceiling is the share of bad requests up to which a second says nothing against the canary, whatever the stable does.
const ceiling = 0.1

// expectation is how many bad requests of the canary are expected at most: beside the stable as it was, and the most that can be bet on,
// beside one without bad requests, which is what was known before the second.
type expectation struct{ atMost, most float64 }

// expect is what is expected of requests of the canary beside the stable. Where the stable had bad requests, more of the canary's are no
// wonder. Products are rounded before they are added to anything, so that no processor fuses the two.
func (c Config) expect(canary, stable Counts) expectation {
	n, ns := canary.Requests, stable.Requests
	lift := float64(2 * c.Tolerance * n)
	least := float64(ceiling * n)
	none := max(least, lift/(ns+1+inverse(ns)))
	if stable.Bad == 0 {
		return expectation{none, none}
	}
	return expectation{max(least, float64(lift*(stable.Bad+1))/(ns+1)), none}
}

// inverse is 1/q(n) = (n+1) (1+1/n)^n, where q(n) = n^n/(n+1)^(n+1) is the largest that u (1-u)^n can be. It is made smaller in the ninth
// digit: the last bit of Exp depends on the processor, and who expects more bets less.
func inverse(n float64) float64 {
	if n == 0 {
		return 1
	}
	part := math.Ceil(math.Exp(-n*math.Log1p(1/n))*1e9) / 1e9
	return (n + 1) / part
}

// counting is how bad requests count.
type counting uint8

const (
	byShare counting = iota // k sqrt(k/n): bursts that go on for long at a small share win nothing
	plainly                 // k
)

func (c counting) of(n Counts) float64 {
	if c == plainly || n.Bad == 0 {
		return n.Bad
	}
	return n.Bad * math.Sqrt(n.Bad/n.Requests)
}

// kappas are what the bettors have: a small one is quick when a few bad requests are many, a large one when hundreds are.
func kappas() [3]float64 { return [3]float64{0.05, 0.5, 5} }

// stake is what the bettors have staked on the canary without one of its groups.
type stake [3]float64

// multiply takes a second in which so many bad requests counted.
func (s *stake) multiply(counted float64, e expectation) {
	won := float64(counted * e.most / e.atMost)
	for i, kappa := range kappas() {
		s[i] = exact.Down(s[i] * (kappa + won) / (kappa + e.most))
	}
}

// worth is what the stakes of an episode are worth: those on the group that gives least. Without an episode nothing.
func worth(stakes []stake) float64 {
	least := math.Inf(1)
	for _, s := range stakes {
		least = min(least, s[0]+s[1]+s[2])
	}
	if len(stakes) == 0 {
		return 0
	}
	return least
}

// purse is the wealth at one kind of weight. It starts at 1 and, under the null, is never expected to grow.
type purse struct {
	cash     float64
	episodes int64 // begun so far
}

// begin stakes on an episode of a canary with so many groups. There is only one truth about which of them may do anything, so the same
// money is staked on each.
func (p *purse) begin(groups int64) []stake {
	p.episodes = min(p.episodes+1, most)
	put := exact.Down(p.cash / float64(p.episodes+1))
	p.cash = exact.Down(p.cash - put)
	stakes := make([]stake, groups)
	for b := range stakes {
		for i := range stakes[b] {
			stakes[b][i] = exact.Down(put / float64(len(stakes[b])))
		}
	}
	return stakes
}
