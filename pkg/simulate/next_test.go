package simulate

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// estimate is what one look at a release said about the next move.
type estimate struct {
	look, next time.Time
	move       int32 // the number of the weight that it was about
	weight     float64
	said       string
}

// estimates are those of a release, and when each of its moves really came, by the number of the weight before it.
func estimates(t *testing.T, s Setup) (said []estimate, came map[int32]time.Time) {
	t.Helper()
	came = map[int32]time.Time{}
	s.Follow = func(m Moment) {
		r := m.Status.Release
		before := r.Moves - 1
		if r.State != v1alpha1.StateShifting {
			before = r.Moves
		}
		if _, known := came[before]; !known {
			came[before] = m.At
		}
		if r.NextAt != nil {
			said = append(said, estimate{look: m.At, next: r.NextAt.Time, move: r.Moves, weight: r.Weight.Fraction(), said: r.Next})
		}
	}
	if out, err := Run(s); err != nil || out.Result != v1alpha1.StatePromoted {
		t.Fatalf("%+v, %v", out, err)
	}
	return said, came
}

// TestTheNextMoveComesWhenItIsSaidTo compares what each look says of the next move with when it came, of versions that answer well under even
// traffic. It comes within two looks where the hold decides; where the proof does, it may take a tick of the evidence longer or shorter, and
// what chance makes of the time that the missing requests take: three of its standard deviations.
func TestTheNextMoveComesWhenItIsSaidTo(t *testing.T) {
	t.Parallel()
	cases := []struct {
		pace   v1alpha1.PaceType
		rate   float64
		proven bool // within the hold, at every weight
	}{
		{v1alpha1.PaceFixed, 20, false}, {v1alpha1.PaceFixed, 200, true}, {v1alpha1.PaceFixed, 1000, true},
		{v1alpha1.PaceProof, 20, false}, {v1alpha1.PaceProof, 200, false}, {v1alpha1.PaceProof, 1000, false},
	}
	for _, c := range cases {
		for seed := range 1 + *times {
			t.Run(fmt.Sprintf("%s %v %d", c.pace, c.rate, seed), func(t *testing.T) {
				t.Parallel()
				said, came := estimates(t, Setup{Plan: standard(c.pace), Traffic: Traffic{Rate: c.rate, Stable: []float64{0}}, Seed: seed})
				if len(said) < 20 {
					t.Errorf("only %d estimates", len(said))
				}
				for _, e := range said {
					in, really, most := e.next.Sub(e.look), came[e.move].Sub(e.look), 2*slice
					if !c.proven {
						chance := 3 * math.Sqrt(max(in, really).Seconds()/(c.rate*e.weight))
						most += evidence.DefaultFast + time.Duration(chance*float64(time.Second))
					}
					if off := (really - in).Abs(); off > most {
						t.Errorf("weight %d, in %s: %s; it came in %s, which is off by more than %s", e.move, in, e.said, really, most)
					}
				}
			})
		}
	}
}
