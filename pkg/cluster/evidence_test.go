package cluster_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

func TestWhatARecordWantsCounted(t *testing.T) {
	p := inTheMiddle("shop")
	v := cluster.Observe(p.objects(), settings(), noon)
	ticks := cluster.Ticks{Fast: 15 * time.Second, Slow: time.Minute}
	if f := cluster.Follow(v, nil, ticks); f != (cluster.Following{}) {
		t.Errorf("without a record: %+v", f)
	}
	rec := p.shift.Status.Release
	f := cluster.Follow(v, rec, ticks)
	if f.Release != 3 || f.Count == nil || f.Suspect != nil || !f.Weight.WrittenAt.Equal(rec.StepStartedAt.Time) || f.Weight.Alone {
		t.Fatalf("of a running release: %+v", f)
	}
	if want := (counting.Service{Namespace: "shop", Name: "web-canary"}); f.Count.Canary != want || !f.Count.PastKnown || f.Count.Config.Fast != ticks.Fast {
		t.Errorf("counts %+v", f.Count)
	}
	away := rec.DeepCopy()
	away.Step, away.Weight, away.Away = 0, "0%", &v1alpha1.Away{Since: metav1.NewTime(noon), Times: 1}
	away.Weights = []v1alpha1.WrittenWeight{{Weight: "100%", Step: 1, At: *rec.StepStartedAt}}
	if w := cluster.Follow(v, away, ticks).Weight; w.AwayFrom.After(noon) || w.AwayFrom.IsZero() || !w.AwayUntil.IsZero() || !w.Alone || w.Move != rec.Moves {
		t.Errorf("of one whose pods are away: %+v", w)
	}
	if len(f.Count.ClientErrors.Objectives) != 1 || f.Count.ClientErrors.Slow != ticks.Fast {
		t.Errorf("client errors are not compared: %+v", f.Count.ClientErrors)
	}
	ignoring := rec.DeepCopy()
	ignoring.Plan.ClientErrors = v1alpha1.ClientErrorsIgnore
	if f := cluster.Follow(v, ignoring, ticks); len(f.Count.ClientErrors.Objectives) > 0 {
		t.Errorf("the policy ignores client errors: %+v", f.Count.ClientErrors)
	}
	chosen := rec.DeepCopy()
	chosen.Baseline.Tick = "5s"
	if c := cluster.Follow(v, chosen, ticks).Count.Config; c.Fast != 5*time.Second || c.Slow != 5*time.Second {
		t.Errorf("the ticks that were chosen are %s and %s long", c.Fast, c.Slow)
	}
	taken := rec.DeepCopy()
	taken.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryWorseThanStable}
	taken.Objectives = []v1alpha1.ObjectiveStatus{{Name: "availability", Against: "250"}}
	if f := cluster.Follow(v, taken, ticks); f.Count != nil || f.Suspect == nil || f.Suspect.ReplicaSet != p.canary.Name {
		t.Errorf("of one that is taken back for its counts: %+v", f)
	}
	taken.Outcome.Reason = v1alpha1.ReasonCommanded
	if f := cluster.Follow(v, taken, ticks); f.Count != nil || f.Suspect != nil {
		t.Errorf("of one that a person takes back: %+v", f)
	}
}

func TestThePodsOfARunningCanaryAreSuspectedBeforeItIsTakenBack(t *testing.T) {
	p := inTheMiddle("shop")
	v, rec := cluster.Observe(p.objects(), settings(), noon), p.shift.Status.Release
	of := func(change func(*evidence.ObjectiveVerdict), excused *v1alpha1.Excused) *cluster.Suspicion {
		o := evidence.ObjectiveVerdict{Name: "availability", Against: 0.5}
		change(&o)
		v.Facts.Evidence.Verdict = evidence.Verdict{Objectives: []evidence.ObjectiveVerdict{o}, Suspicious: o.Against >= 10}
		rec := rec.DeepCopy()
		rec.Excused = excused
		f := cluster.Follow(v, rec, cluster.Ticks{})
		if f.Weight.Excused != excused.Turns() {
			t.Errorf("excused %d times, the loop is told %d", excused.Turns(), f.Weight.Excused)
		}
		return f.Suspect
	}
	well := func(*evidence.ObjectiveVerdict) {}
	want := cluster.Suspicion{Stable: v.Arms[0], Canary: v.Arms[1], ReplicaSet: p.canary.Name, Since: rec.StartedAt.Time, Running: true}
	until := metav1.NewTime(noon)
	for name, x := range map[string]struct {
		suspect *cluster.Suspicion
		want    bool
	}{
		"well":           {of(well, nil), false},
		"alarming":       {of(func(o *evidence.ObjectiveVerdict) { o.Alarm = true }, nil), true},
		"suspicious":     {of(func(o *evidence.ObjectiveVerdict) { o.Against = 20 }, nil), true},
		"excused":        {of(well, &v1alpha1.Excused{Objective: "availability", Times: 1}), true},
		"excused before": {of(well, &v1alpha1.Excused{Objective: "availability", Times: 1, Until: &until}), false},
	} {
		if (x.suspect != nil) != x.want || x.want && *x.suspect != want {
			t.Errorf("%s: %+v", name, x.suspect)
		}
	}
}

func TestWhatAReadingSaysToTheRules(t *testing.T) {
	at := metav1.NewTime(noon.Add(-time.Minute))
	arms := func(canary, stable float64) evidence.Arms {
		return evidence.Arms{Canary: evidence.Counts{Requests: canary}, Stable: evidence.Counts{Requests: stable}}
	}
	cases := map[string]struct {
		settled *metav1.Time
		reading cluster.Reading
		known   bool
		want    release.Evidence
	}{
		"nothing is counted yet": {nil, cluster.Reading{}, false,
			release.Evidence{Share: -1, Reason: v1alpha1.ReasonPending, Message: "counting has not begun yet"}},
		"with remarks and client errors": {nil, cluster.Reading{Fresh: true, Remarks: []string{"b is left out"}, ClientErrors: release.ClientErrors{Differ: true}}, true,
			release.Evidence{Fresh: true, Share: -1, Remarks: []string{"b is left out"}, ClientErrors: release.ClientErrors{Differ: true}}},
		"without traffic": {nil, cluster.Reading{Fresh: true, Seen: true}, true, release.Evidence{Fresh: true, Seen: true, Share: -1}},
		"as wanted":       {nil, cluster.Reading{Since: arms(250, 750)}, true, release.Evidence{Share: 250_000, Requests: 1000, Agreement: release.AgreementYes}},
		"more than wanted": {nil, cluster.Reading{Since: arms(500, 500)}, true,
			release.Evidence{Share: 500_000, Requests: 1000, Agreement: release.AgreementNo}},
		"as wanted of late": {&at, cluster.Reading{Since: arms(500, 500), Lately: arms(25, 75)}, true,
			release.Evidence{Share: 250_000, Requests: 100, Agreement: release.AgreementYes}},
	}
	for name, c := range cases {
		rec := inTheMiddle("shop").shift.Status.Release
		rec.SettledAt = c.settled
		if d := cmp.Diff(c.want, cluster.EvidenceOf(rec, c.reading, c.known, noon)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		rec.Outcome = &v1alpha1.Outcome{}
		lately := int64(-1) // which is still measured while the last requests end
		if c.reading.Lately.Canary.Requests > 0 {
			lately = 250_000
		}
		if e := cluster.EvidenceOf(rec, c.reading, c.known, noon); e.Fresh || e.Share != lately || e.Agreement != release.AgreementUnknown {
			t.Errorf("%s, of a release that has its outcome: %+v", name, e)
		}
		rec.State = v1alpha1.StateAborted
		if e := cluster.EvidenceOf(rec, c.reading, c.known, noon); e.Share != -1 {
			t.Errorf("%s, of a release that has ended: %+v", name, e)
		}
	}
}

// Levers wait for nothing; of other writes each needs those of the actions before it, and not those of its own.
func TestWhatAWriteNeeds(t *testing.T) {
	p := inTheMiddle("shop")
	p.routes = append(p.routes, p.split("other", 250_000))
	p.service.Spec.Selector["pod-template-hash"], p.service.Labels[v1alpha1.NarrowedLabel] = p.shift.Status.Release.Revision, p.shift.Status.Release.Revision
	v := cluster.Observe(p.objects(), settings(), noon)
	of := func(d release.Decision) (needs []int) {
		for _, w := range cluster.Plan(v, d) {
			needs = append(needs, w.Needs)
		}
		return needs
	}
	rec := p.shift.Status.Release
	back := release.Decision{Levers: []release.Action{{Verb: release.AbortService, Hash: "old"}, {Verb: release.AbortRoutes}, {Verb: release.Narrow, Hash: "old"}}, Release: rec}
	if d := cmp.Diff([]int{0, 0, 0, 0}, of(back)); d != "" {
		t.Errorf("levers need (-want +got):\n%s", d)
	}
	on := release.Decision{Actions: []release.Action{{Verb: release.Save}, {Verb: release.RestoreRoutes}, {Verb: release.Widen}}, Release: rec}
	if d := cmp.Diff([]int{0, 1, 1, 3}, of(on)); d != "" {
		t.Errorf("other writes need (-want +got):\n%s", d)
	}
	w := cluster.Write{Needs: 2}
	if !w.Due(nil) || !w.Due([]int{2}) || w.Due([]int{1}) {
		t.Error("a write is due when those that it needs have not failed")
	}
}

// A release that is judged is counted on for its record until that is final: as Met, which is no verdict.
func TestWhatIsJudgedIsCountedForTheRecordAlone(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	until := metav1.NewMicroTime(at.Time)
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	v := cluster.Observe(cluster.Objects{Shift: shift}, cluster.Settings{}, at.Time)
	for name, c := range map[string]struct {
		state   v1alpha1.ReleaseState
		counted v1alpha1.Counted
		want    bool
	}{
		"being taken back":             {v1alpha1.StateDraining, v1alpha1.Counted{Until: &until}, true},
		"over":                         {v1alpha1.StateAborted, v1alpha1.Counted{Until: &until, End: &until}, true},
		"over, and counted":            {v1alpha1.StateAborted, v1alpha1.Counted{Until: &until, End: &until, Final: true}, false},
		"over, and never had a weight": {v1alpha1.StateAborted, v1alpha1.Counted{}, false},
	} {
		rec := &v1alpha1.Release{Number: 7, State: c.state, StepStartedAt: &at, Counted: c.counted, Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted}}
		f := cluster.Follow(v, rec, cluster.Ticks{})
		if (f.Count != nil) != c.want || c.want && (!f.Count.Over || f.Weight.WrittenAt.IsZero() || f.Count.End.IsZero() != (c.counted.End == nil)) {
			t.Errorf("%s: %+v", name, f.Count)
		}
		r := cluster.Reading{Counted: at.Time, AllIn: true, Verdict: evidence.Verdict{State: evidence.Breach, Exposed: evidence.Counts{Requests: 535}}}
		e := cluster.EvidenceOf(rec, r, true, at.Time)
		if e.Verdict.State != "" || e.Met == nil || e.Met.Exposed.Requests != 535 || !e.AllIn || !e.Counted.Equal(at.Time) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
