package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Judge is a rule that takes a canary back: it is shown the counts of every slice of five seconds, one for each objective, and says
// when.
type Judge interface {
	// Slice returns true when the canary is to be taken back.
	Slice(stable, canary []evidence.Counts) bool
}

// Sequential is the Judge that the operator is: the tests of pkg/evidence at one weight. Make it with NewSequential.
type Sequential struct {
	tests      *evidence.Tests
	objectives int
	end        time.Time
}

// NewSequential returns the Judge of a configuration, or the error of evidence.New.
func NewSequential(c evidence.Config) (*Sequential, error) {
	tests, err := evidence.New(c)
	if err != nil {
		return nil, fmt.Errorf("making a judge: %w", err)
	}
	return &Sequential{tests: tests, objectives: len(c.Objectives), end: epoch}, nil
}

// Slice is Judge's. Of the objectives it looks at as many as it has, which are the first.
func (s *Sequential) Slice(stable, canary []evidence.Counts) bool {
	n := min(s.objectives, len(stable), len(canary))
	stable, canary = stable[:n], canary[:n]
	from := s.end
	s.end = from.Add(slice)
	s.tests.Add(evidence.Slice{From: from, To: s.end, Stable: stable, Canary: canary, Settled: true})
	return s.tests.Verdict(evidence.Question{NextWeight: 1}).State == evidence.Breach
}

// Sight is when a Judge took the canary back, and what it cost.
type Sight struct {
	// At is since the beginning; negative: never.
	At time.Duration
	// Excess are the bad requests above the stable's share until the canary had no more traffic.
	Excess float64
}

// Watch shows Judges the same canary at one weight, until all have decided or the time is over. Counts are exact and come at once.
// Reaction is how long after a decision requests still meet the canary.
func Watch(t Traffic, c Canary, weight float64, length, reaction time.Duration, seed uint64, judges ...Judge) []Sight {
	u := newUsers(newSource(t, c, seed), slice)
	sights := make([]Sight, len(judges))
	for i := range sights {
		sights[i].At = -1
	}
	for end := slice; end <= length; end += slice {
		for at := end - slice; at < end; at += second {
			u.second([]moment{{at: at, length: second, weight: weight}})
		}
		stable, canary := u.scraped(end)
		open := false
		for i, j := range judges {
			switch {
			case sights[i].At < 0:
				if j.Slice(stable, canary) {
					sights[i].At = end
				}
				sights[i].Excess = u.over[0]
				open = true
			case end <= sights[i].At+reaction:
				sights[i].Excess = u.over[0]
				open = true
			}
		}
		if !open {
			break
		}
	}
	return sights
}

// Timed runs a release as tools do that go on by the clock: each step of the plan for its hold, until the Judge takes it back. It is shown
// what scrapes have brought as soon as a slice is over, and acts at once.
func Timed(s Setup, judge Judge) Outcome {
	s.Mesh = s.Mesh.normal()
	u := newUsers(newSource(s.Traffic, s.Canary, s.Seed), s.Mesh.Scrape)
	out := Outcome{Result: v1alpha1.StatePromoted, Noticed: -1, Braked: -1}
	end := time.Duration(0)
	for _, step := range s.Plan.Steps {
		always := weights{{0, step.Weight.Fraction()}}
		out.Moves = append(out.Moves, Move{At: end, Share: step.Weight.Fraction(), Why: "the time has come"})
		for until := end + step.Hold.Duration(); end < until; end += slice {
			for at := end; at < end+slice; at += second {
				u.second(always.within(at))
			}
			if stable, canary := u.scraped(end + slice); judge.Slice(stable, canary) {
				end += slice
				out.abort(u, end)
				gone := end + s.Mesh.Push
				for at := end; at < gone; at += second {
					u.second(append(always, written{gone, 0}).within(at))
				}
				return finished(out, u, end)
			}
		}
	}
	return finished(out, u, end)
}

// abort notes that the canary was taken back.
func (o *Outcome) abort(u *users, at time.Duration) {
	o.Result = v1alpha1.StateAborted
	if u.failing >= 0 {
		o.Noticed = at - u.failing
	}
}

func finished(out Outcome, u *users, at time.Duration) Outcome {
	out.Took, out.Exposed, out.Excess = at, u.met.requests, slices.Max(u.over)
	for _, bad := range u.met.bad {
		out.Failed = max(out.Failed, bad)
	}
	return out
}
