package steer_test

import (
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAnAbortWaitsForTheEnd(t *testing.T) {
	number := func(n int64) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = n }
	}
	state := func(state v1alpha1.ReleaseState) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { clitest.TakeBack(s); s.Status.Release.State = state }
	}
	history := func(s *v1alpha1.TrafficShift) {
		s.Status.History = []v1alpha1.PastRelease{{Number: 7, Outcome: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded}}
		number(8)(s)
	}
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		// then is what the operator does after the patch, one write each.
		then []func(*v1alpha1.TrafficShift)
		gone bool
		wait string
	}{
		"wait until aborted":                {then: []func(*v1alpha1.TrafficShift){clitest.TakeBack, state(v1alpha1.StateDraining), state(v1alpha1.StateRestoring), clitest.Aborted}},
		"wait overtaken by the promotion":   {then: []func(*v1alpha1.TrafficShift){clitest.Promoted}},
		"wait and miss the end":             {then: []func(*v1alpha1.TrafficShift){clitest.TakeBack, history}},
		"wait and miss it all":              {then: []func(*v1alpha1.TrafficShift){number(30)}},
		"wait while the object goes":        {then: []func(*v1alpha1.TrafficShift){clitest.TakeBack}, gone: true},
		"wait for an operator that is away": {wait: "50ms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
			s.AfterPatch = func() {
				for _, change := range c.then {
					s.Change(clitest.Key, change)
				}
				if c.gone {
					s.Remove(clitest.Key)
				}
			}
			words := []string{"abort", "checkout", "--wait"}
			if c.wait != "" {
				words = append(words, "--timeout", c.wait)
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), words...)
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestAnOrderWaitsForItsAnswer(t *testing.T) {
	handled := func(token string, answer *v1alpha1.CommandAnswer) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.LastHandledCommand, s.Status.LastAnswer = token, answer }
	}
	cases := map[string][]func(*v1alpha1.TrafficShift){
		"answer that accepts":         {clitest.Moved(1), handled("t0ken", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandAccepted, Message: "the template is put back"})},
		"answer that refuses":         {handled("t0ken", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandRefused, Message: "release 7 was handed over"})},
		"answer of another command":   {handled("other", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandAccepted, Message: "done"})},
		"answer of an older operator": {handled("t0ken", nil)},
	}
	for name, then := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
			s.AfterPatch = func() {
				for _, change := range then {
					s.Change(clitest.Key, change)
				}
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), "undo", "checkout", "--wait", "--timeout", "500ms")
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestAPauseWaitsUntilItIsSeen(t *testing.T) {
	cases := map[string]int64{"pause that is seen": 3, "pause that is not seen": 2}
	for name, seen := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Generation, s.Status.ObservedGeneration = 3, 1 }))
			s.AfterPatch = func() {
				s.Change(clitest.Key, func(s *v1alpha1.TrafficShift) { s.Status.ObservedGeneration = seen })
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), "pause", "checkout", "--wait", "--timeout", "500ms")
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestAWaitLooksAnewWhenTheAPIServerHasForgotten(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
	s.Forgotten = true
	s.AfterPatch = func() { s.Change(clitest.Key, clitest.Aborted) }
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout", "--wait")
	clitest.Golden(t, "wait through forgotten events", code, out, talk)
	if s.Forgotten {
		t.Error("no watch was answered with 410 Gone")
	}
}
