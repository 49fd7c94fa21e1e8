package cluster

import (
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// driftAfter is how long a weight must have been live before the traffic of the last half minute alone is compared with it.
const driftAfter = 45 * time.Second

// EvidenceOf is what a Reading says to the rules. Known says that the release is counted; else only the pods of a suspicion count.
func EvidenceOf(rec *v1alpha1.Release, r Reading, known bool, now time.Time) release.Evidence {
	e := release.Evidence{Share: -1, Pods: r.Pods}
	switch {
	case !rec.Running() || rec.Outcome != nil:
		if known {
			e.Met, e.Checkpoint, e.Counted, e.Gaps, e.AllIn = &r.Verdict, r.Checkpoint, r.Counted, r.Gaps, r.AllIn
			if rec.Running() {
				e.Share, e.Requests = shareOf(r.Lately)
			}
		}
		return e
	case !known:
		e.Reason, e.Message = v1alpha1.ReasonPending, "counting has not begun yet"
		return e
	}
	e = release.Evidence{
		Fresh: r.Fresh, Reason: r.Reason, Message: r.Message, Seen: r.Seen, Verdict: r.Verdict, Share: -1,
		Rate: r.Rate, Silence: r.Silence, Baseline: baselineOf(rec, r.Past), Checkpoint: r.Checkpoint, Pods: r.Pods,
		ClientErrors: r.ClientErrors, Remarks: r.Remarks, OneStatus: r.OneStatus, Counted: r.Counted, Gaps: r.Gaps,
	}
	if rec.Step > 0 {
		compare(rec, r, &e, now)
	}
	return e
}

// compare compares the canary's part of the counted requests with the weight.
func compare(rec *v1alpha1.Release, r Reading, e *release.Evidence, now time.Time) {
	seen := r.Since
	if rec.SettledAt != nil && now.Sub(rec.SettledAt.Time) > driftAfter {
		seen = r.Lately // what came before the weight was live says nothing about it any more
	}
	switch routing.Agrees(rec.Weight.Fraction(), seen.Canary.Requests, seen.Canary.Requests+seen.Stable.Requests) {
	case routing.Yes:
		e.Agreement = release.AgreementYes
	case routing.No:
		e.Agreement = release.AgreementNo
	}
	e.Share, e.Requests = shareOf(seen)
}

// shareOf is the canary's part of some requests, in millionths, and how many they are; -1 where there are none.
func shareOf(seen evidence.Arms) (share int64, requests float64) {
	if requests = seen.Canary.Requests + seen.Stable.Requests; requests <= 0 {
		return -1, 0
	}
	return int64(seen.Canary.Requests / requests * v1alpha1.Whole), requests
}

// baselineOf is what was heard of the stable's past, for the record; nil while nothing was.
func baselineOf(rec *v1alpha1.Release, past *Past) *v1alpha1.Baseline {
	if past == nil {
		return nil
	}
	b := &v1alpha1.Baseline{RequestsPerSecond: release.Short(past.Rate), History: v1alpha1.DurationOf(past.Span)}
	if past.Tick > 0 {
		b.Tick = v1alpha1.DurationOf(past.Tick)
	}
	for i, o := range rec.Plan.Objectives[:min(len(rec.Plan.Objectives), len(past.Objectives))] {
		b.Objectives = append(b.Objectives, past.Objectives[i].Of(o.Name))
	}
	return b
}

// Ticks are the lengths of the evidence ticks. Urgent says that the proxies are read too, by whose urgent lanes a release may be aborted.
type Ticks struct {
	Fast, Slow time.Duration
	Urgent     bool
}

// Follow is what a record wants counted: the requests of a release until the last that met its canary is counted, the pods of one that was
// taken back for its counts, or nothing. The record is the one that was written.
func Follow(v *View, rec *v1alpha1.Release, t Ticks) Following {
	if rec == nil {
		return Following{}
	}
	f := Following{Release: rec.Number}
	f.Suspect = suspicion(v, rec)
	if rec.State.Ended() || rec.Outcome != nil {
		if rec.Counted.Until == nil || rec.Counted.Final {
			return f
		}
	}
	f.Count = target(v, rec, t)
	if rec.StepStartedAt != nil {
		f.Weight = weightOf(rec)
	}
	return f
}

// CountedUntil is up to when the requests of a running release are counted by its record; false where no evidence is waited for: it has no traffic yet,
// or is judged.
func CountedUntil(rec *v1alpha1.Release) (time.Time, bool) {
	switch {
	case !rec.Running() || rec.Outcome != nil || rec.StepStartedAt == nil:
		return time.Time{}, false
	case rec.Counted.Until != nil:
		return rec.Counted.Until.Time, true
	}
	return rec.StepStartedAt.Time, true
}

// suspicion asks whether one pod is to blame for an abort, or for what may come to one; nil when nobody can tell.
func suspicion(v *View, rec *v1alpha1.Release) *Suspicion {
	objective, ok := release.Suspected(rec, v.Facts.Evidence.Verdict)
	if !ok || v.Canary == nil || rec.Plan.Objectives[objective].Indicator == v1alpha1.IndicatorCustom {
		return nil
	}
	return &Suspicion{
		Stable: v.Arms[0], Canary: v.Arms[1], ReplicaSet: v.Canary.Name, Objective: objective, Indicator: counting.IndicatorOf(rec.Plan.Objectives[objective]),
		Since: rec.StartedAt.Time, Running: rec.Outcome == nil,
	}
}

// weightOf is the weight of the record.
func weightOf(rec *v1alpha1.Release) Weight {
	weight := rec.Weight
	if n := len(rec.Weights); rec.Step == 0 && n > 0 {
		weight = rec.Weights[n-1].Weight // the canary's pods are away: what is still to be counted came before that
	}
	w := Weight{
		WrittenAt: rec.StepStartedAt.Time, Move: rec.Moves, Excused: rec.Excused.Turns(), Braked: release.Braked(rec),
		Alone: weight.Millionths() >= v1alpha1.Whole || rec.State == v1alpha1.StateHandover,
	}
	if rec.SettledAt != nil {
		w.SettledAt = &rec.SettledAt.Time
	}
	if away := rec.Away; away != nil {
		w.AwayFrom = away.Since.Add(-release.Rounding)
		if away.Until != nil {
			w.AwayUntil = away.Until.Time
		}
	}
	return w
}

// target is what is to be counted of a release.
func target(v *View, rec *v1alpha1.Release, ticks Ticks) *Target {
	t := &Target{
		Stable: v.Arms[0], Canary: v.Arms[1],
		Config: evidence.ConfigOf(rec.Plan, rec.Baseline), PastKnown: rec.Baseline != nil, Checkpoint: rec.Evidence,
	}
	t.Config.Fast, t.Config.Slow, t.Config.Urgent = ticks.Fast, ticks.Slow, ticks.Urgent
	if rec.Baseline != nil {
		t.Config = t.Config.WithTick(rec.Baseline.Tick.Duration())
	}
	if rec.Plan.ClientErrors != v1alpha1.ClientErrorsIgnore {
		t.ClientErrors = evidence.ClientErrors(rec.Plan)
		// It only holds, so it may be quick: a raise must not come before it.
		t.ClientErrors.Fast, t.ClientErrors.Slow = ticks.Fast, ticks.Fast
	}
	for _, o := range rec.Plan.Objectives {
		t.Indicators = append(t.Indicators, counting.IndicatorOf(o))
	}
	if rec.StepStartedAt != nil {
		t.From = rec.StepStartedAt.Time
	}
	t.Over, t.Gaps = rec.State.Ended() || rec.Outcome != nil, rec.Counted.Gaps
	if end := rec.Counted.End; end != nil {
		t.End = end.Time
	}
	return t
}
