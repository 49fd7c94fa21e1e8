package simulate

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// standard is a policy like the shipped one, with one objective.
func standard(pace v1alpha1.PaceType) v1alpha1.ShiftPolicySpec {
	p := v1alpha1.ShiftPolicySpec{
		Pace:       v1alpha1.Pace{Type: pace},
		Objectives: []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Confidence: v1alpha1.Confidence{FalseAbort: "1%", FalsePromote: "5%"}, Tolerance: "1.2", Warmup: "30s",
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold},
		SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload:     v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}
	for _, weight := range []v1alpha1.Percentage{"1%", "5%", "25%", "50%", "100%"} {
		p.Steps = append(p.Steps, v1alpha1.Step{Weight: weight, Hold: "1m"})
	}
	return p
}

func requests(rate float64) Traffic {
	return Traffic{Rate: rate, Drift: 0.5, Stable: []float64{0.001}}
}

// times is for what comes so seldom that few releases do not show it.
var times = flag.Uint64("times", 1, "how many times as many releases are simulated")

// many runs releases with different seeds, n of them or some times as many.
func many(t *testing.T, n uint64, s Setup) []Outcome {
	t.Helper()
	var all []Outcome
	for s.Seed = range n * *times {
		out, err := Run(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out)
	}
	return all
}

// ended counts the outcomes of a kind.
func ended(all []Outcome, result v1alpha1.ReleaseState) int {
	n := 0
	for _, o := range all {
		if o.Result == result {
			n++
		}
	}
	return n
}

// failed are the requests that failed, of each release.
func failed(all []Outcome) []float64 {
	var failed []float64
	for _, o := range all {
		failed = append(failed, o.Failed)
	}
	return failed
}

func TestAHealthyVersionIsPromoted(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{50, 500, 10000} {
		all := many(t, 10, Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(rate)})
		if got := ended(all, v1alpha1.StatePromoted); got != len(all) {
			t.Errorf("%v requests/s: %d of %d promoted", rate, got, len(all))
		}
		for _, o := range all {
			if o.Took > 45*time.Minute || o.Noticed >= 0 || o.Moves[len(o.Moves)-1].Share != 1 {
				t.Errorf("%v requests/s: %+v", rate, o)
			}
		}
	}
}

// TestABrokenVersionCostsTheBudgetAtAnyTraffic is the sentence of design/pacing.md: about 9 requests, 14 in 95 of 100 cases.
func TestABrokenVersionCostsTheBudgetAtAnyTraffic(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{5, 50, 500, 10000} {
		all := many(t, 25, Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(rate), Canary: Canary{Bad: 1}})
		if got := ended(all, v1alpha1.StateAborted); got != len(all) {
			t.Errorf("%v requests/s: %d of %d aborted", rate, got, len(all))
		}
		if median, most := quantile(failed(all), 0.5), quantile(failed(all), 0.95); median < 5 || median > 11 || most > 20 {
			t.Errorf("%v requests/s: %v requests failed in the middle, %v in 95 of 100", rate, median, most)
		}
	}
}

func TestTheFixedPaceCostsWithTheTraffic(t *testing.T) {
	t.Parallel()
	unread := Direct{Off: true}
	few := many(t, 10, Setup{Plan: standard(v1alpha1.PaceFixed), Traffic: requests(50), Canary: Canary{Bad: 1}, Direct: unread})
	much := many(t, 10, Setup{Plan: standard(v1alpha1.PaceFixed), Traffic: requests(5000), Canary: Canary{Bad: 1}, Direct: unread})
	if a, b := quantile(failed(few), 0.5), quantile(failed(much), 0.5); b < 50*a {
		t.Errorf("%v requests failed at 50 requests/s, %v at 5000", a, b)
	}
}

func TestWhatIsNoFaultOfTheVersionDoesNotAbortIt(t *testing.T) {
	t.Parallel()
	cases := map[string]Setup{
		"outages of both arms": {Traffic: Traffic{Rate: 200, Drift: 0.5, Stable: []float64{0.001},
			Outages: Outages{Every: 20 * time.Minute, Length: 30 * time.Second}}, Limit: 3 * time.Hour},
		"bursts":           {Traffic: Traffic{Rate: 200, Drift: 0.5, Stable: []float64{0.002}, Burst: 5}},
		"errors at first":  {Traffic: requests(1000), Canary: Canary{Warming: 0.2}},
		"a tenth more":     {Traffic: Traffic{Rate: 1000, Drift: 0.5, Stable: []float64{0.002}}, Canary: Canary{Factor: 1.1}},
		"next to no calls": {Traffic: requests(0.05), Limit: 2 * time.Hour},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Plan = standard(v1alpha1.PaceProof)
			if all := many(t, 10, s); ended(all, v1alpha1.StateAborted) > len(all)/40 {
				t.Errorf("%d of %d aborted", ended(all, v1alpha1.StateAborted), len(all))
			}
		})
	}
}

// TestAnOutageOfTheDayBeforeSlowsNoGoodVersion and does not promote a bad one: of the versions at the limit one in twenty may be, and of
// the good ones one in a hundred may be aborted.
func TestAnOutageOfTheDayBeforeSlowsNoGoodVersion(t *testing.T) {
	t.Parallel()
	daily := Outages{Every: 24 * time.Hour, Length: 40 * time.Second} // in which half of the requests fail
	cases := map[string]struct {
		traffic Traffic
		within  time.Duration // nearly all good versions
		longest time.Duration // a release at the limit
		atLimit bool
	}{
		"errors one by one":               {Traffic{Rate: 50, Drift: 0.5, Stable: []float64{0.0002}}, 45 * time.Minute, 0, false},
		"small bursts":                    {Traffic{Rate: 50, Drift: 0.5, Stable: []float64{0.001}, Burst: 5}, 90 * time.Minute, 0, false},
		"large bursts, much traffic":      {Traffic{Rate: 1000, Drift: 0.5, Stable: []float64{0.001}, Burst: 20}, 90 * time.Minute, 0, false},
		"small bursts, at the limit":      {Traffic{Rate: 50, Drift: 0.5, Stable: []float64{0.001}, Burst: 5}, 0, 2 * time.Hour, true},
		"large bursts, at the limit":      {Traffic{Rate: 50, Drift: 0.5, Stable: []float64{0.001}, Burst: 20}, 0, 2 * time.Hour, true},
		"errors one by one, at the limit": {Traffic{Rate: 50, Drift: 0.5, Stable: []float64{0.0002}}, 0, 2 * time.Hour, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: c.traffic, Limit: max(c.within, c.longest), Direct: Direct{Off: true}}
			s.Traffic.Outages = daily
			if c.atLimit {
				s.Canary.Bad = 0.01
			}
			all := many(t, 25, s)
			promoted, aborted := ended(all, v1alpha1.StatePromoted), ended(all, v1alpha1.StateAborted)
			t.Logf("%d promoted and %d aborted of %d", promoted, aborted, len(all))
			if c.atLimit && promoted > len(all)/20 {
				t.Errorf("%d of %d promoted at the limit", promoted, len(all))
			}
			if !c.atLimit && (promoted < len(all)*19/20 || aborted > len(all)/100) {
				t.Errorf("%d promoted and %d aborted of %d", promoted, aborted, len(all))
			}
		})
	}
}

func TestAVersionThatTurnsBadIsTakenBack(t *testing.T) {
	t.Parallel()
	cases := map[string]Canary{
		"3 % errors":            {Bad: 0.03},
		"from six minutes on":   {Bad: 1, From: 6 * time.Minute},
		"on reaching a quarter": {Bad: 1, FromWeight: 0.25},
		"a leak":                {Leak: 0.005},
		"ten times the stable":  {Factor: 30},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := many(t, 7, Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(200), Canary: c})
			if got := ended(all, v1alpha1.StateAborted); got != len(all) {
				t.Errorf("%d of %d aborted", got, len(all))
			}
			for _, o := range all {
				if o.Noticed < 0 || o.Failed > o.Exposed || o.Excess > o.Failed {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

func TestTheSameSeedIsTheSameRelease(t *testing.T) {
	t.Parallel()
	s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(100), Canary: Canary{Factor: 3}, Seed: 7}
	first, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(s)
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	s.Seed = 8
	if other, _ := Run(s); cmp.Equal(first, other) {
		t.Error("another seed is the same release")
	}
}

func TestAtTheLimitOfTimeAReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	out, err := Run(Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(50), Limit: 2 * time.Minute})
	if err != nil || out.Result != "" || out.Took != 2*time.Minute || out.Message == "" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRecordedTrafficIsPlayedAgain(t *testing.T) {
	t.Parallel()
	day := &Recorded{Step: time.Minute, Counts: [][]evidence.Counts{nil}}
	for i := range 60 {
		n := 6000.0
		if i >= 30 {
			n = 0 // nobody calls in the second half of each hour
		}
		day.Counts[0] = append(day.Counts[0], evidence.Counts{Requests: n, Bad: n / 1000})
	}
	all := many(t, 3, Setup{Plan: standard(v1alpha1.PaceProof), Traffic: Traffic{Stable: []float64{0}, Recorded: day}})
	if got := ended(all, v1alpha1.StatePromoted); got != len(all) {
		t.Errorf("%d of %d promoted: %+v", got, len(all), all[0])
	}
	broken := many(t, 3, Setup{Plan: standard(v1alpha1.PaceProof), Traffic: Traffic{Stable: []float64{0}, Recorded: day}, Canary: Canary{Bad: 1}})
	if got := ended(broken, v1alpha1.StateAborted); got != len(broken) {
		t.Errorf("%d of %d aborted: %+v", got, len(broken), broken[0])
	}
}

func TestASetupThatMakesNoSenseIsNamed(t *testing.T) {
	t.Parallel()
	bad := standard(v1alpha1.PaceProof)
	bad.Tolerance = "0.5"
	cases := map[string]struct {
		setup Setup
		want  string
	}{
		"no traffic":        {Setup{Plan: standard(v1alpha1.PaceProof)}, "bad shares for 0 objectives, the plan has 1"},
		"no steps":          {Setup{Plan: v1alpha1.ShiftPolicySpec{}}, "the plan has no steps"},
		"a tolerance below": {Setup{Plan: bad, Traffic: requests(1)}, "field Ratio must be from 1 to 100"},
	}
	for name, c := range cases {
		if _, err := Run(c.setup); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// always is a Judge that fires at its nth look.
type always struct{ n int }

func (a *always) Slice(_, _ []evidence.Counts) bool {
	a.n--
	return a.n <= 0
}

// first judges one objective.
func first(t *testing.T) Judge {
	t.Helper()
	j, err := NewSequential(evidence.Config{Objectives: []evidence.Objective{{Name: "availability", Limit: 0.01}}})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJudgesSeeTheSameCanary(t *testing.T) {
	t.Parallel()
	got := Watch(requests(100), Canary{Bad: 1}, 0.5, time.Hour, 20*time.Second, 3, first(t), &always{n: 4}, &always{n: 1e6})
	if got[0].At < 15*time.Second || got[0].At > time.Minute || got[1].At != 20*time.Second || got[2].At >= 0 {
		t.Errorf("%+v", got)
	}
	if got[0].Excess < 1000 || got[1].Excess < 1000 || got[2].Excess < got[0].Excess*10 {
		t.Errorf("bad requests: %+v", got)
	}
	two := requests(100)
	two.Stable = []float64{0.001, 0.001}
	if one := Watch(two, Canary{Bad: 1}, 0.5, time.Hour, 0, 3, first(t))[0]; one.At < 0 || one.At > time.Minute {
		t.Errorf("a judge of the first objective of two: %+v", one)
	}
	if _, err := NewSequential(evidence.Config{}); err == nil {
		t.Error("a judge of nothing")
	}
}

func TestByTheClock(t *testing.T) {
	t.Parallel()
	s := Setup{Plan: standard(v1alpha1.PaceFixed), Traffic: requests(100)}
	if out := Timed(s, &always{n: 1e6}); out.Result != v1alpha1.StatePromoted || out.Took != 5*time.Minute || len(out.Moves) != 5 {
		t.Errorf("%+v", out)
	}
	s.Canary.Bad = 1
	if out := Timed(s, &always{n: 12}); out.Result != v1alpha1.StateAborted || out.Took != time.Minute || out.Failed < 30 || out.Failed > 200 {
		t.Errorf("%+v", out)
	}
}

// BenchmarkRelease runs a release of about half an hour.
func BenchmarkRelease(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(500), Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
