package direct

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

const budget = 400

// claimOf is one release with so many proxies of its own.
func claimOf(space string, i, proxies int, load float64) Claim {
	c := Claim{Key: types.NamespacedName{Namespace: space, Name: fmt.Sprintf("service-%04d", i)}, Load: load}
	for n := range proxies {
		c.Proxies = append(c.Proxies, ID{UID: fmt.Sprintf("%s/%d/%d", space, i, n), Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})})
	}
	return c
}

// cost is how many proxies are read for those chosen.
func cost(claims []Claim, chosen []int) int {
	all := map[ID]bool{}
	for _, i := range chosen {
		for _, id := range claims[i].Proxies {
			all[id] = true
		}
	}
	return len(all)
}

// gaps plays ticks, and returns the longest that each release was not read, its first reading included.
func gaps(t *testing.T, ticks int, claimed func() []Claim) map[types.NamespacedName]int {
	t.Helper()
	var turns Turns
	last, longest := map[types.NamespacedName]int{}, map[types.NamespacedName]int{}
	for tick := 1; tick <= ticks; tick++ {
		claims := claimed()
		chosen := turns.Next(claims, budget)
		if n := cost(claims, chosen); n > budget {
			t.Fatalf("tick %d reads %d proxies", tick, n)
		}
		for _, i := range chosen {
			last[claims[i].Key] = tick
		}
		for _, c := range claims {
			longest[c.Key] = max(longest[c.Key], tick-last[c.Key])
		}
	}
	return longest
}

func TestAllAreReadWhereTheBudgetSuffices(t *testing.T) {
	var claims []Claim
	gateways := claimOf("istio-ingress", 0, 8, 0).Proxies
	for i := range 390 {
		c := claimOf("shop", i, 1, 0)
		c.Proxies = append(c.Proxies, gateways...) // read once for all of them
		claims = append(claims, c)
	}
	var turns Turns
	if chosen := turns.Next(claims, budget); len(chosen) != len(claims) {
		t.Errorf("%d of %d are read", len(chosen), len(claims))
	}
	if chosen := turns.Next(append(claims, claimOf("shop", 500, 3, 0)), budget); len(chosen) == len(claims)+1 {
		t.Error("more are read than may be")
	}
}

// 750 releases in 50 namespaces: nobody waits longer than the promise, and the heaviest are read each second.
func TestNobodyStarves(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var all []Claim
	for i := range 750 {
		all = append(all, claimOf(fmt.Sprintf("team-%02d", i%50), i, 5+r.IntN(36), float64(i)))
	}
	longest := gaps(t, 600, func() []Claim {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	})
	const atATime = budget / (2 * MostProxies)
	bound := 15 * ((50 + atATime - 1) / atATime)
	worst := 0
	for _, n := range longest {
		worst = max(worst, n)
	}
	if worst > bound || worst < 20 {
		t.Errorf("a release waits %d ticks; at most %d are promised, and fewer than 20 cannot be", worst, bound)
	}
	for _, i := range []int{749, 748, 747} {
		if key := claimOf(fmt.Sprintf("team-%02d", i%50), i, 0, 0).Key; longest[key] != 0 {
			t.Errorf("%s, one of the heaviest, waits %d ticks", key, longest[key])
		}
	}
}

// One namespace has all the heavy releases, and any number of them; another has one, and its turn does not come later for it.
func TestOneNamespaceCannotTakeItAll(t *testing.T) {
	alone := claimOf("small", 0, MostProxies, 0.01)
	for _, others := range []int{20, 200, 2000} {
		all := []Claim{alone}
		for i := range others {
			all = append(all, claimOf("large", i, MostProxies, 1e6))
		}
		if n := gaps(t, 100, func() []Claim { return all })[alone.Key]; n > 1 {
			t.Errorf("beside %d of another namespace it waits %d ticks", others, n)
		}
	}
}

// The heaviest are other ones at each tick, so that all others of a namespace seem to have been read just now.
func TestWhoIsHeavyNowAndThenTakesNoTurns(t *testing.T) {
	var all []Claim
	for space := range 12 {
		for i := range 6 {
			all = append(all, claimOf(fmt.Sprintf("team-%02d", space), i, MostProxies, 0))
		}
	}
	tick := 0
	longest := gaps(t, 400, func() []Claim {
		tick++
		for i := range all {
			all[i].Load = float64((i*7 + tick*31) % len(all)) // for all but the first of each namespace
			if i%6 == 0 {
				all[i].Load = 0
			}
		}
		return all
	})
	bound := 6 * 3 // of 6 releases, with 5 of 12 namespaces at a time
	for key, n := range longest {
		if n > bound {
			t.Errorf("%s waits %d ticks; at most %d are promised", key, n, bound)
		}
	}
}

func TestTheTurnDoesNotDependOnTheOrderOfAList(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var all []Claim
	for i := range 300 {
		all = append(all, claimOf(fmt.Sprintf("team-%d", i%7), i, 1+i%40, float64(i%5)))
	}
	var one, other Turns
	for range 50 {
		shuffled := slices.Clone(all)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if a, b := names(all, one.Next(all, budget)), names(shuffled, other.Next(shuffled, budget)); !slices.Equal(a, b) {
			t.Fatalf("in another order others are read:\n%v\n%v", a, b)
		}
	}
}

func names(claims []Claim, chosen []int) []string {
	var all []string
	for _, i := range chosen {
		all = append(all, claims[i].Key.String())
	}
	slices.Sort(all)
	return all
}
