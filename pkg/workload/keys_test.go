package workload

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// A Service must be found by the labels of every pod that it selects, whichever pairs its key is made of.
func TestEverySelectorThatMatchesIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{"app", "team", "version", "app.kubernetes.io/name", HashLabel, "security.istio.io/tlsMode", "controller-revision-hash"}
	found := 0
	for range 20_000 {
		labels, selector := some(random, keys), some(random, keys)
		key, ok := SelectorKey(selector)
		if !Matches(selector, labels) {
			continue
		}
		if !ok || !slices.Contains(LookupKeys(labels), key) {
			t.Fatalf("selector %v matches %v and is not among its keys: %q, %v", selector, labels, key, LookupKeys(labels))
		}
		found++
	}
	if found < 100 {
		t.Errorf("%d selectors matched: the test says nothing", found)
	}
}

func some(random *rand.Rand, keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if random.IntN(3) == 0 {
			out[k] = fmt.Sprint("v", random.IntN(2)*100)
		}
	}
	return out
}

func TestASelectorOfNothingHasNoKey(t *testing.T) {
	for _, selector := range []map[string]string{nil, {}, {HashLabel: "x"}} {
		if key, ok := SelectorKey(selector); ok || Matches(selector, map[string]string{"app": "web", HashLabel: "x"}) {
			t.Errorf("%v has the key %q", selector, key)
		}
	}
}

func TestANarrowedSelectorHasTheKeyOfTheUsers(t *testing.T) {
	users := map[string]string{"app": "web", "tier": "front"}
	narrowed := maps.Clone(users)
	narrowed[HashLabel] = "abc"
	before, _ := SelectorKey(users)
	if after, _ := SelectorKey(narrowed); after != before {
		t.Errorf("key = %q, before the narrowing %q", after, before)
	}
}

func TestTheMostTellingPairsComeFirst(t *testing.T) {
	got := Telling(map[string]string{"env": "prod", "app": "checkout", "team": "a", HashLabel: "5c8f7d9b6d"})
	if want := []string{"app=checkout", "env=prod", "team=a"}; !slices.Equal(got, want) {
		t.Errorf("pairs = %q, want %q", got, want)
	}
}
