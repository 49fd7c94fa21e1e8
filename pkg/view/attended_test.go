package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// unattended is a release whose operator died a while ago.
func unattended(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = ago(200 * time.Second) }

func TestAReleaseThatNobodyLooksAfterIsToldSo(t *testing.T) {
	cases := map[string]struct {
		shift  *v1alpha1.TrafficShift
		layout view.Layout
	}{
		"unattended":                 {with(shifting(), unattended), view.Layout{Width: 100}},
		"unattended, narrow":         {with(shifting(), unattended), view.Layout{Width: 40}},
		"unattended, in colour":      {with(shifting(), unattended), view.Layout{Width: 100, Color: true}},
		"unattended without traffic": {with(preparing(), unattended), view.Layout{Width: 100}},
		"unattended in an abort":     {with(aborting(), unattended), view.Layout{Width: 100}},
		"unattended at rest":         {with(promoted(), unattended), view.Layout{Width: 100}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, name, view.Release(c.shift, now).Text(c.layout))
		})
	}
}

func TestNothingIsWrongIsSaidOnlyWhereItIsSo(t *testing.T) {
	cases := map[string]*v1alpha1.TrafficShift{
		"why unattended": with(shifting(), unattended),
		"why unattended at the destinations": with(with(shifting(), unattended), func(s *v1alpha1.TrafficShift) {
			s.Spec.Destinations = &v1alpha1.Destinations{Revision: "2"}
		}),
		"why suspicious": with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Objectives[0].Against, s.Status.Release.NextAt = "33", nil
		}),
		"why nothing is known yet": with(shifting(), func(s *v1alpha1.TrafficShift) {
			s.Status.Release.Objectives[1].Canary, s.Status.Release.NextAt = v1alpha1.ArmCounts{}, nil
		}),
		"why the last look is late":  with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = ago(160 * time.Second) }),
		"why nobody tells who looks": with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = nil }),
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			text := alone.Why(s, now).Text(view.Layout{Width: 100})
			if strings.Contains(text, "nothing is wrong") {
				t.Errorf("nothing is wrong, says:\n%s", text)
			}
			golden(t, name, text)
		})
	}
}

// A heartbeat that is late is no end of the operator, and a clock that is behind no future.
func TestNobodyLooksOnlyWhenAHeartbeatIsLate(t *testing.T) {
	for observed, want := range map[time.Duration]bool{-time.Minute: false, 0: false, 3 * time.Minute: false, 3*time.Minute + time.Second: true} {
		s := view.Release(with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = ago(observed) }), now)
		if s.Unattended != want || s.Observed < 0 {
			t.Errorf("looked at %s ago: unattended %t, seen %s ago", observed, s.Unattended, s.Observed)
		}
	}
}

// Where the Lease is known it tells sooner than a heartbeat that no operator works; one that is renewed vouches for no release.
func TestTheLeaseTellsSoonerThatNobodyLooks(t *testing.T) {
	for name, c := range map[string]struct {
		observed, renewed time.Duration
		want              bool
		since             time.Duration
	}{
		"an operator works, and tells when it is time": {100 * time.Second, 3 * time.Second, false, 100 * time.Second},
		"no operator works since it told":              {65 * time.Second, 65 * time.Second, true, 65 * time.Second},
		"no operator works, the last one told earlier": {100 * time.Second, 50 * time.Second, true, 50 * time.Second},
		"another leader may take over yet":             {100 * time.Second, 45 * time.Second, false, 100 * time.Second},
		"one has told that holds no Lease":             {4 * time.Second, 3 * time.Minute, false, 4 * time.Second},
		"an operator works, and looks at others":       {200 * time.Second, 3 * time.Second, true, 200 * time.Second},
	} {
		b := view.Beside{Leader: &view.Leader{Holder: "stagger-7d9f-x2x", Renewed: now.Add(-c.renewed)}}
		s := b.Release(with(shifting(), func(s *v1alpha1.TrafficShift) { s.Status.ObservedAt = ago(c.observed) }), now)
		if s.Unattended != c.want || s.Observed != c.since || c.want && s.Notes[0].For != c.since {
			t.Errorf("%s: unattended %t, seen %s ago, %+v", name, s.Unattended, s.Observed, s.Notes)
		}
	}
}

func TestWhatIsToBePastedIsMadeOfNames(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.TrafficShift){
		"a Service": func(s *v1alpha1.TrafficShift) { s.Spec.Service.Name = "a; reboot" },
		"a hash":    func(s *v1alpha1.TrafficShift) { s.Status.Release.Stable = "'; reboot" },
	} {
		if hint := view.Release(with(with(shifting(), unattended), change), now).ByHand; hint != nil {
			t.Errorf("%s that is no name is pasted: %s", name, hint.Line)
		}
	}
}

func TestTextOfAServiceNobodyHasLookedAt(t *testing.T) {
	golden(t, "unseen", view.Unseen("shop", "checkout", "standard").Text(view.Layout{Width: 100}))
}
