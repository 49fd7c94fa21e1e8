package simulate

import (
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// TestOnePodThatDiesForAMinuteTakesNoHealthyVersionBack: it is excused, with and without proxies that are read, and the whole canary is not.
func TestOnePodThatDiesForAMinuteTakesNoHealthyVersionBack(t *testing.T) {
	t.Parallel()
	dead := func(pods int) Canary {
		return Canary{Pods: 4, Deaths: Deaths{Every: 15 * time.Minute, Length: time.Minute, Pods: pods}}
	}
	for name, c := range map[string]struct {
		canary  Canary
		off     bool
		aborted bool
	}{
		"one pod": {dead(1), false, false}, "one pod, proxies not read": {dead(1), true, false}, "all pods": {dead(4), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := standard(v1alpha1.PaceFixed)
			plan.Steps = []v1alpha1.Step{{Weight: "50%", Hold: "1h"}}
			s := Setup{Plan: plan, Traffic: requests(1000), Canary: c.canary, Direct: Direct{Off: c.off}, Limit: 40 * time.Minute}
			excused := 0
			s.Follow = func(m Moment) {
				if r := m.Status.Release; r != nil && r.Excused != nil {
					excused = max(excused, int(r.Excused.Times))
				}
			}
			for s.Seed = range 2 * *times {
				excused = 0
				o, err := Run(s)
				if err != nil {
					t.Fatal(err)
				}
				if (o.Result == v1alpha1.StateAborted) != c.aborted || (excused > 0) == c.aborted || o.Brakes > 0 {
					t.Errorf("seed %d: %q after %s, excused %d times: %s", s.Seed, o.Result, o.Took, excused, o.Message)
				}
			}
		})
	}
}

// TestEachRequestIsReportedOnce by its pod, within an interval of scrapes.
func TestEachRequestIsReportedOnce(t *testing.T) {
	t.Parallel()
	p := newReports(Setup{Traffic: requests(1000), Canary: Canary{PerNode: 2}}, 3)
	begin, made := epoch, evidence.Counts{}
	for i := 1; i <= 12; i++ {
		if i <= 9 {
			p.made = both{stable: newArm(1), canary: arm{requests: 100, bad: []float64{30}}, died: 25}
			made = plus(made, evidence.Counts{Requests: 100, Bad: 30})
		}
		p.scrape(sliced{time.Duration(i) * slice, []evidence.Counts{{}}, []evidence.Counts{{}}}, 4, 1)
	}
	pods := p.reportedIn(evidence.Span{From: begin, To: begin.Add(12 * slice)}, 0, begin)
	got, nodes := evidence.Counts{}, map[string]int{}
	for _, x := range pods {
		got = plus(got, x.Counts)
		nodes[x.Node]++
	}
	if got != made || len(pods) != 4 || nodes[pods[0].Node] != 2 {
		t.Errorf("%v were reported, %v were made", pods, made)
	}
	if dead := pods[0].Counts; dead.Bad != 9*25 || dead.Requests != 9*25 {
		t.Errorf("the dead pod reported %v", dead)
	}
}
