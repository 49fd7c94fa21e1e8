package evidence

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// pods are counts of so many requests each.
func pods(requests float64, bad ...float64) []PodCounts {
	all := make([]PodCounts, len(bad))
	for i, b := range bad {
		all[i] = PodCounts{Pod: string(rune('a' + i)), Counts: Counts{Requests: requests, Bad: b}}
	}
	return all
}

// onNodes puts the pods on nodes.
func onNodes(all []PodCounts, nodes ...string) []PodCounts {
	for i := range all {
		all[i].Node = nodes[i]
	}
	return all
}

func TestOneBadPodOrNodeOfSeveralIsNamed(t *testing.T) {
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	bursts := c
	bursts.Phi = []float64{2}
	uneven := pods(100, 0, 60, 0, 0)
	uneven[1].Counts.Requests = 1e6
	broken := pods(100, 0, 60, 0, 0)
	broken[2].Counts.Bad = math.NaN()
	callers := func(bad float64) Arms { return Arms{Stable: Counts{10000, 10}, Canary: Counts{400, bad}} }
	cases := map[string]struct {
		config Config
		pods   []PodCounts
		arms   Arms
		want   string
	}{
		"one of four":                            {c, pods(100, 0, 60, 0, 0), callers(60), "b"},
		"one of two":                             {c, pods(100, 0, 60), callers(60), "b"},
		"one that fails two of five":             {c, pods(100, 1, 40, 0, 0), callers(41), "b"},
		"ten of eleven, the other one by chance": {c, pods(300, 1, 0, 10), callers(11), "c"},
		"the others as good as the stable":       {c, pods(10000, 12, 10, 900), callers(922), "c"},
		"the others are bad too":                 {c, pods(1000, 6, 6, 60), callers(72), ""},
		"all are":                                {c, pods(100, 20, 25, 20, 22), callers(87), ""},
		"two are":                                {c, pods(100, 0, 25, 20, 0), callers(45), ""},
		"two are, on one node":                   {c, onNodes(pods(100, 0, 25, 20, 0), "x", "y", "y", "z"), callers(45), "node y"},
		"two are, on two nodes":                  {c, onNodes(pods(100, 0, 25, 20, 0), "x", "x", "y", "y"), callers(45), ""},
		"all are on one node":                    {c, onNodes(pods(100, 0, 25, 20, 0), "x", "x", "x", "x"), callers(45), ""},
		"all are, on two nodes":                  {c, onNodes(pods(100, 20, 25, 20, 22), "x", "x", "y", "y"), callers(87), ""},
		"the only one":                           {c, pods(100, 60), callers(60), ""},
		"callers saw as many fail elsewhere":     {c, pods(100, 0, 60, 0, 0), callers(120), ""},
		"five bad requests are too few":          {c, pods(100, 0, 5, 0), callers(5), ""},
		"in bursts ten are":                      {bursts, pods(100, 0, 10, 0), callers(10), ""},
		"in bursts twenty are not":               {bursts, pods(100, 0, 20, 0), callers(20), "b"},
		"the others were hardly asked":           {c, uneven, callers(60), ""},
		"the stable fails as much":               {c, pods(100, 0, 60, 0, 0), Arms{Stable: Counts{1000, 300}, Canary: Counts{400, 60}}, ""},
		"nothing was heard":                      {c, nil, callers(60), ""},
		"a count that is none":                   {c, broken, callers(60), ""},
		"a configuration that cannot be used":    {Config{}, pods(100, 0, 60, 0, 0), callers(60), ""},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := x.config.Outlier(ByPod{Known: true, Pods: x.pods, Arms: x.arms})
			who := got.Pod
			if ok && who == "" {
				who = "node " + got.Node
			}
			if ok != (x.want != "") || who != x.want {
				t.Errorf("named %q (%t), want %q", who, ok, x.want)
			}
		})
	}
	if _, ok := c.Outlier(ByPod{Known: true, Objective: 1, Pods: pods(100, 0, 60, 0, 0)}); ok {
		t.Error("named for an objective there is not")
	}
}

func TestACanaryIsBlamedForWhatItsOtherPodsDo(t *testing.T) {
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	arms := func(bad float64) Arms { return Arms{Stable: Counts{10000, 10}, Canary: Counts{400, bad}} }
	cases := map[string]struct {
		pods []PodCounts
		arms Arms
		want bool
	}{
		"clean":                        {pods(100, 0, 0), arms(0), false},
		"one pod":                      {pods(100, 0, 60), arms(60), false},
		"what is left of one pod's":    {pods(100, 0, 6), arms(6), false},
		"both pods":                    {pods(100, 60, 60), arms(120), true},
		"the only pod":                 {pods(100, 60), arms(60), true},
		"two pods of one node":         {onNodes(pods(100, 60, 60, 0), "x", "x", "y"), arms(120), false},
		"two pods of two nodes":        {onNodes(pods(100, 60, 60, 0), "x", "y", "z"), arms(120), true},
		"all pods, which are on one":   {onNodes(pods(100, 60, 60), "x", "x"), arms(120), true},
		"what no pod reports":          {pods(100, 0, 0), arms(60), true},
		"nothing that anybody reports": {nil, arms(60), false},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.Blamed(ByPod{Known: true, Pods: x.pods, Arms: x.arms}); got != x.want {
				t.Errorf("blamed: %t", got)
			}
		})
	}
}

func TestACanaryIsSoundWhenItsPodsAndCallersSaySo(t *testing.T) {
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	arms := func(bad float64) Arms { return Arms{Stable: Counts{10000, 10}, Canary: Counts{2000, bad}} }
	cases := map[string]struct {
		pods []PodCounts
		arms Arms
		want bool
	}{
		"clean":                   {pods(1000, 0, 0), arms(0), true},
		"by chance":               {pods(1000, 4, 3), arms(7), true},
		"one pod is bad":          {pods(1000, 0, 60), arms(60), false},
		"only callers saw it":     {pods(1000, 0, 0), arms(60), false},
		"nothing was heard":       {nil, arms(0), false},
		"nobody asked":            {pods(0, 0, 0), arms(0), false},
		"a count that is nothing": {pods(math.Inf(1), 0), arms(0), false},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.Sound(ByPod{Known: true, Pods: x.pods, Arms: x.arms}); got != x.want {
				t.Errorf("sound: %t", got)
			}
		})
	}
}

// A version that is equally bad everywhere is blamed on a pod in at most 1 % of all cases with ten bad requests and three pods; those who wait for
// more are soon told.
func TestAVersionThatIsBadEverywhereIsSeldomBlamedOnAPod(t *testing.T) {
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	r := rand.New(rand.NewPCG(1, 2))
	for requests, bounds := range map[int][2]float64{10: {0.004, 0.0115}, 40: {0, 0}} {
		named := 0
		const runs = 20000
		for range runs {
			bad := make([]float64, 3)
			for range requests {
				bad[r.IntN(len(bad))]++
			}
			if _, ok := c.Outlier(ByPod{Pods: pods(100, bad...), Arms: Arms{Stable: Counts{1e5, 20}}}); ok {
				named++
			}
		}
		if share := float64(named) / runs; share > bounds[1] || share < bounds[0] {
			t.Errorf("%d bad requests: %.2f %% are blamed on a pod; 0.96 %% are expected of ten when the others are tolerated", requests, 100*share)
		}
	}
}

// What callers have reported of a request, its pod reports in the time that pods are asked for, wherever in an interval each is scraped.
func TestCallersAreAskedForWhatPodsHaveReported(t *testing.T) {
	edge := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, reports := range []time.Duration{time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		for _, life := range []time.Duration{-time.Second, 0, 59 * time.Second, 3 * time.Minute, 3 * time.Hour} {
			for _, running := range []bool{true, false} {
				pods, callers := PodSpans(edge, edge.Add(-life), running, reports)
				if callers.From.Add(-reports).Before(pods.From) || callers.To.Add(reports).After(pods.To) {
					t.Errorf("reports each %s, after %s: pods %v, callers %v", reports, life, pods, callers)
				}
				length, asked := pods.To.Sub(pods.From), callers.To.Sub(callers.From)
				if !pods.To.Equal(edge) || asked < time.Minute || asked%time.Minute != 0 || length%time.Minute != 0 {
					t.Errorf("reports each %s, after %s: %s of pods, %s of callers", reports, life, length, asked)
				}
				if most := max(PodSpan, 2*reports+2*time.Minute); running && length > most || length > max(time.Hour, most) {
					t.Errorf("reports each %s, after %s: %s back", reports, life, length)
				}
			}
		}
	}
}
