package evidence

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func oneObjective() Config {
	return Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
}

func twoObjectives() Config {
	return Config{Objectives: []Objective{{Name: "availability", Limit: 0.005}, {Name: "latency", Limit: 0.01, Weight: 3}}}
}

func begin(t testing.TB, c Config) *Tests {
	t.Helper()
	tests, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// flow makes contiguous slices from start on.
type flow struct {
	at      time.Time
	length  time.Duration
	settled bool
	alone   bool
}

func newFlow() *flow { return &flow{at: start, length: 5 * time.Second, settled: true} }

// next is the next slice, with the same counts for each objective.
func (f *flow) next(objectives int, stable, canary Counts) Slice {
	s := Slice{From: f.at, To: f.at.Add(f.length), Settled: f.settled, Alone: f.alone}
	for range objectives {
		s.Stable = append(s.Stable, stable)
		s.Canary = append(s.Canary, canary)
	}
	f.at = s.To
	return s
}

// feed adds n slices of the counts.
func (f *flow) feed(t *Tests, n int, stable, canary Counts) {
	for range n {
		t.Add(f.next(len(t.objectives), stable, canary))
	}
}

func TestVerdictsOfWholeStories(t *testing.T) {
	healthy, dead := Counts{500, 0}, Counts{500, 500}
	cases := map[string]struct {
		story func(*Tests, *flow)
		ask   Question
		want  Verdict // State, Reason and flags
	}{
		"no slice": {
			story: func(*Tests, *flow) {},
			want:  Verdict{State: Undetermined, Reason: NoTraffic},
		},
		"fresh slices without canary traffic": {
			story: func(t *Tests, f *flow) { f.feed(t, 100, healthy, Counts{}) },
			want:  Verdict{State: Undetermined, Reason: NoTraffic, Covered: 500 * time.Second},
		},
		"clean requests, too few": {
			story: func(t *Tests, f *flow) { f.feed(t, 12, healthy, Counts{5, 0}) },
			want:  Verdict{State: Undetermined, Reason: NotCleared, Covered: time.Minute},
		},
		"enough clean requests": {
			story: func(t *Tests, f *flow) { f.feed(t, 12, healthy, Counts{100, 0}) },
			want:  Verdict{State: Healthy, Reason: Cleared, Cleared: true, Covered: time.Minute},
		},
		"a dead canary": {
			story: func(t *Tests, f *flow) { f.feed(t, 6, healthy, Counts{5, 5}) },
			want:  Verdict{State: Breach, Reason: CanaryBreachesSLO, Suspicious: true, Covered: 30 * time.Second},
		},
		"a dead canary while the raise settles": {
			story: func(t *Tests, f *flow) { f.settled = false; f.feed(t, 6, healthy, Counts{5, 5}) },
			want:  Verdict{State: Breach, Reason: CanaryBreachesSLO, Suspicious: true},
		},
		"a breach is not forgotten": {
			story: func(t *Tests, f *flow) {
				f.feed(t, 6, healthy, Counts{5, 5})
				f.feed(t, 2000, healthy, Counts{500, 0})
			},
			want: Verdict{State: Breach, Reason: CanaryBreachesSLO, Suspicious: true, Cleared: true, Covered: 10030 * time.Second},
		},
		"worse than the stable, within the limit": {
			story: func(t *Tests, f *flow) { f.feed(t, 720, Counts{50000, 5}, Counts{50000, 150}) },
			want:  Verdict{State: Breach, Reason: CanaryWorseThanStable, Suspicious: true, Cleared: true, Covered: time.Hour},
		},
		"an outage of both arms": {
			story: func(t *Tests, f *flow) { f.feed(t, 24, Counts{500, 250}, Counts{500, 250}) },
			want:  Verdict{State: Undetermined, Reason: SharedBreach, Shared: true, Covered: 2 * time.Minute},
		},
		"a canary that cures an outage": {
			story: func(t *Tests, f *flow) { f.feed(t, 24, Counts{500, 250}, Counts{500, 0}) },
			want:  Verdict{State: Healthy, Reason: Cleared, Shared: true, Cleared: true, Covered: 2 * time.Minute},
		},
		"one fast tick of failures": {
			story: func(t *Tests, f *flow) { f.feed(t, 3, healthy, Counts{5, 5}) },
			want:  Verdict{State: Undetermined, Reason: Suspicious, Suspicious: true, Covered: 15 * time.Second},
		},
		"dead with nothing beside it": {
			story: func(t *Tests, f *flow) { f.alone = true; f.feed(t, 6, Counts{}, dead) },
			want:  Verdict{State: Undetermined, Reason: NoConcurrentControl, Suspicious: true, AloneBreach: true, Covered: 30 * time.Second},
		},
		"healthy again after a step back": {
			story: func(t *Tests, f *flow) {
				f.alone = true
				f.feed(t, 6, Counts{}, dead)
				t.NextStep(f.at)
				f.alone = false
				f.feed(t, 12, healthy, Counts{100, 0})
			},
			want: Verdict{State: Healthy, Reason: Cleared, Cleared: true, Covered: time.Minute},
		},
		"a nonsensical question asks for most": {
			story: func(t *Tests, f *flow) { f.feed(t, 12, healthy, Counts{20, 0}) },
			ask:   Question{NextWeight: math.NaN()},
			want:  Verdict{State: Undetermined, Reason: NotCleared, Covered: time.Minute},
		},
		"a small step is soon cleared": {
			story: func(t *Tests, f *flow) { f.feed(t, 12, healthy, Counts{20, 0}) },
			ask:   Question{NextWeight: 0.25},
			want:  Verdict{State: Healthy, Reason: Cleared, Cleared: true, Covered: time.Minute},
		},
		"promotion asks for the limit itself": {
			story: func(t *Tests, f *flow) { f.feed(t, 12, healthy, Counts{20, 0}) },
			ask:   Question{NextWeight: 0.25, Promote: true},
			want:  Verdict{State: Undetermined, Reason: NotCleared, Covered: time.Minute},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, c := range []Config{oneObjective()} {
				tests := begin(t, c)
				tc.story(tests, newFlow())
				v := tests.Verdict(tc.ask)
				got := Verdict{State: v.State, Reason: v.Reason, Suspicious: v.Suspicious, Shared: v.Shared,
					Cleared: v.Cleared, AloneBreach: v.AloneBreach, Covered: v.Covered}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s%v", diff, v)
				}
				if (v.Missing == 0) != v.Cleared {
					t.Errorf("cleared is %v with %d requests missing", v.Cleared, v.Missing)
				}
				if (v.State == Breach) != (v.Against >= 100) || v.AloneBreach != (v.AloneAgainst >= 100) {
					t.Errorf("state %v, step back %v, but against %v and alone %v", v.State, v.AloneBreach, v.Against, v.AloneAgainst)
				}
			}
		})
	}
}

func TestVerdictShowsTheCountsOfBothArms(t *testing.T) {
	c := oneObjective()
	c.Warmup = 10 * time.Second
	tests, f := begin(t, c), newFlow()
	stable, canary := Counts{90, 1}, Counts{10, 0}
	f.feed(tests, 4, stable, canary) // two are warm-up
	tests.NextStep(f.at)
	f.settled = false
	f.feed(tests, 2, stable, canary)
	f.settled = true
	f.feed(tests, 5, stable, canary) // the last two in a half-filled tick
	v := tests.Verdict(Question{Promote: true})
	want := ObjectiveVerdict{
		Name: "availability", State: Undetermined, Against: v.Against,
		Step:    Arms{Counts{450, 5}, Counts{50, 0}},
		Release: Arms{Counts{990, 11}, Counts{110, 0}},
		For:     Clearance(Counts{30, 0}, 0.01, 1), Missing: 348,
	}
	if diff := cmp.Diff([]ObjectiveVerdict{want}, v.Objectives); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if v.Covered != 25*time.Second || v.Missing != 348 || v.Exposed != (Counts{110, 0}) {
		t.Errorf("covered %v, missing %d, exposed %v", v.Covered, v.Missing, v.Exposed)
	}
	if v.Pending != 20 || v.Tick != 15*time.Second || v.TickIn != 5*time.Second || v.Warmup != 0 {
		t.Errorf("%d pending, %v of %v to come, %v of the warm-up", v.Pending, v.TickIn, v.Tick, v.Warmup)
	}
}

func TestRequestsAreProofWhenTheirTickEnds(t *testing.T) {
	base := Verdict{Missing: 348, Pending: 20, Tick: 15 * time.Second, TickIn: 5 * time.Second}
	with := func(change func(*Verdict)) Verdict { v := base; change(&v); return v }
	cases := map[string]struct {
		v    Verdict
		rate float64
		want time.Duration // negative: unknown
	}{
		"in the tick after the next one": {base, 10, 35 * time.Second},
		"in the present tick":            {base, 100, 5 * time.Second},
		"they have come already":         {with(func(v *Verdict) { v.Pending = 348 }), 10, 5 * time.Second},
		"bad ones are among them":        {with(func(v *Verdict) { v.Pending = -20 }), 10, 50 * time.Second},
		"after the warm-up":              {with(func(v *Verdict) { v.Warmup = 30 * time.Second }), 10, 65 * time.Second},
		"nothing is missing":             {with(func(v *Verdict) { v.Missing = 0 }), 10, -1},
		"there is no traffic":            {base, 0, -1},
		"they never come":                {base, 1e-9, -1},
	}
	for name, c := range cases {
		got, known := c.v.ProofIn(c.rate)
		if !known {
			got = -1
		}
		if got != c.want {
			t.Errorf("%s: in %s, want %s", name, got, c.want)
		}
	}
}

// The warm-up is told as far as it is still to come.
func TestWhatIsLeftOfTheWarmUpIsTold(t *testing.T) {
	c := oneObjective()
	c.Warmup = 20 * time.Second
	tests, f := begin(t, c), newFlow()
	for _, want := range []time.Duration{20 * time.Second, 15 * time.Second, 10 * time.Second} {
		if v := tests.Verdict(Question{}); v.Warmup != want {
			t.Errorf("%s is left, want %s", v.Warmup, want)
		}
		f.feed(tests, 1, Counts{90, 0}, Counts{10, 0})
	}
}

func TestSeveralObjectivesShareTheThreshold(t *testing.T) {
	tests, f := begin(t, twoObjectives()), newFlow()
	for range 9 {
		s := f.next(2, Counts{500, 0}, Counts{5, 0})
		s.Canary[1].Bad = 5
		tests.Add(s)
	}
	v := tests.Verdict(Question{})
	if v.State != Breach || v.Objectives[1].State != Breach || v.Objectives[0].State == Breach {
		t.Errorf("latency alone fails, but the verdict is %v", v)
	}
	if sum := v.Objectives[0].Against + v.Objectives[1].Against; math.Abs(sum-v.Against) > 1e-9*sum {
		t.Errorf("the parts add up to %v instead of %v", sum, v.Against)
	}
}

func TestClearanceNeedsEveryObjective(t *testing.T) {
	tests, f := begin(t, twoObjectives()), newFlow()
	for range 60 {
		s := f.next(2, Counts{500, 1}, Counts{500, 0})
		s.Canary[1].Requests = 1
		tests.Add(s)
	}
	v := tests.Verdict(Question{Promote: true})
	if v.State != Undetermined || v.Objectives[0].State != Healthy || v.Objectives[1].State != Undetermined {
		t.Errorf("latency has 60 requests, but the verdict is %v", v)
	}
	if v.Missing != v.Objectives[1].Missing {
		t.Errorf("missing %d, of latency %d", v.Missing, v.Objectives[1].Missing)
	}
}

func TestWarmUpFeedsNothing(t *testing.T) {
	c := oneObjective()
	c.Warmup = 30 * time.Second
	tests, f := begin(t, c), newFlow()
	f.feed(tests, 10, Counts{500, 0}, Counts{})
	f.feed(tests, 6, Counts{500, 0}, Counts{100, 100})
	if v := tests.Verdict(Question{}); v.Against >= 1 || v.Covered != 0 || v.Exposed.Bad != 600 {
		t.Errorf("after the warm-up: against %v, covered %v, exposed %v", v.Against, v.Covered, v.Exposed)
	}
	f.feed(tests, 6, Counts{500, 0}, Counts{100, 100})
	if v := tests.Verdict(Question{}); v.State != Breach {
		t.Errorf("30 s later: %v", v)
	}
}

func TestEachSliceIsCountedOnce(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	s := f.next(1, Counts{100, 1}, Counts{10, 1})
	tests.Add(s)
	before := tests.Checkpoint()
	tests.Add(s)
	s.From = s.From.Add(time.Second)
	s.To = s.To.Add(time.Hour - 10*time.Second)
	tests.Add(s)
	tests.Void(start, s.To, "late")
	if after := tests.Checkpoint(); after != before {
		t.Errorf("a slice that was counted changed\n%s to\n%s", before, after)
	}
	if !tests.Through().Equal(f.at) {
		t.Errorf("through %v, want %v", tests.Through(), f.at)
	}
}

func TestSlicesOfTheWeightBeforeDoNotCountForTheStep(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	tests.NextStep(start.Add(12 * time.Second))
	f.feed(tests, 3, Counts{500, 0}, Counts{100, 0})
	if v := tests.Verdict(Question{}); v.Covered != 0 || v.Objectives[0].Step.Canary.Requests != 0 {
		t.Errorf("slices that began before the change of weight cover %v and hold %v", v.Covered, v.Objectives[0].Step)
	}
	f.feed(tests, 1, Counts{500, 0}, Counts{100, 0})
	if v := tests.Verdict(Question{}); v.Covered != 5*time.Second {
		t.Errorf("the first slice after it covers %v", v.Covered)
	}
}

func TestLateSlicesOfAFullWeightDoNotAccuseTheStepBack(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	f.alone = true
	f.feed(tests, 6, Counts{}, Counts{500, 500})
	tests.NextStep(f.at.Add(30 * time.Second))
	f.feed(tests, 6, Counts{}, Counts{500, 500})
	if v := tests.Verdict(Question{}); v.AloneBreach || v.Suspicious {
		t.Errorf("they did: %v", v)
	}
}

func TestNonsenseIsVoid(t *testing.T) {
	cases := map[string]struct {
		spoil func(*Slice)
		why   string
		moves bool // the watermark
	}{
		"NaN":                   {func(s *Slice) { s.Canary[0].Bad = math.NaN() }, `canary counts of objective "availability"`, true},
		"infinite":              {func(s *Slice) { s.Stable[0].Requests = math.Inf(1) }, "stable counts", true},
		"negative":              {func(s *Slice) { s.Stable[0].Bad = -1 }, "stable counts", true},
		"absurd":                {func(s *Slice) { s.Canary[0].Requests = 1e13 }, "canary counts", true},
		"an objective too many": {func(s *Slice) { s.Canary = append(s.Canary, Counts{}) }, "2 objectives instead of 1", true},
		"no stable":             {func(s *Slice) { s.Stable = nil }, "0 objectives instead of 1", true},
		"ends before it begins": {func(s *Slice) { s.To = s.From }, "no interval", false},
		"ends in the year 9999": {func(s *Slice) { s.To = s.To.AddDate(8000, 0, 0) }, "no interval", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tests, f := begin(t, oneObjective()), newFlow()
			f.feed(tests, 2, Counts{100, 1}, Counts{10, 1})
			before, ended := tests.Verdict(Question{}), f.at
			s := f.next(1, Counts{100, 1}, Counts{10, 10})
			tc.spoil(&s)
			tests.Add(s)
			if diff := cmp.Diff(before, tests.Verdict(Question{})); diff != "" {
				t.Errorf("it changed the verdict:\n%s", diff)
			}
			if !strings.Contains(tests.VoidReason(), tc.why) {
				t.Errorf("reason %q does not say %q", tests.VoidReason(), tc.why)
			}
			if tests.Through().After(ended) != tc.moves {
				t.Errorf("watermark went from %v to %v", ended, tests.Through())
			}
		})
	}
}

func TestAStableOutageIsLeftOutOfHalfTheClearance(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	f.feed(tests, 60, Counts{100, 0}, Counts{100, 0})
	f.feed(tests, 3, Counts{100, 50}, Counts{100, 50})
	all, kept := Clearance(Counts{6300, 150}, 0.01, 1), Clearance(Counts{6000, 0}, 0.01, 1)
	if got := tests.Verdict(Question{Promote: true}).Objectives[0].For; got != (all+kept)/2 {
		t.Errorf("for is %v, want the mean of %v and %v", got, all, kept)
	}
}

func TestWhatUsersMetWhilePodsWereAwayIsExposedAndForgetsTheTicksThatAreNotFull(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	for range 12 {
		tests.Add(f.next(1, Counts{Requests: 950, Bad: 1}, Counts{Requests: 50}))
	}
	before := tests.Verdict(Question{NextWeight: 0.25})
	tests.Add(f.next(1, Counts{Requests: 950, Bad: 1}, Counts{Requests: 50, Bad: 50}))
	away := f.next(1, Counts{Requests: 950}, Counts{Requests: 50, Bad: 50})
	away.Away = true
	tests.Add(away)
	if v := tests.Verdict(Question{NextWeight: 0.25}); v.Exposed != (Counts{Requests: 14 * 50, Bad: 100}) {
		t.Errorf("users met %+v", v.Exposed)
	}
	for range 2 { // With the bad slice these would close a tick.
		tests.Add(f.next(1, Counts{Requests: 950, Bad: 1}, Counts{Requests: 50}))
	}
	if after := tests.Verdict(Question{NextWeight: 0.25}); after.Against > before.Against {
		t.Errorf("the evidence went from %.2f to %.2f by a tick that was forgotten", before.Against, after.Against)
	}
	for range 9 {
		tests.Add(f.next(1, Counts{Requests: 950, Bad: 1}, Counts{Requests: 50, Bad: 50}))
	}
	if v := tests.Verdict(Question{NextWeight: 0.25}); !v.Suspicious {
		t.Errorf("the evidence is %.2f after three whole ticks of failures", v.Against)
	}
}
