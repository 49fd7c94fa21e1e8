package evidence

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAnExcuseBeginsTheEvidenceAnew(t *testing.T) {
	tests, f := begin(t, oneObjective()), newFlow()
	f.feed(tests, 24, Counts{500, 0}, Counts{500, 250})
	if v := tests.Verdict(Question{NextWeight: 1}); v.State != Breach || !v.Objectives[0].Alarm && v.Against < 100 {
		t.Fatalf("half of all requests fail: %v", v)
	}
	through := tests.Through()
	tests.Excuse()
	v, fresh := tests.Verdict(Question{NextWeight: 1}), begin(t, oneObjective()).Verdict(Question{NextWeight: 1})
	if v.State != Undetermined || v.Against != fresh.Against || v.Covered != 0 || v.Missing != fresh.Missing || tests.Through() != through {
		t.Errorf("after the excuse: %v", v)
	}
	if v.Exposed.Bad != 24*250 {
		t.Errorf("%v bad requests are remembered of those that users met", v.Exposed.Bad)
	}
	f.feed(tests, 12, Counts{500, 0}, Counts{500, 250})
	if v := tests.Verdict(Question{NextWeight: 1}); v.State != Breach {
		t.Errorf("half of all requests fail again: %v", v)
	}
	alone, f := begin(t, oneObjective()), newFlow()
	f.alone = true
	f.feed(alone, 24, Counts{}, Counts{500, 250})
	alone.Excuse()
	f.feed(alone, 24, Counts{}, Counts{500, 0})
	if v := alone.Verdict(Question{NextWeight: 1}); v.AloneBreach || v.State == Breach {
		t.Errorf("alone, after the excuse: %v", v)
	}
}

func TestBadRequestsAlarmBeforeTheirTickEnds(t *testing.T) {
	for name, x := range map[string]struct {
		stable, canary Counts
		want           bool
	}{
		"half fail":          {Counts{500, 0}, Counts{500, 250}, true},
		"one of five":        {Counts{500, 0}, Counts{5, 1}, false},
		"within the limit":   {Counts{500, 0}, Counts{500, 4}, false},
		"the stable does so": {Counts{500, 250}, Counts{500, 250}, false},
	} {
		tests, f := begin(t, oneObjective()), newFlow()
		f.feed(tests, 4, x.stable, x.canary) // the fourth is alone in its tick
		if got := tests.Verdict(Question{NextWeight: 1}).Objectives[0].Alarm; got != x.want {
			t.Errorf("%s: alarm %t", name, got)
		}
	}
}

// fleet is a release on several pods, the judge of which looks at it as the rules of a release do.
type fleet struct {
	c      Config
	random *rand.Rand
	rate   float64 // requests a second of both arms
	weight float64
	base   float64 // bad share of everybody
	bad    func(at time.Duration, pod int) float64
	pods   int
	nodes  []string
}

const (
	podSlices = int(PodSpan / (5 * time.Second))
	// excuses is more than any of the runs needs.
	excuses = 5
)

func drawn(r *rand.Rand, mean float64) float64 { return float64(poisson(r, mean)) }

// run plays the release for so long, and tells when it was aborted and how often a pod was excused.
func (x fleet) run(t *testing.T, long time.Duration) (aborted time.Duration, excused int) {
	t.Helper()
	tests, f := begin(t, x.c), newFlow()
	var window []ByPod
	open := false
	for at := time.Duration(0); at < long; at += f.length {
		s := ByPod{Known: true, Pods: make([]PodCounts, x.pods)}
		requests := x.rate * f.length.Seconds()
		s.Arms.Stable.Requests = drawn(x.random, requests*(1-x.weight))
		s.Arms.Stable.Bad = drawn(x.random, s.Arms.Stable.Requests*x.base)
		for i := range s.Pods {
			n := drawn(x.random, requests*x.weight/float64(x.pods))
			s.Pods[i] = PodCounts{Pod: string(rune('a' + i)), Counts: Counts{Requests: n, Bad: min(n, drawn(x.random, n*max(x.base, x.bad(at, i))))}}
			if x.nodes != nil {
				s.Pods[i].Node = x.nodes[i]
			}
			s.Arms.Canary.add(s.Pods[i].Counts.Requests, s.Pods[i].Counts.Bad)
		}
		window = append(window, s)
		tests.Add(f.next(1, s.Arms.Stable, s.Arms.Canary))
		recent := sumOf(window[max(0, len(window)-podSlices):])
		_, one := x.c.Outlier(recent)
		breach := tests.Verdict(Question{NextWeight: 1}).State == Breach
		switch {
		case open && !one && x.c.Sound(recent), !open && breach && one && excused < excuses:
			if open = !open; open {
				excused++
			}
			tests.Excuse()
		case breach && (!open || x.c.Blamed(recent)):
			return at + f.length, excused
		}
	}
	return 0, excused
}

// sumOf adds up.
func sumOf(window []ByPod) ByPod {
	all := ByPod{Known: true, Pods: make([]PodCounts, len(window[0].Pods))}
	for _, s := range window {
		for i, p := range s.Pods {
			all.Pods[i].Pod, all.Pods[i].Node = p.Pod, p.Node
			all.Pods[i].Counts.add(p.Counts.Requests, p.Counts.Bad)
		}
		all.Arms.Stable.add(s.Arms.Stable.Requests, s.Arms.Stable.Bad)
		all.Arms.Canary.add(s.Arms.Canary.Requests, s.Arms.Canary.Bad)
	}
	return all
}

// Of a healthy version one of two pods is dead for a minute: without leaving it out every such release is aborted.
func TestAPodThatIsDeadForAMinuteAbortsNoVersion(t *testing.T) {
	dead := func(long time.Duration, pods ...int) func(time.Duration, int) float64 {
		return func(at time.Duration, pod int) float64 {
			for _, p := range pods {
				if p == pod && at >= 10*time.Minute && at < 10*time.Minute+long {
					return 1
				}
			}
			return 0
		}
	}
	cases := map[string]fleet{
		"one of two, 100/s":                  {rate: 100, weight: 0.25, base: 0.001, pods: 2, bad: dead(time.Minute, 1)},
		"one of two, 1000/s":                 {rate: 1000, weight: 0.5, base: 0.003, pods: 2, bad: dead(time.Minute, 1)},
		"one of four for two minutes, 50/s":  {rate: 50, weight: 0.5, base: 0.003, pods: 4, bad: dead(2*time.Minute, 2)},
		"the two of four on one node, 200/s": {rate: 200, weight: 0.25, base: 0.002, pods: 4, nodes: []string{"x", "x", "y", "y"}, bad: dead(time.Minute, 0, 1)},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			x.c, x.random = oneObjective(), rand.New(rand.NewPCG(7, 11))
			const runs = 100
			held := 0
			for range runs {
				aborted, excused := x.run(t, 30*time.Minute)
				if aborted > 0 {
					t.Errorf("aborted after %s", aborted)
				}
				held += min(excused, 1)
			}
			if held < runs*9/10 {
				t.Errorf("a pod was excused in %d of %d runs: the others never came to a breach", held, runs)
			}
		})
	}
}

// What is bad everywhere is aborted all the same, and what has one pod, and not much later than without leaving one out.
func TestAVersionThatIsBadOnAllPodsIsAborted(t *testing.T) {
	after := func(share float64) func(time.Duration, int) float64 {
		return func(at time.Duration, _ int) float64 {
			if at >= 10*time.Minute {
				return share
			}
			return 0
		}
	}
	cases := map[string]struct {
		fleet
		within time.Duration
	}{
		"all of it fails, 100/s":        {fleet{rate: 100, weight: 0.25, base: 0.001, pods: 2, bad: after(1)}, time.Minute},
		"all of it fails, on one pod":   {fleet{rate: 100, weight: 0.25, base: 0.001, pods: 1, bad: after(1)}, time.Minute},
		"a third fails, 1000/s":         {fleet{rate: 1000, weight: 0.05, base: 0.001, pods: 4, bad: after(0.3)}, time.Minute},
		"all of it fails, on two nodes": {fleet{rate: 100, weight: 0.25, base: 0.001, pods: 4, nodes: []string{"x", "x", "y", "y"}, bad: after(1)}, time.Minute},
		"ten times the stable's, 100/s": {fleet{rate: 100, weight: 0.5, base: 0.005, pods: 2, bad: after(0.05)}, 5 * time.Minute},
		"twice the stable's, 1000/s":    {fleet{rate: 1000, weight: 0.5, base: 0.005, pods: 2, bad: after(0.01)}, 40 * time.Minute},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			x.c, x.random = oneObjective(), rand.New(rand.NewPCG(7, 11))
			for range 50 {
				aborted, _ := x.run(t, 10*time.Minute+x.within)
				if aborted <= 10*time.Minute {
					t.Errorf("aborted after %s, want within %s of 10m", aborted, x.within)
				}
			}
		})
	}
}
