package evidence

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// traffic is a release of n random slices, now and then moved on to the next step, in small whole numbers.
type traffic struct {
	slices []Slice
	steps  map[int]bool // before slice i the weight changes
}

func randomTraffic(r *rand.Rand, objectives, n int) traffic {
	tr := traffic{steps: map[int]bool{}}
	f := newFlow()
	for i := range n {
		f.length = time.Duration(2*(1+r.IntN(5))) * time.Second
		f.settled = r.IntN(10) > 0
		f.alone = i > n*3/4
		s := f.next(objectives, Counts{}, Counts{})
		for k := range objectives {
			s.Stable[k] = Counts{float64(2 * r.IntN(500)), float64(2 * r.IntN(2))}
			s.Canary[k] = Counts{float64(2 * r.IntN(50)), float64(2 * (r.IntN(8) / 7))}
		}
		tr.slices = append(tr.slices, s)
		tr.steps[i] = i > 0 && r.IntN(15) == 0
	}
	return tr
}

func (tr traffic) run(t *Tests, each func(int)) {
	for i, s := range tr.slices {
		if tr.steps[i] {
			t.NextStep(s.From)
		}
		t.Add(s)
		each(i)
	}
}

func TestMoreCanaryErrorsNeverSpeakLessAgainstIt(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		tr := randomTraffic(r, 2, 80)
		worse := traffic{steps: tr.steps}
		for _, s := range tr.slices {
			s.Canary = slices.Clone(s.Canary)
			s.Canary[r.IntN(2)].Bad += float64(r.IntN(2) * r.IntN(3))
			worse.slices = append(worse.slices, s)
		}
		a, b := begin(t, twoObjectives()), begin(t, twoObjectives())
		i := 0
		tr.run(a, func(int) {
			if worse.steps[i] {
				b.NextStep(worse.slices[i].From)
			}
			b.Add(worse.slices[i])
			i++
			less, more := a.Verdict(Question{}), b.Verdict(Question{})
			if more.Against < less.Against*(1-1e-6) || more.AloneAgainst < less.AloneAgainst*(1-1e-6) {
				t.Fatalf("seed %d, slice %d: more errors lower %v to %v", seed, i, less, more)
			}
			for k := range less.Objectives {
				if more.Objectives[k].For > less.Objectives[k].For*(1+1e-12) {
					t.Fatalf("seed %d, slice %d: more errors clear more", seed, i)
				}
			}
		})
	}
}

func TestSplittingASliceChangesNothing(t *testing.T) {
	c := twoObjectives()
	c.Fast, c.Slow = 16*time.Second, 64*time.Second
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		tr := randomTraffic(r, 2, 80)
		for i := range tr.slices { // equal lengths, so that a half never ends a tick
			tr.slices[i].From, tr.slices[i].To = start.Add(time.Duration(4*i)*time.Second), start.Add(time.Duration(4*i+4)*time.Second)
		}
		whole, halves := begin(t, c), begin(t, c)
		i := 0
		tr.run(whole, func(int) {
			s := tr.slices[i]
			if tr.steps[i] {
				halves.NextStep(s.From)
			}
			i++
			half := func(counts []Counts) []Counts {
				h := slices.Clone(counts)
				for k := range h {
					h[k] = Counts{h[k].Requests / 2, h[k].Bad / 2}
				}
				return h
			}
			middle := s.From.Add(2 * time.Second)
			halves.Add(Slice{s.From, middle, half(s.Stable), half(s.Canary), s.Settled, s.Alone, s.Away})
			halves.Add(Slice{middle, s.To, half(s.Stable), half(s.Canary), s.Settled, s.Alone, s.Away})
			if a, b := whole.Checkpoint(), halves.Checkpoint(); a != b {
				t.Fatalf("seed %d, slice %d:\n%s\n%s", seed, i, a, b)
			}
		})
	}
}

func TestOrderWithinATickChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	counts := make([][2]Counts, 12)
	for i := range counts {
		counts[i] = [2]Counts{{float64(100 + r.IntN(100)), float64(r.IntN(3))}, {float64(10 + r.IntN(10)), float64(r.IntN(2))}}
	}
	var first string
	for range 20 {
		tests, f := begin(t, oneObjective()), newFlow()
		for _, c := range counts {
			f.feed(tests, 1, c[0], c[1])
		}
		if first == "" {
			first = tests.Checkpoint()
		}
		if got := tests.Checkpoint(); got != first {
			t.Fatalf("another order within the fast ticks:\n%s\n%s", first, got)
		}
		for i := 0; i < len(counts); i += 3 {
			r.Shuffle(3, func(a, b int) { counts[i+a], counts[i+b] = counts[i+b], counts[i+a] })
		}
	}
}

func TestNoDataChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	tr := randomTraffic(r, 2, 60)
	plain, gaps := begin(t, twoObjectives()), begin(t, twoObjectives())
	i, late := 0, time.Duration(0)
	tr.run(plain, func(int) {
		s := tr.slices[i]
		s.From, s.To = s.From.Add(late), s.To.Add(late)
		if tr.steps[i] {
			gaps.NextStep(s.From)
		}
		gaps.Add(s)
		i++
		before := gaps.Verdict(Question{})
		gaps.Void(s.To, s.To.Add(time.Hour), "no answer")
		late += time.Hour
		if diff := cmp.Diff(before, gaps.Verdict(Question{})); diff != "" {
			t.Fatalf("slice %d: an hour without data changed the verdict:\n%s", i, diff)
		}
		if diff := cmp.Diff(plain.Verdict(Question{}), before); diff != "" {
			t.Fatalf("slice %d: hours without data changed what came after:\n%s", i, diff)
		}
	})
}
