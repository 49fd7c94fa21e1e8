package release

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// The time of the next weight is that of the hold or of the proof, whichever comes later, and none where anything else is waited for.
func TestTheNextWeightIsExpectedWhenHoldAndProofAreThere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	base := func() (Observation, Decision) {
		o := Observation{Release: &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "10%", SettledAt: &metav1.Time{Time: now},
			Plan: v1alpha1.ShiftPolicySpec{Steps: []v1alpha1.Step{{Weight: "10%", Hold: "1m"}, {Weight: "50%", Hold: "1m"}}}}}
		o.Evidence.Rate = 100
		o.Evidence.Verdict = evidence.Verdict{Covered: 50 * time.Second, Missing: 510}
		return o, Decision{Reason: v1alpha1.ReasonHolding}
	}
	cases := map[string]struct {
		change func(*Observation, *Decision)
		want   time.Duration // negative: none
	}{
		"the proof takes longer": {func(*Observation, *Decision) {}, 51 * time.Second},
		"the hold takes longer":  {func(o *Observation, _ *Decision) { o.Evidence.Verdict.Missing = 50 }, 10 * time.Second},
		"it is proven":           {func(o *Observation, _ *Decision) { o.Evidence.Verdict.Missing, o.Evidence.Verdict.Cleared = 0, true }, 10 * time.Second},
		"the hold is over": {func(o *Observation, d *Decision) {
			o.Evidence.Verdict.Covered, d.Reason = time.Hour, v1alpha1.ReasonNotCleared
		}, 51 * time.Second},
		"the warm-up comes before the hold": {func(o *Observation, _ *Decision) {
			o.Evidence.Verdict.Covered, o.Evidence.Verdict.Missing, o.Evidence.Verdict.Warmup = 0, 50, 20*time.Second
		}, 80 * time.Second},
		"requests are proof at the end of a tick": {func(o *Observation, _ *Decision) {
			o.Evidence.Verdict.Pending, o.Evidence.Verdict.Tick, o.Evidence.Verdict.TickIn = 300, 15*time.Second, 8*time.Second
		}, 23 * time.Second},
		"no traffic is known":   {func(o *Observation, _ *Decision) { o.Evidence.Rate = 0 }, -1},
		"requests have stopped": {func(o *Observation, _ *Decision) { o.Evidence.Silence = 50 * time.Millisecond }, -1},
		"requests are rare":     {func(o *Observation, _ *Decision) { o.Evidence.Silence = 49 * time.Millisecond }, 51 * time.Second},
		"requests have stopped in the hold": {func(o *Observation, _ *Decision) {
			o.Evidence.Silence, o.Evidence.Verdict.Missing, o.Evidence.Verdict.Cleared = time.Second, 0, true
		}, -1},
		"a route is gone":         {func(o *Observation, _ *Decision) { o.Routes.Gone = []string{"shop/web"} }, -1},
		"it would take ages":      {func(o *Observation, _ *Decision) { o.Evidence.Rate = 1e-9 }, -1},
		"the evidence forbids it": {func(o *Observation, _ *Decision) { o.Evidence.Verdict.Suspicious = true }, -1},
		"the stable is bad too":   {func(o *Observation, _ *Decision) { o.Evidence.Verdict.Shared = true }, -1},
		"the weight is not live":  {func(o *Observation, _ *Decision) { o.Release.SettledAt = nil }, -1},
		"it is paused":            {func(_ *Observation, d *Decision) { d.Reason = v1alpha1.ReasonPaused }, -1},
		"it has no weight yet":    {func(o *Observation, _ *Decision) { o.Release.Step = 0 }, -1},
		"it is over":              {func(o *Observation, _ *Decision) { o.Release.State = v1alpha1.StateAborted }, -1},
	}
	for name, c := range cases {
		o, d := base()
		c.change(&o, &d)
		got := time.Duration(-1)
		if at := NextAt(o, d, now); at != nil {
			got = at.Sub(now)
		}
		if got != c.want {
			t.Errorf("%s: in %s, want %s", name, got, c.want)
		}
	}
}

// What is missing is told with a time only while requests come.
func TestNoTimeIsToldOfTrafficThatStopped(t *testing.T) {
	t.Parallel()
	o := Observation{Release: &v1alpha1.Release{Number: 7, State: v1alpha1.StateShifting, Step: 1, Weight: "10%"}}
	o.Evidence.Rate, o.Evidence.Verdict.Missing = 100, 510
	const missing = "not proven yet for more than 10%: 510 more good requests of the canary would do"
	for silence, want := range map[time.Duration]string{
		0:                missing + ", which come in about 51s at the present traffic",
		22 * time.Second: missing + "; no request has come for 22s",
	} {
		o.Evidence.Silence = silence
		if got := o.wanting(); got != want {
			t.Errorf("%s: %q, want %q", silence, got, want)
		}
	}
}
