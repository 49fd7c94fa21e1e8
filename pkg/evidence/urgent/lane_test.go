package urgent

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

func config() Config { return Config{Tolerance: 1.2, Threshold: 1000} }

func asked(requests, bad float64) Counts { return Counts{Requests: requests, Bad: bad} }

// of makes a second of requests and bad requests: pairs of the canary's groups, and of the stable in the end.
func of(counts ...float64) Second {
	var s Second
	end := len(counts) - 2
	for i := 0; i < end; i += 2 {
		s.Canary = append(s.Canary, Group{"node-" + strconv.Itoa(i/2), asked(counts[i], counts[i+1])})
	}
	s.Stable = asked(counts[end], counts[end+1])
	return s
}

func braked(s Second) Second {
	s.Braked = true
	return s
}

// digits is a number with five of them.
func digits(x float64) string { return fmt.Sprintf("%.5g", x) }

func TestASecondFollowsTheWorkedExamples(t *testing.T) {
	for _, row := range [][10]float64{
		// n, k, n_s, k_s; mu(k_s), mu(0), h; factors of kappa 0.05, 0.5 and 5
		{250, 250, 750, 0, 25, 25, 250, 9.982, 9.8235, 8.5},
		{250, 250, 750, 1, 25, 25, 250, 9.982, 9.8235, 8.5},
		{250, 75, 750, 0, 25, 25, 41.079, 1.6419, 1.6306, 1.536},
		{250, 250, 750, 375, 300.4, 25, 250, 0.83256, 0.83551, 0.86019},
		{3, 3, 3, 0, 0.53407, 0.53407, 3, 5.222, 3.3847, 1.4456},
		{3, 3, 3, 1, 3.6, 0.53407, 3, 0.8476, 0.91392, 0.98392},
		{1, 1, 4, 0, 0.13948, 0.13948, 1, 5.5415, 2.3457, 1.1674},
		{90, 90, 10, 0, 9, 9, 90, 9.9503, 9.5263, 6.7857},
		{90, 90, 10, 5, 117.82, 9, 90, 0.76519, 0.77632, 0.84821},
		{250, 0, 750, 0, 25, 25, 0, 0.001996, 0.019608, 0.16667},
		{5, 5, 0, 0, 6, 6, 5, 0.83471, 0.84615, 0.90909},
	} {
		canary := asked(row[0], row[1])
		e := config().expect(canary, asked(row[2], row[3]))
		h := byShare.of(canary)
		s := stake{1, 1, 1}
		s.multiply(h, e)
		got := []string{digits(e.atMost), digits(e.most), digits(h), digits(s[0]), digits(s[1]), digits(s[2])}
		var want []string
		for _, x := range row[4:] {
			want = append(want, digits(x))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v of %v beside %v of %v (-want +got):\n%s", row[1], row[0], row[3], row[2], diff)
		}
	}
	if got := plainly.of(asked(250, 75)); got != 75 {
		t.Errorf("at a braked weight 75 bad requests count as %v", got)
	}
}

// story is a line for each second: what the lane says, and its wealth with three digits.
func story(l *Lane, seconds ...Second) []string {
	var lines []string
	for _, s := range seconds {
		sign := l.Next(s)
		line := fmt.Sprintf("%.3g", sign.Wealth)
		for _, flag := range []struct {
			up   bool
			name string
		}{{sign.Alarm, "alarm"}, {sign.Episode, "episode"}, {sign.Abort, "abort"}} {
			if flag.up {
				line += " " + flag.name
			}
		}
		if sign.Brake {
			line += fmt.Sprintf(" brake (%v of %v in %d s)", sign.Canary.Bad, sign.Canary.Requests, sign.Seconds)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWholeStories(t *testing.T) {
	well, dead := of(83, 0, 83, 0, 84, 0, 750, 1), of(83, 83, 83, 83, 84, 84, 750, 0)
	cases := map[string]struct {
		seconds []Second
		want    []string
	}{
		"total failure, with no brake carried out": {
			[]Second{well, of(83, 40, 83, 41, 84, 42, 750, 0), dead, dead, of(83, 83, 83, 83, 84, 84, 750, 2), dead, dead},
			[]string{
				"1", "1 alarm brake (123 of 250 in 1 s)", "1 alarm episode brake (250 of 250 in 1 s)",
				"5.1 alarm episode brake (250 of 250 in 1 s)", "43.3 alarm episode brake (250 of 250 in 1 s)",
				"402 alarm episode brake (250 of 250 in 1 s)", "3.8e+03 alarm episode abort brake (250 of 250 in 1 s)",
			},
		},
		"one of three groups dead, and liked for its speed": {
			[]Second{
				of(83, 83, 83, 0, 84, 0, 750, 1), of(110, 110, 70, 0, 70, 0, 750, 0), of(110, 110, 70, 1, 70, 0, 750, 1),
				of(110, 110, 70, 0, 70, 0, 750, 0),
			},
			[]string{"1", "1", "1", "1"},
		},
		"all of it for two seconds": {
			append([]Second{of(83, 60, 83, 60, 84, 60, 750, 0), dead, of(83, 25, 83, 25, 84, 25, 750, 0)}, slices.Repeat([]Second{well}, 6)...),
			[]string{
				"1 alarm brake (180 of 250 in 1 s)", "1 alarm episode brake (250 of 250 in 1 s)", "1.29 alarm episode brake (75 of 250 in 1 s)",
				"1 alarm episode", "1 episode", "1 episode", "1 episode", "1 episode", "1",
			},
		},
		"an outage of both": {
			[]Second{of(83, 40, 83, 41, 84, 42, 750, 375), of(83, 83, 83, 83, 84, 84, 750, 750), of(83, 83, 83, 83, 84, 84, 750, 750)},
			[]string{"1", "1", "1"},
		},
		"total failure, braked from the third second on": {
			[]Second{
				of(83, 60, 83, 60, 84, 60, 750, 0), of(50, 50, 50, 50, 50, 50, 850, 1), braked(of(3, 3, 4, 4, 3, 3, 990, 1)),
				braked(of(4, 4, 3, 3, 3, 3, 990, 0)), braked(of(3, 3, 3, 3, 4, 4, 990, 2)), braked(of(3, 3, 3, 3, 4, 4, 990, 1)),
				braked(of(3, 3, 3, 3, 4, 4, 990, 1)),
			},
			[]string{
				"1 alarm brake (180 of 250 in 1 s)", "1 alarm episode brake (150 of 150 in 1 s)", "1 alarm episode", "3.36 alarm episode",
				"21.9 alarm episode", "174 alarm episode", "1.48e+03 alarm episode abort",
			},
		},
		"three requests in two seconds": {
			[]Second{of(1, 1, 20, 0), of(2, 2, 20, 0)},
			[]string{"1", "1 alarm brake (3 of 3 in 2 s)"},
		},
		"its only group needs a second more": {
			[]Second{of(50, 50, 500, 0), of(50, 50, 500, 0), of(50, 50, 500, 0)},
			[]string{
				"1 alarm brake (50 of 50 in 1 s)", "1 alarm brake (50 of 50 in 1 s)", "1 alarm episode brake (50 of 50 in 1 s)",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, story(New(config()), tc.seconds...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// openEpisode is a lane in the first second of an episode, three groups beside a stable.
func openEpisode(t *testing.T) *Lane {
	t.Helper()
	l := New(config())
	for range 3 {
		l.Next(of(10, 10, 10, 10, 10, 10, 100, 0))
	}
	if s := l.Next(of(10, 10, 10, 10, 10, 10, 100, 0)); !s.Episode || s.Abort || s.Wealth < 10 {
		t.Fatalf("no episode that has won: %+v", s)
	}
	return l
}

func TestWhatEndsAnEpisode(t *testing.T) {
	well, none := of(10, 0, 10, 0, 10, 0, 100, 0), of(0, 0, 0, 0, 0, 0, 100, 0)
	void, other := Second{}, of(10, 0, 10, 0, 10, 0, 100, 0)
	other.Canary[1].Name = "node-9"
	cases := map[string]struct {
		second Second
		last   int // how many of it the episode outlives
	}{
		"calm":                         {well, 4 + window - 1}, // the alarm looks back
		"silence":                      {none, silence - 1},
		"nothing that can be read":     {void, silence - 1},
		"a group that is gone":         {of(10, 0, 10, 0, 100, 0), 0},
		"a group that came":            {of(10, 0, 10, 0, 10, 0, 10, 0, 100, 0), 0},
		"another group in its place":   {other, 0},
		"the same groups, some silent": {of(0, 0, 10, 0, 10, 0, 100, 0), 4 + window - 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := openEpisode(t)
			for i := range tc.last {
				if !l.Next(tc.second).Episode {
					t.Fatalf("it ended after %d seconds", i+1)
				}
			}
			s := l.Next(tc.second)
			if s.Episode {
				t.Fatalf("it outlives second %d: %+v", tc.last+1, s)
			}
			if s.Wealth != max(l.purses[0].cash, 1) {
				t.Errorf("the wealth is %v, the cash %v", s.Wealth, l.purses[0].cash)
			}
			if l.Next(of(10, 10, 10, 10, 10, 10, 100, 0)).Episode {
				t.Error("alarms of before are in a row with the next one")
			}
		})
	}
}

func TestSilenceIsInOnePiece(t *testing.T) {
	l := openEpisode(t)
	for i := range 5 {
		for range silence - 1 {
			l.Next(of(0, 0, 0, 0, 0, 0, 100, 0))
		}
		if !l.Next(of(10, 10, 10, 10, 10, 10, 100, 0)).Episode {
			t.Fatalf("an episode with requests each %d s ends after %d of them", silence, i)
		}
	}
}

func TestOtherGroupsHaveNoAlarmsOfBefore(t *testing.T) {
	l := New(config())
	l.Next(of(10, 10, 10, 10, 100, 0))
	bad := of(10, 10, 10, 10, 10, 10, 100, 0)
	if l.Next(bad).Episode || !l.Next(bad).Episode {
		t.Error("they have")
	}
}

func TestEachKindOfWeightHasItsPurse(t *testing.T) {
	l := openEpisode(t)
	won := exact.Down(l.sign().Wealth)
	l.Next(braked(of(1, 1, 1, 1, 1, 1, 100, 0)))
	if l.purses[0].cash != won || l.purses[1].episodes != 1 {
		t.Errorf("when the weight goes down, the purses are %+v, after %v was won", l.purses, won)
	}
	for range 3 {
		l.Next(braked(of(1, 1, 1, 1, 1, 1, 100, 0)))
	}
	if l.purses[0].cash != won || l.sign().Wealth != max(won, l.purses[1].cash+worth(l.stakes)) {
		t.Errorf("seconds at a braked weight changed the purse of the other: %+v", l.purses)
	}
	l.Next(of(10, 0, 10, 0, 10, 0, 100, 0))
	if l.purses[1].cash < 1 {
		t.Errorf("when the weight is up again, the purses are %+v", l.purses)
	}
}

func TestAVoidSecondIsNoEvidenceAndNoNeighbour(t *testing.T) {
	spoil := func(f func(*Second)) Second {
		s := of(10, 10, 10, 10, 100, 0)
		f(&s)
		return s
	}
	many := Second{}
	for i := range mostGroups + 1 {
		many.Canary = append(many.Canary, Group{fmt.Sprint(i), asked(10, 10)})
	}
	cases := map[string]Second{
		"no group":            {Stable: asked(100, 0)},
		"too many groups":     many,
		"NaN":                 spoil(func(s *Second) { s.Canary[0].Bad = math.NaN() }),
		"infinite":            spoil(func(s *Second) { s.Canary[1].Requests = math.Inf(1) }),
		"negative":            spoil(func(s *Second) { s.Canary[0].Requests = -1 }),
		"absurd":              spoil(func(s *Second) { s.Canary[0].Requests = 1e13 }),
		"a stable that is no": spoil(func(s *Second) { s.Stable.Bad = math.NaN() }),
		"negative stable":     spoil(func(s *Second) { s.Stable.Requests = -1 }),
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			said, silent, l := New(config()), New(config()), openEpisode(t)
			before := l.sign()
			if diff := cmp.Diff(before, l.Next(s)); diff != "" {
				t.Errorf("it changed what the lane says:\n%s", diff)
			}
			bad := of(10, 10, 10, 10, 100, 0)
			said.Next(bad)
			silent.Next(bad)
			said.Next(s)
			silent.Void()
			if a, b := said.Checkpoint(), silent.Checkpoint(); a != b {
				t.Errorf("it is not as void:\n%s\n%s", a, b)
			}
			if said.Next(bad).Episode || !said.Next(bad).Episode {
				t.Error("alarms on both sides of it are in a row")
			}
		})
	}
	// One bad request on either side of it in each group makes no alarm.
	l := New(config())
	l.Next(of(5, 1, 5, 1, 5, 1, 100, 0))
	l.Void()
	if l.Next(of(5, 1, 5, 1, 5, 0, 100, 0)).Alarm {
		t.Error("seconds on both sides of it are looked at together")
	}
}

func TestMoreBadThanRequestsIsAll(t *testing.T) {
	a, b := New(config()), New(config())
	for range 6 {
		x, y := a.Next(of(10, 14, 10, 10, 100, 0)), b.Next(of(10, 10, 10, 10, 100, 0))
		if x != y {
			t.Errorf("%+v, want %+v", x, y)
		}
	}
}

func TestEachEpisodeIsSlowerThanTheOneBefore(t *testing.T) {
	l := New(config())
	bad, well := of(10, 10, 10, 10, 100, 0), of(10, 0, 10, 0, 100, 0)
	for j := range 12 {
		took := 1
		for !l.Next(bad).Episode {
			if took++; took > 20 {
				t.Fatalf("episode %d does not begin", j+1)
			}
		}
		if want := 2 + min(j, mostMore); took != want {
			t.Errorf("episode %d begins after %d seconds, want %d", j+1, took, want)
		}
		if want := 1 / float64(j+2); math.Abs((worth(l.stakes)/(l.purses[0].cash+worth(l.stakes)))/want-1) > 1e-6 {
			t.Errorf("episode %d stakes %v beside %v, want 1/%d", j+1, worth(l.stakes), l.purses[0].cash, j+2)
		}
		for range 10 {
			l.Next(well)
		}
	}
}

func TestAnAbortIsNotForgotten(t *testing.T) {
	l := openEpisode(t)
	l.Next(of(10, 10, 10, 10, 10, 10, 100, 0))
	l.Next(of(10, 10, 10, 10, 10, 10, 100, 0))
	for i := range 100 {
		if s := l.Next(of(10, 0, 10, 0, 10, 0, 100, 0)); !s.Abort {
			t.Fatalf("it was, after %d seconds", i)
		}
	}
}

func TestAUselessConfigBlamesNobody(t *testing.T) {
	for _, c := range []Config{
		{}, {Threshold: math.NaN(), Tolerance: math.NaN()}, {Threshold: 1, Tolerance: 0.5}, {Threshold: -1, Tolerance: math.Inf(1)},
	} {
		l := New(c)
		if l.c.Tolerance != 1.2 {
			t.Errorf("%+v tolerates %v", c, l.c.Tolerance)
		}
		for range 40 {
			if l.Next(of(50, 50, 50, 50, 100, 0)).Abort {
				t.Fatalf("%+v aborts", c)
			}
		}
	}
}
