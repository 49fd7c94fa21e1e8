package kubectl_test

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAnAbortWaitsForTheEnd(t *testing.T) {
	number := func(n int64) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = n }
	}
	state := func(state v1alpha1.ReleaseState) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { takeBack(s); s.Status.Release.State = state }
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
		"wait until aborted":                {then: []func(*v1alpha1.TrafficShift){takeBack, state(v1alpha1.StateDraining), state(v1alpha1.StateRestoring), aborted}},
		"wait overtaken by the promotion":   {then: []func(*v1alpha1.TrafficShift){promoted}},
		"wait and miss the end":             {then: []func(*v1alpha1.TrafficShift){takeBack, history}},
		"wait and miss it all":              {then: []func(*v1alpha1.TrafficShift){number(30)}},
		"wait while the object goes":        {then: []func(*v1alpha1.TrafficShift){takeBack}, gone: true},
		"wait for an operator that is away": {wait: "50ms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, shift("shop", "checkout"))
			s.afterPatch = func() {
				for _, change := range c.then {
					s.change(key, change)
				}
				if c.gone {
					s.remove(key)
				}
			}
			words := []string{"abort", "checkout", "--wait"}
			if c.wait != "" {
				words = append(words, "--timeout", c.wait)
			}
			code, out, talk := typed(t, s.kubeconfig(), words...)
			golden(t, name, code, out, talk)
		})
	}
}

func TestAnOrderWaitsForItsAnswer(t *testing.T) {
	handled := func(token string, answer *v1alpha1.CommandAnswer) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.LastHandledCommand, s.Status.LastAnswer = token, answer }
	}
	cases := map[string][]func(*v1alpha1.TrafficShift){
		"answer that accepts":         {moved(1), handled("t0ken", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandAccepted, Message: "the template is put back"})},
		"answer that refuses":         {handled("t0ken", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandRefused, Message: "release 7 was handed over"})},
		"answer of another command":   {handled("other", &v1alpha1.CommandAnswer{Result: v1alpha1.CommandAccepted, Message: "done"})},
		"answer of an older operator": {handled("t0ken", nil)},
	}
	for name, then := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, shift("shop", "checkout"))
			s.afterPatch = func() {
				for _, change := range then {
					s.change(key, change)
				}
			}
			code, out, talk := typed(t, s.kubeconfig(), "undo", "checkout", "--wait", "--timeout", "500ms")
			golden(t, name, code, out, talk)
		})
	}
}

func TestAPauseWaitsUntilItIsSeen(t *testing.T) {
	cases := map[string]int64{"pause that is seen": 3, "pause that is not seen": 2}
	for name, seen := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Generation, s.Status.ObservedGeneration = 3, 1 }))
			s.afterPatch = func() {
				s.change(key, func(s *v1alpha1.TrafficShift) { s.Status.ObservedGeneration = seen })
			}
			code, out, talk := typed(t, s.kubeconfig(), "pause", "checkout", "--wait", "--timeout", "500ms")
			golden(t, name, code, out, talk)
		})
	}
}

func TestAWaitLooksAnewWhenTheAPIServerHasForgotten(t *testing.T) {
	s := newServer(t, shift("shop", "checkout"))
	s.forgotten = true
	s.afterPatch = func() { s.change(key, aborted) }
	code, out, talk := typed(t, s.kubeconfig(), "abort", "checkout", "--wait")
	golden(t, "wait through forgotten events", code, out, talk)
	if s.forgotten {
		t.Error("no watch was answered with 410 Gone")
	}
}
