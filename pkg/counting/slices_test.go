package counting

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(s float64) time.Time { return time.UnixMilli(int64(s * 1000)).UTC() }

func TestTimeIsCutOnTheGrid(t *testing.T) {
	cases := map[string]struct {
		from, now float64
		lag       time.Duration
		want      []Interval
	}{
		"nothing is over":               {100, 104.9, 0, nil},
		"one slice is over":             {100, 105, 0, []Interval{{at(100), at(105)}}},
		"not with the lag":              {100, 105.9, time.Second, nil},
		"with the lag":                  {100, 106, time.Second, []Interval{{at(100), at(105)}}},
		"the first begins off the grid": {101.5, 111, 0, []Interval{{at(101.5), at(105)}, {at(105), at(110)}}},
		"from lies ahead":               {200, 100, 0, nil},
		"before the epoch":              {-7, 1, 0, []Interval{{at(-7), at(-5)}, {at(-5), at(0)}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Slices(at(c.from), at(c.now), c.lag, DefaultStep)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALongBacklogIsCutIntoMinutesAndItsEndIntoSteps(t *testing.T) {
	lengths := map[time.Duration]int{}
	cut := Slices(at(50), at(1000), 0, DefaultStep)
	for _, s := range cut {
		lengths[s.Length()]++
	}
	// 50 to 60 in steps, 60 to 900 in minutes (while more than two minutes are left), 900 to 1000 in steps.
	if diff := cmp.Diff(map[time.Duration]int{5 * time.Second: 2 + 20, time.Minute: 14}, lengths); diff != "" {
		t.Error(diff)
	}
}

func TestSlicesFollowEachOtherWhenAskedInPieces(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		start := at(r.Float64() * 1e6)
		from, now := start, start
		for range 50 {
			now = now.Add(time.Duration(r.Int64N(int64(10 * time.Minute))))
			lag := time.Duration(r.Int64N(int64(15 * time.Second)))
			cut := Slices(from, now, lag, DefaultStep)
			if len(cut) > MaxSlices {
				t.Fatalf("seed %d: %d slices at once", seed, len(cut))
			}
			for _, s := range cut {
				switch {
				case !s.Start.Equal(from):
					t.Fatalf("seed %d: slice from %s does not follow %s", seed, s.Start, from)
				case s.End.UnixMilli()%DefaultStep.Milliseconds() != 0 || s.Length() <= 0 || s.Length() > time.Minute:
					t.Fatalf("seed %d: slice %v", seed, s)
				case s.End.After(now.Add(-lag)):
					t.Fatalf("seed %d: slice to %s at %s with lag %s", seed, s.End, now, lag)
				}
				from = s.End
			}
		}
		if now.Sub(from) > time.Hour {
			t.Errorf("seed %d: %s behind", seed, now.Sub(from))
		}
	}
}

func TestAnOutageOfADayIsBoundedAndWorkedOff(t *testing.T) {
	from, now, rounds := at(3), at(86_400), 0
	for {
		cut := Slices(from, now, 0, DefaultStep)
		if len(cut) == 0 {
			break
		}
		if len(cut) > MaxSlices {
			t.Fatalf("%d slices at once", len(cut))
		}
		from = cut[len(cut)-1].End
		rounds++
	}
	if !from.Equal(now) || rounds < 13 {
		t.Errorf("worked off to %s in %d rounds", from, rounds)
	}
}

func TestAStepThatIsNoneCutsNothing(t *testing.T) {
	if got := Slices(at(0), at(100), 0, 0); got != nil {
		t.Errorf("got %v", got)
	}
}
