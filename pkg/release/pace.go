package release

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// finest is the smallest share a route can give: one request in a million.
	finest = 1.0 / v1alpha1.Whole
	// usualFailures is the budget of failed requests of a plan that names none.
	usualFailures = 10
	// worthwhile is how many times the present weight one that needs no proof has to be, for each move costs the time it takes to settle.
	worthwhile = 3
)

// move is a change to a larger weight.
type move struct {
	// step is the plan's, from 1, that the release is at or on the way to; stop is its weight, for which there have to be pods.
	step int32
	stop int64
	// share is the weight, at most stop, and why says what it rests on; reason says it in a word.
	share  int64
	why    string
	reason v1alpha1.WeightReason
}

// into takes a move into the record, before its weight is written, with what the counts say now.
func (m move) into(r *v1alpha1.Release, o Observation, now time.Time) {
	leave(r, now)
	r.State, r.Step, r.Weight = v1alpha1.StateShifting, m.step, v1alpha1.PercentageOf(m.share)
	r.Moves++
	r.StepStartedAt, r.SettledAt, r.PodsAwaitedSince, r.SharedBreachSince, r.HandoverSince = stamp(now), nil, nil, nil, nil
	if r.Away != nil && r.Away.Until == nil {
		r.Away.Until = stamp(now)
	}
	if m.share > r.PeakWeight.Millionths() {
		r.PeakWeight = r.Weight
	}
	r.Weights = append(r.Weights, m.written(r, o))
	r.Weights = r.Weights[max(0, len(r.Weights)-mostWeights):]
}

// written is the weight of a move that was taken into the record, and what it rests on.
func (m move) written(r *v1alpha1.Release, o Observation) v1alpha1.WrittenWeight {
	w := v1alpha1.WrittenWeight{Weight: r.Weight, Step: m.step, At: *r.StepStartedAt, Reason: m.reason, Objectives: objectivesNow(o.Evidence),
		Hold: v1alpha1.DurationOf(holdOf(r, o.Bounds))}
	if m.reason == v1alpha1.WeightCommanded {
		w.By = o.Wanted.Command.By
		if !o.cleared() {
			m.why += "; the evidence had not cleared it"
		}
		if why := o.Wanted.Command.Why; why != "" {
			m.why += ": " + why
		}
	}
	w.Message = truncate(m.why, mostWhy)
	return w
}

// byProof says whether the evidence chooses the weights between the plan's steps.
func byProof(r *v1alpha1.Release) bool { return r.Plan.Pace.Type == v1alpha1.PaceProof }

func budget(r *v1alpha1.Release) float64 {
	if n := r.Plan.Pace.FailedRequests; n > 0 {
		return float64(n)
	}
	return usualFailures
}

// Ask is the question that the evidence has to answer for the present weight of a running release. The rate of a Pace is for
// who counts to fill in.
func Ask(r *v1alpha1.Release) evidence.Question {
	step, ok := r.NextStop()
	if !ok {
		return evidence.Question{NextWeight: 1, Promote: true}
	}
	q := evidence.Question{NextWeight: r.Plan.Steps[step-1].Weight.Fraction()}
	if byProof(r) && r.Step > 0 {
		q.Pace = &evidence.Pace{Weight: r.Weight.Fraction(), Failures: budget(r)}
	}
	return q
}

// next is the next larger weight: the plan's next step, or with Proof as much of the way to it as is proven; false at the last.
func (o Observation) next() (move, bool) {
	r := o.Release
	step, ok := r.NextStop()
	if !ok {
		return move{}, false
	}
	stop := populationOf(r.Plan.Steps[step-1]).Share
	m := move{step: step, stop: stop, share: stop, why: fmt.Sprintf("step %d of %d", step, len(r.Plan.Steps)), reason: v1alpha1.WeightProven}
	switch {
	case o.leaving():
		m.reason = v1alpha1.WeightCommanded
	case r.Step == 0:
		m.reason = v1alpha1.WeightPlanned
	}
	if o.commanded(promoteFull) {
		m.step, m.stop, m.share = int32(len(r.Plan.Steps)), v1alpha1.Whole, v1alpha1.Whole
		m.why = o.provenOr("")
		return m, true
	}
	if !byProof(r) || o.commanded(promote) {
		return m, true
	}
	if r.Step == 0 {
		return m.capped(first(r, o.baseRate()), costs(r, o.baseRate())), true
	}
	share := o.provenWeight()
	if affordable := o.affordable(); affordable > share {
		m.reason = v1alpha1.WeightPlanned
		return m.capped(affordable, costs(r, o.Evidence.Rate)), true
	}
	if share < o.growth() {
		return m.capped(max(twoDigits(share), r.Weight.Millionths()+1), fmt.Sprintf("the most of which it is proven that it costs no more than %.0f failed requests", budget(r))), true
	}
	return m.capped(share, "proven, and at most five times the last weight at once"), true
}

// provenWeight is the largest weight that is proven. A little is added before rounding down: 57% must not become 56.9999%.
func (o Observation) provenWeight() int64 {
	return int64(o.Evidence.Verdict.NextWeight*v1alpha1.Whole + 1e-3)
}

// twoDigits keeps two digits of a weight that nobody wrote: 0.12%, not 0.1251%.
func twoDigits(share int64) int64 {
	unit := int64(1)
	for share/unit >= 100 {
		unit *= 10
	}
	return share / unit * unit
}

// proven says whether the counts clear a next move.
func (o Observation) proven() bool {
	if _, more := o.Release.NextStop(); more && byProof(o.Release) && o.provenWeight() <= o.Release.Weight.Millionths() {
		return false
	}
	return o.Evidence.Verdict.Cleared
}

// costs says why a weight needs no proof.
func costs(r *v1alpha1.Release, rate float64) string {
	if rate <= 0 {
		return "the least there is, for there was no traffic to choose it by"
	}
	return fmt.Sprintf("so little that a version which fails every request costs about %.0f of them at %.3g requests/s", budget(r), rate)
}

// growth is about the largest weight the evidence gives at once.
func (o Observation) growth() int64 { return o.Release.Weight.Millionths()*5 - 1 }

// capped is the move, only as far as a share that is below its stop.
func (m move) capped(share int64, why string) move {
	if share < m.stop {
		m.share, m.why = share, fmt.Sprintf("on the way to %s; %s", m.why, why)
	}
	return m
}

// first is the weight of a release that nothing is proven of, at so many requests per second.
func first(r *v1alpha1.Release, rate float64) int64 {
	stop := populationOf(r.Plan.Steps[0]).Share
	if !byProof(r) {
		return stop
	}
	return min(stop, max(1, twoDigits(int64(evidence.FirstWeight(rate, budget(r), finest)*v1alpha1.Whole+0.5))))
}

// affordable is the weight that needs no proof, because at the present traffic it costs no more than the budget of failed requests;
// 0 when it is not worth a move. It grows when the traffic becomes less.
func (o Observation) affordable() int64 {
	if !byProof(o.Release) || o.Release.Step != 1 || o.Evidence.Rate <= 0 {
		return 0
	}
	if share := first(o.Release, o.Evidence.Rate); share >= worthwhile*o.Release.Weight.Millionths() {
		return share
	}
	return 0
}

// baseRate is the Service's traffic before the release, in requests per second.
func (o Observation) baseRate() float64 {
	if b := o.baseline(); b != nil {
		return b.Rate()
	}
	return 0
}

// baseline is what is known of the stable's past; nil while it is being asked for.
func (o Observation) baseline() *v1alpha1.Baseline {
	if o.Release.Baseline != nil {
		return o.Release.Baseline
	}
	return o.Evidence.Baseline
}

// hold is how long the present weight has to be covered by counts: between the plan's steps as long as an evidence tick.
func (o Observation) hold() time.Duration { return holdOf(o.Release, o.Bounds) }

func holdOf(r *v1alpha1.Release, b Bounds) time.Duration {
	step := r.Plan.Steps[r.Step-1]
	if r.OnTheWay() {
		return min(step.Hold.Duration(), b.Between)
	}
	return step.Hold.Duration()
}

// wanting says how many requests are missing to prove the next weight, and how long they take to come.
func (o Observation) wanting() string {
	r, missing := o.Release, o.Evidence.Verdict.Missing
	text := fmt.Sprintf("not proven yet for more than %s: %d more good requests of the canary would do", r.Weight, missing)
	if left, known := o.proofIn(); known {
		text += fmt.Sprintf(", which come in about %s at the present traffic", left.Round(time.Second))
	} else if o.silent() {
		text += fmt.Sprintf("; no request has come for %s", o.Evidence.Silence.Round(time.Second))
	}
	return text + slower(r.Baseline)
}

// proofIn is how long the good requests that the next weight lacks take to be proof at the present traffic; false when nothing tells, as when the
// traffic stopped, or when something that carried it is gone.
func (o Observation) proofIn() (time.Duration, bool) {
	if o.silent() || len(o.Routes.Gone) > 0 {
		return 0, false
	}
	return o.Evidence.Verdict.ProofIn(o.Evidence.Rate * o.Release.Weight.Fraction())
}

// silent says that requests have stopped: at the rate of the last minutes so many would have come since the last one that none is chance once
// in exp(5), some 150 times.
func (o Observation) silent() bool { return o.Evidence.Rate*o.Evidence.Silence.Seconds() >= 5 }

// NextAt is about when the release goes on, after a decision to wait for time or proof alone: when the hold is over and the proof is there,
// whichever comes later, at the present traffic. It is nil where anything else is waited for, and where nothing tells how long.
func NextAt(o Observation, d Decision, now time.Time) *metav1.Time {
	v := o.Evidence.Verdict
	switch {
	case d.Reason != v1alpha1.ReasonHolding && d.Reason != v1alpha1.ReasonNotCleared, o.suspicious(), v.Shared:
		return nil
	case !o.running(), o.Release.Step == 0, o.Release.SettledAt == nil, o.silent():
		return nil
	}
	wait := max(o.hold()-v.Covered, 0)
	if wait > 0 {
		wait += v.Warmup // in which nothing counts as held
	}
	if !o.proven() {
		proof, known := o.proofIn()
		if !known {
			return nil
		}
		wait = max(wait, proof)
	}
	return stamp(now.Add(wait))
}
