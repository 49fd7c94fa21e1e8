package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// TestAReleaseIsFollowedToItsEnd and is the same release as one that nobody follows.
func TestAReleaseIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	begin := time.Date(2027, 2, 3, 4, 5, 0, 0, time.UTC)
	for want, states := range map[v1alpha1.ReleaseState][]v1alpha1.ReleaseState{
		v1alpha1.StatePromoted: {v1alpha1.StateShifting, v1alpha1.StateHandover, v1alpha1.StateRestoring, v1alpha1.StatePromoted},
		v1alpha1.StateAborted:  {v1alpha1.StateShifting, v1alpha1.StateAborting, v1alpha1.StateDraining, v1alpha1.StateAborted},
	} {
		s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(200), Seed: 3}
		if want == v1alpha1.StateAborted {
			s.Canary.Bad, s.Canary.FromWeight = 0.05, 0.25
		}
		alone, err := Run(s)
		if err != nil {
			t.Fatal(err)
		}
		var moments []Moment
		canary := 0.0
		s.Begin, s.Follow = begin, func(m Moment) {
			moments = append(moments, m)
			if m.Canary != nil {
				canary += m.Canary[0].Requests
			}
		}
		followed, err := Run(s)
		if err != nil {
			t.Fatal(err)
		}
		if followed.Result != want || followed.Took != alone.Took || followed.Reason == "" || len(followed.Moves) < len(alone.Moves) {
			t.Errorf("followed: %+v, alone: %+v", followed, alone)
		}
		var met []v1alpha1.ReleaseState
		for _, m := range moments {
			met = append(met, m.Status.Release.State)
		}
		if got := slices.DeleteFunc(slices.Compact(met), func(s v1alpha1.ReleaseState) bool { return !slices.Contains(states, s) }); !slices.Equal(got, states) {
			t.Errorf("states %v, want %v", got, states)
		}
		last := moments[len(moments)-1]
		if moments[0].At != begin || len(last.Status.History) != 1 || last.Status.History[0].Outcome != want || len(last.Sets) == 0 {
			t.Errorf("it ends as %+v, at %s", last.Status.History, last.At)
		}
		if exposed := float64(last.Status.Release.Exposed); canary < exposed || canary > 1.1*followed.Exposed {
			t.Errorf("scrapes showed %v requests to the canary, %v were judged, %v were made", canary, exposed, followed.Exposed)
		}
	}
}

// TestTheRecordKeepsTheEvidenceAtEachWeight as the status told it when the weight was written, also in the history.
func TestTheRecordKeepsTheEvidenceAtEachWeight(t *testing.T) {
	t.Parallel()
	var told [][]v1alpha1.ObjectiveStatus // by the weights in their order
	var last v1alpha1.TrafficShiftStatus
	s := Setup{Plan: standard(v1alpha1.PaceProof), Traffic: requests(200), Seed: 3}
	s.Follow = func(m Moment) {
		if last = m.Status; len(last.Release.Weights) > len(told) {
			told = append(told, slices.Clone(last.Release.Objectives))
		}
	}
	if _, err := Run(s); err != nil {
		t.Fatal(err)
	}
	weights := last.History[0].Weights
	if len(weights) < 3 || len(weights) != len(told) || int(last.History[0].Moves) != len(told) {
		t.Fatalf("%d weights are recorded of %d, and %d were seen", len(weights), last.History[0].Moves, len(told))
	}
	met := int64(-1)
	for i, w := range weights {
		if !slices.Equal(w.Objectives, told[i]) {
			t.Errorf("%s rests on %+v by the record, on %+v by what was told", w.Weight, w.Objectives, told[i])
		}
		if i == 0 {
			continue
		}
		if len(w.Objectives) != len(s.Plan.Objectives) || w.Objectives[0].Canary.Requests < met {
			t.Fatalf("%s rests on %+v, after %d requests", w.Weight, w.Objectives, met)
		}
		met = w.Objectives[0].Canary.Requests
	}
	if end := last.Release.Objectives[0].Canary.Requests; end <= met || met < 100 {
		t.Errorf("%d requests were counted in the end, %d at the last weight", end, met)
	}
}
