package evidence

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTheFirstWeightCostsTheSameAtAnyTraffic(t *testing.T) {
	cases := map[string]struct{ rate, failures, want float64 }{
		"5 requests/s":       {5, 10, 0.016},
		"50 requests/s":      {50, 10, 0.0016},
		"10 000 requests/s":  {1e4, 10, 0.000008},
		"a larger budget":    {50, 20, 0.0032},
		"little traffic":     {0.1, 10, 0.05},
		"beyond the finest":  {1e6, 10, 1e-6},
		"no traffic":         {0, 10, 1e-6},
		"traffic not known":  {math.NaN(), 10, 1e-6},
		"no sense in it":     {-5, 10, 1e-6},
		"no budget is given": {50, 0, 1e-6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := FirstWeight(c.rate, c.failures, 1e-6); math.Abs(got-c.want) > 1e-12 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// proven are tests that have counted clean and bad requests of the canary beside a clean stable.
func proven(t *testing.T, c Config, clean, bad float64) *Tests {
	t.Helper()
	tests, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	tests.Add(Slice{From: start, To: start.Add(time.Minute), Settled: true,
		Stable: []Counts{{Requests: 1e5}}, Canary: []Counts{{Requests: clean + bad, Bad: bad}}})
	return tests
}

func TestTheNextWeightIsWhatIsProven(t *testing.T) {
	// 1000 requests/s at 0.01 %: a budget of 10 in 45 s is spent by a bad share of 10/(1000 45 w) at the weight w. N clean
	// requests exclude a bad share of x/N, x = 3.78 (evidence.md, section 6), up to 0.5.
	pace := Pace{Rate: 1000, Weight: 0.0001, Failures: 10}
	one := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	cases := map[string]struct {
		clean, bad float64
		pace       Pace
		stop, want float64
	}{
		"nothing is proven":                      {0, 0, pace, 0.01, 0},
		"a share above a half is not":            {7, 0, pace, 0.01, 0},
		"a half is enough while it costs little": {8, 0, pace, 0.01, 0.000471},
		"growth bounds it":                       {50, 0, pace, 0.01, 0.0005},
		"the stop bounds it":                     {50, 0, pace, 0.0002, 0.0002},
		"one bad request takes more":             {8, 1, pace, 0.01, 0},
		"and is made up for":                     {40, 1, pace, 0.01, 0.0005},
		"within the objective no budget counts":  {400, 0, Pace{Rate: 1e6, Weight: 0.1, Failures: 10}, 0.25, 0.25},
		"short of it the budget does":            {300, 0, Pace{Rate: 1e6, Weight: 0.1, Failures: 10}, 0.25, 0},
		"without a budget it is the objective":   {300, 0, Pace{Rate: 1000, Weight: 0.0001}, 0.01, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := proven(t, one, c.clean, c.bad).Verdict(Question{NextWeight: c.stop, Pace: &c.pace})
			if diff := cmp.Diff(c.want, v.NextWeight, cmpopts.EquateApprox(0.01, 0)); diff != "" {
				t.Errorf("next weight (-want +got): %s; %s", diff, v)
			}
			if (v.NextWeight > 0) != v.Cleared || v.Cleared != (v.Missing == 0) {
				t.Errorf("cleared %t, next weight %v, %d requests missing", v.Cleared, v.NextWeight, v.Missing)
			}
		})
	}
}

func TestPromotionHasNoBudget(t *testing.T) {
	one := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	q := Question{NextWeight: 1, Promote: true, Pace: &Pace{Rate: 1, Weight: 1, Failures: 1e9}}
	if v := proven(t, one, 370, 0).Verdict(q); v.Cleared {
		t.Errorf("promoted by 370 clean requests: %s", v)
	}
	if v := proven(t, one, 380, 0).Verdict(q); !v.Cleared || v.NextWeight != 1 {
		t.Errorf("380 clean requests do not promote: %s", v)
	}
}

func TestMoreEvidenceNeverLowersTheNextWeight(t *testing.T) {
	pace := Pace{Rate: 500, Weight: 0.001, Failures: 10}
	two := Config{Objectives: []Objective{{Name: "availability", Limit: 0.005}}, Phi: []float64{3}}
	last := 0.0
	for clean := 0.0; clean < 500; clean += 5 {
		v := proven(t, two, clean, 0).Verdict(Question{NextWeight: 0.05, Pace: &pace})
		if v.NextWeight < last {
			t.Fatalf("%v clean requests give %v, fewer gave %v", clean, v.NextWeight, last)
		}
		if worse := proven(t, two, clean, 1).Verdict(Question{NextWeight: 0.05, Pace: &pace}); worse.NextWeight > v.NextWeight {
			t.Fatalf("a bad request raises %v to %v", v.NextWeight, worse.NextWeight)
		}
		last = v.NextWeight
	}
	if last != 0.005 {
		t.Errorf("500 clean requests give %v, want five times the weight", last)
	}
}
