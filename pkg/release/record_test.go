package release_test

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Somebody resumes and another one pauses while no operator looks: the second pause has the second one's name.
func TestAPauseOfAnotherPersonIsAnotherPause(t *testing.T) {
	w := newWorld()
	for _, event := range []string{"policy 1%/10s 100%/1m", "wait 5s", "push v2", "wait 1m", "pause", "wait 1m"} {
		if err := w.play(t, event); err != nil {
			t.Fatal(err)
		}
	}
	s := w.shift().DeepCopy()
	s.Annotations = map[string]string{v1alpha1.ControlledByAnnotation: "ops@example.com", v1alpha1.PausedAnnotation: "sale"}
	w.store.Put(s)
	for _, event := range []string{"wait 1m", "resume", "wait 10s"} {
		if err := w.play(t, event); err != nil {
			t.Fatal(err)
		}
	}
	p := w.shift().Status.Release.Pauses
	if len(p) != 2 || p[0].By != "" || p[0].Until == nil || !p[0].Until.Equal(&p[1].From) || p[1].By != "ops@example.com" || p[1].Reason != "sale" || p[1].Until == nil {
		t.Errorf("the pauses are %v", p)
	}
}

// The record says of each weight what it rested on, and how long it was there; and when people paused. The
// history keeps all of it when other releases follow.
func TestTheRecordSaysWhatEachWeightRestedOn(t *testing.T) {
	w := newWorld()
	for _, event := range []string{
		"policy 1%/10s 25%/10m 100%/1m", "wait 5s", "push v2", "wait 1m", "pause", "wait 2m", "resume", "wait 1m",
		"counts unproven", "command promote 1 t1 known good", "wait 1m", "command abort 1 t2", "wait 3m", "push v3", "wait 1m",
	} {
		if err := w.play(t, event); err != nil {
			t.Fatal(err)
		}
	}
	s := w.shift().Status
	if s.Release.Number != 2 || len(s.History) != 1 {
		t.Fatalf("release %d, a history of %d", s.Release.Number, len(s.History))
	}
	p := s.History[0]
	if p.Workload.Deployment != web || p.Policy != policy || p.Plan == nil || len(p.Commands) != 2 || p.Stable == "" || len(p.StableImages) != 1 || p.Shortened {
		t.Errorf("the history keeps %+v", p)
	}
	if len(p.Pauses) != 1 || p.Pauses[0].Until == nil || p.Pauses[0].Until.Sub(p.Pauses[0].From.Time).Minutes() < 1.9 {
		t.Errorf("the pauses are %v", p.Pauses)
	}
	want := []v1alpha1.WeightReason{v1alpha1.WeightPlanned, v1alpha1.WeightProven, v1alpha1.WeightCommanded}
	if len(p.Weights) != len(want) {
		t.Fatalf("the weights are %v", p.Weights)
	}
	for i, weight := range p.Weights {
		if weight.Reason != want[i] || weight.Hold == "" || weight.Message == "" || weight.Until == nil {
			t.Errorf("weight %d is %+v, want it %s", i, weight, want[i])
		}
		if i > 0 && !p.Weights[i-1].Until.Equal(&weight.At) {
			t.Errorf("%s is left at %s, and the next is written at %s", p.Weights[i-1].Weight, p.Weights[i-1].Until, weight.At)
		}
	}
	if last := p.Weights[2].Message; !strings.Contains(last, "the evidence had not cleared it: known good") {
		t.Errorf("the command says %q", last)
	}
}
