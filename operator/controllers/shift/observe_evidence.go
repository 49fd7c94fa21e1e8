package shift

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
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
	if !f.running() || rec.Outcome != nil {
		r.Loop.Forget(key)
		return
	}
	t := r.counted(f, key)
	err := r.Loop.Track(t)
	if err != nil && t.Checkpoint != "" { // what cannot be read is not evidence: the tests of this step begin again
		t.Checkpoint = ""
		err = r.Loop.Track(t)
	}
	if err != nil {
		f.o.Evidence.Reason, f.o.Evidence.Message = v1alpha1.ReasonNoData, err.Error()
		return
	}
	if rec.Step > 0 && rec.StepStartedAt != nil {
		r.Loop.Weight(key, weightOf(rec))
	}
	reading, ok := r.Loop.Reading(key, release.Ask(rec))
	if !ok {
		return
	}
	f.reading = reading
	f.o.Evidence = release.Evidence{
		Fresh: reading.Fresh, Reason: reading.Reason, Message: reading.Message, Seen: reading.Seen, Verdict: reading.Verdict, Share: -1,
	}
	if rec.Step > 0 {
		r.share(f)
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
		f.o.Evidence.Share = int64(canary / total * v1alpha1.Whole)
	}
}

// weightOf is the weight of the record as the loop knows it.
func weightOf(rec *v1alpha1.Release) evidence.Weight {
	w := evidence.Weight{
		Share: rec.Weight.Fraction(), WrittenAt: rec.StepStartedAt.Time, Step: rec.Step, StepsBack: rec.StepsBack,
		Alone: rec.Weight.Millionths() >= v1alpha1.Whole || rec.State == v1alpha1.StateHandover,
	}
	if rec.SettledAt != nil {
		w.SettledAt = &rec.SettledAt.Time
	}
	return w
}

// counted is the release as the loop knows it.
func (r *reconciler) counted(f *facts, key types.NamespacedName) evidence.Target {
	rec := f.o.Release
	t := evidence.Target{Key: key, Release: rec.Number, Stable: f.target.Service, Canary: f.target.Canary, Config: r.tests(rec.Plan), Checkpoint: rec.Evidence}
	if rec.Step > 0 && rec.StepStartedAt != nil {
		t.From = rec.StepStartedAt.Time
	}
	return t
}

// tests are the sequential tests of a plan.
func (r *reconciler) tests(plan v1alpha1.ShiftPolicySpec) pkgevidence.Config {
	c := pkgevidence.Config{
		FalseAbort: plan.Confidence.FalseAbort.Fraction(), FalsePromote: plan.Confidence.FalsePromote.Fraction(),
		Fast: r.FastTick, Slow: r.SlowTick, Warmup: plan.Warmup.Duration(),
	}
	if ratio, err := strconv.ParseFloat(plan.Tolerance, 64); err == nil {
		c.Ratio = ratio
	}
	for _, o := range plan.Objectives {
		c.Objectives = append(c.Objectives, pkgevidence.Objective{Name: o.Name, Limit: float64(v1alpha1.Whole-o.Target.Millionths()) / v1alpha1.Whole})
	}
	return c
}
