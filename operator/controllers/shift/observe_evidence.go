package shift

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// driftAfter is how long a weight must have been live before the traffic of the last half minute alone is compared with it.
const driftAfter = 45 * time.Second

// evidence tells the loop what the record says, and takes what the counts say. A release that cannot be counted has no evidence.
func (r *reconciler) evidence(f *facts) {
	key := client.ObjectKeyFromObject(f.shift)
	f.o.Evidence.Share = -1
	rec := f.o.Release
	r.Loop.Follow(key, r.following(f))
	if rec == nil {
		return
	}
	reading, counted := r.Loop.Reading(key, rec.Number, release.Ask(rec))
	f.o.Evidence.Pods = reading.Pods
	if !counted {
		return
	}
	f.reading = reading
	f.o.Evidence = release.Evidence{
		Fresh: reading.Fresh, Reason: reading.Reason, Message: reading.Message, Seen: reading.Seen, Verdict: reading.Verdict, Share: -1,
		Rate: reading.Rate, Baseline: baseline(rec, reading.Past), Checkpoint: reading.Checkpoint,
	}
	if rec.Step > 0 {
		r.share(f)
	}
}

// following is what the record wants of the loop: the counts of a release that runs, the pods of one that was taken back for its
// counts, or nothing.
func (r *reconciler) following(f *facts) evidence.Following {
	rec := f.o.Release
	if rec == nil {
		return evidence.Following{}
	}
	w := evidence.Following{Release: rec.Number}
	if !f.running() || rec.Outcome != nil {
		w.Suspect = suspicion(f)
		return w
	}
	w.Count = r.counted(f)
	if rec.Step > 0 && rec.StepStartedAt != nil {
		w.Weight = weightOf(rec)
	}
	return w
}

// suspicion asks whether one pod is to blame for an abort; nil when nobody can tell.
func suspicion(f *facts) *evidence.Suspicion {
	rec := f.o.Release
	objective, ok := release.Suspected(rec)
	if !ok || f.canary == nil || rec.Plan.Objectives[objective].Indicator == v1alpha1.IndicatorCustom {
		return nil
	}
	return &evidence.Suspicion{
		ReplicaSet: f.canary.Name, Since: rec.StartedAt.Time,
		Indicator: counting.IndicatorOf(rec.Plan.Objectives[objective]),
	}
}

// share compares the canary's part of the counted requests with the weight.
func (r *reconciler) share(f *facts) {
	rec, seen := f.o.Release, f.reading.Since
	if rec.SettledAt != nil && r.clock.Since(rec.SettledAt.Time) > driftAfter {
		seen = f.reading.Lately // what came before the weight was live says nothing about it any more
	}
	canary, total := seen.Canary.Requests, seen.Canary.Requests+seen.Stable.Requests
	switch routing.Agrees(rec.Weight.Fraction(), canary, total) {
	case routing.Yes:
		f.o.Evidence.Agreement = release.AgreementYes
	case routing.No:
		f.o.Evidence.Agreement = release.AgreementNo
	}
	if total > 0 {
		f.o.Evidence.Share, f.o.Evidence.Requests = int64(canary/total*v1alpha1.Whole), total
	}
}

// weightOf is the weight of the record as the loop knows it.
func weightOf(rec *v1alpha1.Release) evidence.Weight {
	w := evidence.Weight{
		WrittenAt: rec.StepStartedAt.Time, Move: rec.Moves,
		Alone: rec.Weight.Millionths() >= v1alpha1.Whole || rec.State == v1alpha1.StateHandover,
	}
	if rec.SettledAt != nil {
		w.SettledAt = &rec.SettledAt.Time
	}
	return w
}

// counted is the release as the loop counts it.
func (r *reconciler) counted(f *facts) *evidence.Target {
	rec := f.o.Release
	t := &evidence.Target{
		Stable: f.countedAs[0], Canary: f.countedAs[1],
		Config: pkgevidence.ConfigOf(rec.Plan, rec.Baseline), PastKnown: rec.Baseline != nil, Checkpoint: rec.Evidence,
	}
	t.Config.Fast, t.Config.Slow = r.FastTick, r.SlowTick
	for _, o := range rec.Plan.Objectives {
		t.Indicators = append(t.Indicators, counting.IndicatorOf(o))
	}
	if rec.Step > 0 && rec.StepStartedAt != nil {
		t.From = rec.StepStartedAt.Time
	}
	return t
}

// baseline is what the loop heard of the stable's past, for the record; nil while it has not.
func baseline(rec *v1alpha1.Release, past *evidence.Past) *v1alpha1.Baseline {
	if past == nil {
		return nil
	}
	b := &v1alpha1.Baseline{RequestsPerSecond: release.Short(past.Rate), History: v1alpha1.DurationOf(past.Span)}
	for i, o := range rec.Plan.Objectives[:min(len(rec.Plan.Objectives), len(past.Objectives))] {
		p := past.Objectives[i]
		b.Objectives = append(b.Objectives, v1alpha1.BaselineObjective{
			Name: o.Name, Phi: release.Short(p.Phi), Counts: v1alpha1.ArmCounts{Requests: int64(p.Counts.Requests), Bad: int64(p.Counts.Bad)},
		})
	}
	return b
}
