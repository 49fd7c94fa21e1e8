package view

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Weight is the canary's share of traffic and what is to become of it.
type Weight struct {
	// Wanted is what is written in the routes, Live what is measured; "" when unknown.
	Wanted, Live string
	// Error is how far Live may be from what callers met, "" when unknown.
	Error string
	// Back says that the release is being taken back: its pods may still end what they were asked before.
	Back bool
	// Settling says that the wanted weight is not known to be live in the proxies yet.
	Settling bool
	// Held is how long the weight has been live, negative when it is not, or nobody counts.
	Held time.Duration
	// Hold is the least time, as the policy says it; "" when unknown.
	Hold v1alpha1.Duration
	// Next is the weight after this one, or "promotion" after the last; "" when it is not to be said here.
	Next string
	// In is about how long until Next.
	In time.Duration
}

func weightOf(shift *v1alpha1.TrafficShift, state State, now time.Time) *Weight {
	r := shift.Status.Release
	if r.State.Ended() {
		return nil
	}
	w := &Weight{Wanted: percent(r.Weight), Live: percent(r.LiveWeight), Error: percent(r.LiveWeightError), Held: -1, Back: r.Outcome != nil}
	if r.State != v1alpha1.StateShifting {
		return w
	}
	if i := int(r.Step) - 1; i >= 0 && i < len(r.Plan.Steps) && !r.OnTheWay() {
		w.Hold = r.Plan.Steps[i].Hold
	}
	w.Settling = r.SettledAt == nil
	if !w.Settling && !stale(shift) && observedAgo(shift, now) <= unheard { // time without counts does not count
		w.Held = max(now.Sub(r.SettledAt.Time), 0)
	}
	if r.NextAt != nil && state == StateShifting && observedAgo(shift, now) <= unheard && onlyHolds(shift) {
		w.Next, w.In = nextWeight(r), max(r.NextAt.Sub(now), 0)
	}
	return w
}

// onlyHolds says whether nothing but the hold is waited for: what else is waited for is told in the operator's words, with its own time.
func onlyHolds(shift *v1alpha1.TrafficShift) bool {
	c := condition(shift, v1alpha1.ConditionReconciling)
	return c == nil || c.Reason == string(v1alpha1.ReasonHolding)
}

// moves says what comes next and when; "" when it is not to be said here.
func (w Weight) moves() string {
	switch {
	case w.Next == "":
		return ""
	case w.In < time.Second:
		return w.Next + " any moment"
	}
	return w.Next + " in about " + span(w.In)
}

// live is what is measured, in words.
func (w Weight) live() string {
	if w.Live == "" && (w.Wanted != "0%" || w.Back) {
		return "not measured"
	}
	if w.Live != "" && w.Error != "" {
		return w.Live + " ±" + w.Error
	}
	return w.Live
}

// held is how long the weight has been held, in words; "" before.
func (w Weight) held() string {
	switch hold := w.Hold.Duration(); {
	case w.Settling:
		return "settling"
	case hold > 0 && w.Held >= hold:
		return "held " + span(w.Held) + ", at least " + setting(w.Hold)
	case w.Held >= 0 && hold > 0:
		return "held " + span(w.Held) + " of " + setting(w.Hold)
	case w.Held >= 0:
		return "held " + span(w.Held)
	}
	return ""
}

// nextWeight is the move after the present weight; "" when the plan does not say.
func nextWeight(r *v1alpha1.Release) string {
	step, more := r.NextStop()
	switch {
	case len(r.Plan.Steps) == 0:
		return ""
	case !more:
		return promotion
	case r.Plan.Pace.Type == v1alpha1.PaceProof && r.Plan.Steps[step-1].Weight.Millionths() > clearlyMore*r.Weight.Millionths():
		return "up to " + percent(r.Plan.Steps[step-1].Weight)
	}
	return percent(r.Plan.Steps[step-1].Weight)
}

// clearlyMore is how many times the present weight a step may be to be the next weight whatever the counts prove.
const clearlyMore = 3

const promotion = "promotion"
