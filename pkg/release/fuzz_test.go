package release_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// dice makes facts of bytes.
type dice struct{ chance.Dice }

func (d *dice) yes() bool { return d.N(2) == 1 }

func (d *dice) time() *metav1.Time {
	if d.yes() {
		return nil
	}
	return release.Stamp(epoch.Add(-time.Duration(d.N(200)) * 7 * time.Second))
}

func (d *dice) set(names ...string) release.Set {
	hash := chance.Pick(d, names...)
	if hash == "" {
		return release.Set{}
	}
	return release.Set{Name: "web-" + hash, Hash: hash, Replicas: int32(d.N(6)), Available: int32(d.N(6)), Pods: int32(d.N(6)), Serving: int32(d.N(6))}
}

// observation is any combination of facts, possible or not.
func (d *dice) observation() release.Observation {
	o := release.Observation{Refused: chance.Pick(d, "", "v2", "v3"), Bounds: release.Bounds{Push: 10 * time.Second, Settle: time.Minute}}
	o.Wanted = release.Wanted{Managed: d.N(8) > 0, Paused: d.N(8) == 1, Policy: "standard", Plan: chance.Pick(d, release.PlanOf("1%/1m", "100%/1m"), release.PlanOf("100%/0s"), nil)}
	o.Wanted.Problem = chance.Pick(d, nil, nil, nil, nil, &release.Problem{Reason: v1alpha1.ReasonInvalid, Message: "no", Gone: d.yes(), Transient: d.yes()})
	if text := chance.Pick(d, "", "", "abort 1 a", "retry 1 b", "promote 1 c", "promote 1 d why", "promote 2 e why", "x"); text != "" {
		o.Wanted.Command = release.ParseCommand(text, "")
	}
	o.Workload = release.Workload{
		Deployment: chance.Pick(d, "web", "web", ""), Replicas: int32(d.N(6)), Template: chance.Pick(d, "v2", "v1", "v3", ""), Waits: d.yes(), Held: d.yes(),
		Paused: d.yes(), PausedBefore: d.yes(), Mode: chance.Pick(d, release.HoldOnChange, release.HoldAlways, release.HoldUnknown), Stable: d.set("v1", "v1", ""), Canary: d.set("v2", "v2", "v3", ""),
		HandedOver: d.N(5) == 1, Rogue: chance.Pick(d, "", "", "web-x"), Twin: chance.Pick(d, "", "web-old"), Crashing: chance.Pick(d, "", "", "", "app crashes"),
		Obstacle: chance.Pick(d, "", "quota"),
	}
	o.Service = release.Service{Exists: d.N(8) > 0, Narrowed: chance.Pick(d, "v1", "v2", ""), Marked: d.yes()}
	o.Canary = release.Canary{Service: "web-canary", Exists: d.N(6) > 0, Selects: chance.Pick(d, "v2", "v1", ""), Aborted: d.N(6) == 1, Number: int64(d.N(3)),
		RulesDue: d.yes(), RuleExists: d.yes()}
	shares := []int64{0, 10_000, 10_000, 500_000, v1alpha1.Whole}
	o.Routes = release.Routes{MakeOne: d.yes(), OneMade: d.yes(), Lowest: chance.Pick(d, shares...), Highest: chance.Pick(d, shares...), Marked: d.yes(), AbortOpen: d.N(3) > 0, AbortFound: d.yes()}
	o.Routes.Foreign = chance.Pick(d, nil, &release.Foreign{Route: "VirtualService web", Kind: "raised"})
	o.Evidence = release.Evidence{Fresh: d.N(4) > 0, Reason: chance.Pick(d, v1alpha1.ReasonCurrent, "", v1alpha1.ReasonStale), Seen: d.N(4) > 0,
		Agreement: chance.Pick(d, release.AgreementYes, release.AgreementUnknown, release.AgreementNo), Share: chance.Pick(d, shares...)}
	o.Evidence.Verdict = evidence.Verdict{State: chance.Pick(d, evidence.Undetermined, evidence.Healthy, evidence.Undetermined, evidence.Breach),
		Reason:     chance.Pick(d, evidence.CanaryBreachesSLO, evidence.CanaryWorseThanStable),
		Suspicious: d.N(5) == 1, Shared: d.N(5) == 1, Cleared: d.yes(), NextWeight: chance.Pick(d, 0, 0.0001, 0.03, 1.0), AloneBreach: d.N(8) == 1, Covered: time.Duration(d.N(100)) * time.Minute}
	o.Evidence.Pods = d.pods()
	o.Evidence.Rate = chance.Pick(d, 0, 2.0, 1e4)
	o.Evidence.Baseline = chance.Pick(d, nil, &v1alpha1.Baseline{RequestsPerSecond: "100"})
	seconds := release.Seconds{Objective: "availability", Of: 1 + d.N(5)}
	o.Direct = release.Direct{Off: d.N(8) == 1, Read: d.yes(), Trouble: chance.Pick(d, "", "refused"), Alarm: d.N(6) == 1, Told: d.yes(),
		Breach: chance.Pick(d, nil, nil, nil, nil, nil, nil, nil, &seconds), Brake: chance.Pick(d, nil, nil, nil, nil, &seconds),
		Agreement: chance.Pick(d, release.AgreementUnknown, release.AgreementYes, release.AgreementNo)}
	if d.N(8) > 0 {
		o.Release = d.release()
	}
	return o
}

// pods are what pods of the canary may report.
func (d *dice) pods() evidence.ByPod {
	p := evidence.ByPod{Known: d.yes(), Objective: d.N(4) / 3, Arms: evidence.Arms{Stable: evidence.Counts{Requests: 1000, Bad: float64(d.N(5))}}}
	for i := range d.N(4) {
		p.Pods = append(p.Pods, evidence.PodCounts{Pod: fmt.Sprint("pod-", i), Node: chance.Pick(d, "", "x", "y"), Counts: evidence.Counts{Requests: 100, Bad: chance.Pick(d, 0, 0, 1, 90.0)}})
	}
	return p
}

func (d *dice) release() *v1alpha1.Release {
	p := chance.Pick(d, release.PlanOf("1%/1m", "100%/1m"), release.PlanOf("100%/0s"), release.PlanOf("1%/0s", "50%/1m", "100%/10m"))
	p.Undetermined.Action = chance.Pick(d, v1alpha1.ActionHold, v1alpha1.ActionAbort)
	p.SharedBreach.Action = chance.Pick(d, v1alpha1.ActionHold, v1alpha1.ActionAbort)
	r := &v1alpha1.Release{
		Number: int64(1 + d.N(2)), Revision: chance.Pick(d, "v2", "v2", "v3"), Stable: chance.Pick(d, "v1", "v1", ""), Plan: *p, Step: int32(d.N(len(p.Steps) + 1)),
		State: chance.Pick(d, v1alpha1.StateShifting, v1alpha1.StateShifting, v1alpha1.StatePreparing, v1alpha1.StateHandover, v1alpha1.StateAborting, v1alpha1.StateDraining,
			v1alpha1.StateRestoring, v1alpha1.StatePromoted, v1alpha1.StateAborted),
		StepStartedAt: d.time(), SettledAt: d.time(), PodsAwaitedSince: d.time(), SharedBreachSince: d.time(), HandoverSince: d.time(),
		RestoringSince: d.time(), DrainUntil: d.time(), StepsBack: int32(d.N(7)), Brakes: int32(d.N(4)),
		Contested: v1alpha1.Contested{Routes: int32(d.N(8)), Selector: int32(d.N(8)), Since: d.time()},
		Workload:  v1alpha1.ReleaseWorkload{Deployment: "web", Base: int32(d.N(6))},
	}
	if since := d.time(); since != nil {
		r.Excused = &v1alpha1.Excused{Objective: p.Objectives[0].Name, Pod: "pod-1", Since: *since, Until: d.time(), Times: int32(1 + d.N(6))}
	}
	r.Weight = v1alpha1.PercentageOf(0)
	if r.Step > 0 {
		r.Weight = p.Steps[r.Step-1].Weight
		r.Plan.Pace.Type = chance.Pick(d, v1alpha1.PaceFixed, v1alpha1.PaceProof)
		if r.Plan.Pace.Type == v1alpha1.PaceProof && d.yes() {
			r.Weight = "0.02%"
		}
	}
	switch r.State {
	case v1alpha1.StatePromoted:
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted, Message: "done"}
	case v1alpha1.StateAborted, v1alpha1.StateAborting, v1alpha1.StateDraining, v1alpha1.StateRestoring:
		r.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "so be it",
			Refuse: chance.Pick(d, v1alpha1.RefuseNothing, v1alpha1.RefuseTemplate)}
	}
	return r
}

// FuzzDecide feeds Decide with facts that need not fit together. Whatever they are, it decides, twice the same, changes nothing it was
// given, and raises only when nothing speaks against it.
func FuzzDecide(f *testing.F) {
	for _, seed := range chance.Seeds(160) {
		f.Add(seed)
	}
	f.Fuzz(decideAnything)
}

// TestAnyFacts is FuzzDecide with dice of its own, so that every run throws some.
func TestAnyFacts(t *testing.T) {
	t.Parallel()
	chance.Throws(20_000, 120, func(bytes []byte) { decideAnything(t, bytes) })
}

func decideAnything(t *testing.T, bytes []byte) {
	t.Helper()
	d, again := dice{bytes}, dice{bytes}
	o, same := d.observation(), again.observation()
	got := release.Decide(o, epoch)
	if !reflect.DeepEqual(o, same) {
		t.Fatalf("rule %q changed the facts", got.Rule)
	}
	if !reflect.DeepEqual(got, release.Decide(same, epoch)) {
		t.Fatalf("rule %q decides otherwise the second time", got.Rule)
	}
	if got.Rule == "" || got.Reason == "" || got.Message == "" || got.String() == "" || len(got.LogValues())%2 != 0 {
		t.Fatalf("says nothing: %+v", got)
	}
	checkDecision(t, o, got)
	release.CheckConditions(t, "any facts", o, got)
}

// checkDecision are the promises that one decision alone can break.
func checkDecision(t *testing.T, o release.Observation, d release.Decision) {
	t.Helper()
	aborts := d.Release != nil && d.Release.Outcome != nil && d.Release.Outcome.Result == v1alpha1.StateAborted
	if cause(o) && !aborts {
		t.Fatalf("the facts ask for an abort: %s", d)
	}
	toCanary := func(a release.Action) bool {
		return a.Verb == release.Narrow && o.Release != nil && a.Hash == o.Release.Revision && o.Service.Narrowed != a.Hash
	}
	raises := slices.ContainsFunc(d.Writes(), func(a release.Action) bool { return a.Raises() || toCanary(a) })
	if !raises {
		return
	}
	e, said, first := o.Evidence, o.Commanded("promote"), o.Release != nil && o.Release.Step == 0
	switch {
	case aborts || !o.Running() || o.Aborting():
		t.Fatalf("raises without a running release: %s", d)
	case !o.Wanted.Managed || o.Wanted.Paused || o.Wanted.Problem != nil:
		t.Fatalf("raises against people's will: %s", d)
	case e.Verdict.State == evidence.Breach || o.Suspicious() || e.Verdict.AloneBreach && d.Release.Weight == "100%" || o.Workload.Crashing != "":
		t.Fatalf("raises a suspect: %s", d)
	case !said && (!e.Fresh || !e.Seen && !first):
		t.Fatalf("raises without fresh counts: %s", d)
	case !o.Canary.Exists || !o.Workload.Canary.There() || o.Canary.Selects != o.Release.Revision || o.Canary.Aborted && o.Canary.Number == o.Release.Number:
		t.Fatalf("raises where no canary is: %s", d)
	case !o.StableReady() && !o.Overridden() || o.Workload.Canary.Available < 1:
		t.Fatalf("raises without pods: %s", d)
	case d.Rule == "hand over" && (!e.Verdict.Cleared || !e.Fresh || !e.Seen || o.Release.SettledAt == nil || o.Routes.Lowest != v1alpha1.Whole):
		t.Fatalf("hands over without proof: %s", d)
	case d.Rule == "next step" && !first && !said && !e.Verdict.Cleared && d.Release.Weight.Fraction()*e.Rate*45 > release.Budget(d.Release):
		t.Fatalf("steps up without clearance: %s", d)
	case d.Actions[0].Verb != release.Save && !slices.ContainsFunc(d.Actions, func(a release.Action) bool { return a.Verb == release.GiveSet }):
		t.Fatalf("raises before its record is stored: %s", d)
	}
}

// BenchmarkDecide decides about a release that is holding, as every tick does.
func BenchmarkDecide(b *testing.B) {
	w := newWorld()
	t := &testing.T{}
	for _, line := range []string{"wait 5s", "push v2", "wait 1m"} {
		if err := w.play(t, line); err != nil {
			b.Fatal(err)
		}
	}
	o := w.observe().Facts
	if d := release.Decide(o, w.store.Now); d.Rule != "hold" {
		b.Fatalf("not holding: %s", d)
	}
	b.ReportAllocs()
	for b.Loop() {
		release.Decide(o, w.store.Now)
	}
}
