package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// readAndNot runs a setup n times with proxies that are read, and as often with none.
func readAndNot(t *testing.T, n uint64, s Setup) (read, not []Outcome) {
	t.Helper()
	read = many(t, n, s)
	s.Direct.Off = true
	return read, many(t, n, s)
}

// TestALateFailureCostsLittleWhereProxiesAreRead compares with where they are not: a brake comes within a few readings, the evidence of scrapes
// takes three quarters of a minute.
func TestALateFailureCostsLittleWhereProxiesAreRead(t *testing.T) {
	t.Parallel()
	cases := []struct {
		bad, weight float64
		after       time.Duration
		rate        float64
		fewer       float64       // times fewer requests fail
		braked      time.Duration // in the middle
	}{
		{1, 0.05, 30 * time.Second, 50, 3, 6 * time.Second},
		{1, 0.05, 30 * time.Second, 1000, 15, 3 * time.Second},
		{1, 0.25, 0, 50, 10, 3 * time.Second}, {1, 0.25, 0, 1000, 20, 2 * time.Second},
		{1, 0.5, 0, 50, 15, 3 * time.Second}, {1, 0.5, 0, 1000, 20, 2 * time.Second}, {1, 0.5, 0, 10000, 20, 2 * time.Second},
		{0.3, 0.25, 0, 50, 4, 5 * time.Second}, {0.3, 0.5, 0, 1000, 15, 3 * time.Second}, {0.3, 0.5, 0, 10000, 15, 3 * time.Second},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%v from %v on at %v per second", c.bad, c.weight, c.rate), func(t *testing.T) {
			t.Parallel()
			s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(c.rate), Canary: Canary{Bad: c.bad, FromWeight: c.weight, After: c.after}}
			read, not := readAndNot(t, 3, s)
			if ended(read, v1alpha1.StateAborted) != len(read) || ended(not, v1alpha1.StateAborted) != len(not) {
				t.Errorf("%d and %d of %d aborted", ended(read, v1alpha1.StateAborted), ended(not, v1alpha1.StateAborted), len(read))
			}
			if few, much := quantile(excess(read), 0.5), quantile(excess(not), 0.5); much < c.fewer*few {
				t.Errorf("%.0f requests failed where proxies are read, %.0f where they are not", few, much)
			}
			var braked []time.Duration
			for i, o := range read {
				braked = append(braked, o.Braked)
				if not[i].Brakes > 0 || not[i].Braked >= 0 || not[i].Noticed < 30*time.Second {
					t.Errorf("nothing is read: %+v", not[i])
				}
			}
			if got := quantile(braked, 0.5); got < 0 || got > c.braked {
				t.Errorf("braked after %s, of all: %v", got, braked)
			}
		})
	}
}

func excess(all []Outcome) []float64 {
	var excess []float64
	for _, o := range all {
		excess = append(excess, o.Excess)
	}
	return excess
}

// TestTheLaneAbortsWhereNothingIsLowered is of a policy whose first weight is not below: seconds decide alone.
func TestTheLaneAbortsWhereNothingIsLowered(t *testing.T) {
	t.Parallel()
	plan := standard(v1alpha1.PaceFixed)
	plan.Steps = []v1alpha1.Step{{Weight: "25%", Hold: "5m"}, {Weight: "100%", Hold: "5m"}}
	s := Setup{Plan: plan, Traffic: requests(1000), Canary: Canary{Bad: 1, After: time.Minute}}
	for _, o := range many(t, 3, s) {
		if o.Result != v1alpha1.StateAborted || o.Brakes != 0 || o.Noticed > 12*time.Second || o.Reason != v1alpha1.ReasonCanaryWorseThanStable {
			t.Errorf("%+v", o)
		}
	}
}

// TestTroubleThatPassesTakesNoHealthyVersionBack at one weight.
func TestTroubleThatPassesTakesNoHealthyVersionBack(t *testing.T) {
	t.Parallel()
	often := func(length time.Duration, pods int) Deaths {
		return Deaths{Every: 24 * time.Minute, Length: length, Pods: pods}
	}
	four := func(d Deaths) Canary { return Canary{Pods: 4, Deaths: d} }
	lasting := Traffic{Rate: 1000, Drift: 0.5, Stable: []float64{0.005}, Burst: 20}
	brief := requests(1000)
	brief.Outages = Outages{Every: 5 * time.Minute, Length: 3 * time.Second, Share: 1}
	cases := map[string]Setup{
		"one pod of four for 3 s":      {Traffic: requests(1000), Canary: four(often(3*time.Second, 1))},
		"one pod of four for 10 s":     {Traffic: requests(1000), Canary: four(often(10*time.Second, 1))},
		"a node with two of four":      {Traffic: requests(1000), Canary: Canary{Pods: 4, PerNode: 2, Deaths: often(10*time.Second, 2)}},
		"all pods for 1 s":             {Traffic: requests(1000), Canary: four(often(time.Second, 4))},
		"all pods for 2 s":             {Traffic: requests(1000), Canary: four(often(2*time.Second, 4))},
		"all pods for 4 s":             {Traffic: requests(1000), Canary: four(often(4*time.Second, 4))},
		"both arms dead for 3 s":       {Traffic: brief},
		"bursts on an arm over 5 s":    {Traffic: over(lasting, 5*time.Second)},
		"bursts on an arm over 30 s":   {Traffic: over(lasting, 30*time.Second)},
		"bursts on an arm in a second": {Traffic: lasting},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Plan = standard(v1alpha1.PaceProof)
			s.Plan.Steps, s.Limit = []v1alpha1.Step{{Weight: "50%", Hold: "2h"}}, 50*time.Minute
			brakes := 0
			for _, o := range many(t, 2, s) {
				if o.Result == v1alpha1.StateAborted {
					t.Errorf("aborted after %s: %s", o.Took, o.Message)
				}
				brakes += o.Brakes
			}
			if (s.Canary.Deaths.Pods == 1 || s.Canary.PerNode == 2) && brakes > 0 {
				t.Errorf("%d brakes because of one group of pods", brakes)
			}
		})
	}
}

func over(t Traffic, length time.Duration) Traffic {
	t.Over = length
	return t
}

// TestTheWholeCanaryIsBelievedWhenItIsDead: what takes all pods, and not the stable, for long is taken for the version's fault.
func TestTheWholeCanaryIsBelievedWhenItIsDead(t *testing.T) {
	t.Parallel()
	s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(1000), Canary: Canary{Pods: 4, Deaths: Deaths{Every: time.Hour, Length: time.Hour, Pods: 9}}}
	for _, o := range many(t, 2, s) {
		if o.Result != v1alpha1.StateAborted {
			t.Errorf("%+v", o)
		}
	}
}

// TestWhatIsReadDirectlyIsTheRequestsAlone: a fault of the latency is no affair of the proxies.
func TestWhatIsReadDirectlyIsTheRequestsAlone(t *testing.T) {
	t.Parallel()
	plan := standard(v1alpha1.PaceProof)
	plan.Objectives = []v1alpha1.Objective{{Name: "latency", Indicator: v1alpha1.IndicatorDuration, Threshold: "500ms", Target: "99%"}}
	s := Setup{Plan: plan, Traffic: requests(1000), Canary: Canary{Bad: 1, FromWeight: 0.25}}
	for _, o := range many(t, 2, s) {
		if o.Result != v1alpha1.StateAborted || o.Brakes > 0 || o.Noticed < 20*time.Second {
			t.Errorf("%+v", o)
		}
	}
}

// TestBurstsThatLastBringAsManyErrors as those within a second, and more of them follow each other.
func TestBurstsThatLastBringAsManyErrors(t *testing.T) {
	t.Parallel()
	bad := func(over time.Duration) (sum float64, seconds int) {
		s := newSource(Traffic{Rate: 100, Stable: []float64{0.005}, Burst: 20, Over: over}, Canary{}, 1)
		for i := range 60_000 {
			b := s.make(moment{at: time.Duration(i) * second, length: second, weight: 0.5, callers: 1})
			k := b.canary.bad[0]
			if sum += k; k > 0 {
				seconds++
			}
			if over > 0 && k > b.canary.requests {
				t.Fatalf("%v of %v are bad", k, b.canary.requests)
			}
		}
		return sum, seconds
	}
	within, few := bad(0)
	lasting, more := bad(30 * second)
	want := 60_000 * 50 * 0.005
	for _, got := range []float64{within, lasting} {
		if math.Abs(got-want) > 0.15*want {
			t.Errorf("%v are bad, want about %v", got, want)
		}
	}
	if more < 5*few {
		t.Errorf("bad ones in %d seconds when they last, else in %d", more, few)
	}
}

// TestALoweredWeightMeetsLessOfABurst that began at much more traffic.
func TestALoweredWeightMeetsLessOfABurst(t *testing.T) {
	t.Parallel()
	s := newSource(Traffic{Rate: 1000, Stable: []float64{0.02}, Burst: 20, Over: 60 * second}, Canary{}, 1)
	n, bad := 0.0, 0.0
	for i := range 400 {
		m := moment{at: time.Duration(i) * second, length: second, weight: 0.5, callers: 1}
		if i%100 >= 60 {
			m.weight = 0.01
		}
		if b := s.make(m); m.weight < 0.5 {
			n, bad = n+b.canary.requests, bad+b.canary.bad[0]
		}
	}
	if bad/n > 0.04 {
		t.Errorf("%v of %v are bad at the low weight, want some 2 %%", bad, n)
	}
}

// TestProxiesCountEachRequestOnce whatever pods they are spread over.
func TestProxiesCountEachRequestOnce(t *testing.T) {
	t.Parallel()
	p := newProxies(Setup{Plan: standard(v1alpha1.PaceProof), Seed: 1})
	p.canary = p.pods(direct.CanaryPod, 4)
	r := rand.New(rand.NewPCG(1, 1))
	var want evidence.Counts
	first := 0.0
	for i := range 200 {
		n := float64(r.IntN(50))
		b := both{canary: arm{requests: n, bad: []float64{float64(r.IntN(10))}}}
		if i%2 == 0 {
			b.died = math.Round(n / 4)
			b.canary.bad[0] = b.died
			first += b.died
		}
		c := counted(b.canary, 0)
		want.Requests, want.Bad = want.Requests+c.Requests, want.Bad+c.Bad
		before := p.counters[p.canary[0].ID].bad
		p.count(p.canary, dealt(p.random, b, 0, 1, len(p.canary)))
		if i%2 == 0 && p.counters[p.canary[0].ID].bad-before != b.died {
			t.Fatalf("the dead pod failed %v of %v", p.counters[p.canary[0].ID].bad-before, b.died)
		}
	}
	var got evidence.Counts
	for _, c := range p.counters {
		got.Requests, got.Bad = got.Requests+c.good+c.bad, got.Bad+c.bad
	}
	if got != want || first == 0 {
		t.Errorf("%+v were counted, %+v were made", got, want)
	}
}

// TestASecondIsCutWhereTheWeightChanges and nothing of it is lost.
func TestASecondIsCutWhereTheWeightChanges(t *testing.T) {
	t.Parallel()
	w := weights{{0, 0.1}, {4650 * time.Millisecond, 0.5}, {4900 * time.Millisecond, 0}}
	got := w.within(4 * second)
	want := []moment{{at: 4 * second, length: 650 * time.Millisecond, weight: 0.1}, {at: 4650 * time.Millisecond, length: 250 * time.Millisecond, weight: 0.5},
		{at: 4900 * time.Millisecond, length: 100 * time.Millisecond, weight: 0}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := w.within(5 * second); len(got) != 1 || got[0].weight != 0 || got[0].length != second {
		t.Errorf("%v", got)
	}
}
