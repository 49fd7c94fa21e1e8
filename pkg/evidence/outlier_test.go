package evidence

import (
	"math"
	"math/rand/v2"
	"testing"
)

// pods are counts of so many requests each.
func pods(requests float64, bad ...float64) []PodCounts {
	all := make([]PodCounts, len(bad))
	for i, b := range bad {
		all[i] = PodCounts{Pod: string(rune('a' + i)), Counts: Counts{Requests: requests, Bad: b}}
	}
	return all
}

func TestOneBadPodOfSeveralIsNamed(t *testing.T) {
	stable := Counts{Requests: 10000, Bad: 10}
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	bursts := c
	bursts.Phi = []float64{2}
	uneven := pods(100, 0, 60, 0, 0)
	uneven[1].Counts.Requests = 400
	broken := pods(100, 0, 60, 0, 0)
	broken[2].Counts.Bad = math.NaN()
	cases := map[string]struct {
		config Config
		pods   []PodCounts
		want   string
	}{
		"one of four":                            {c, pods(100, 0, 60, 0, 0), "b"},
		"ten of eleven, the other one by chance": {c, pods(300, 1, 0, 10), "c"},
		"the others as good as the stable":       {c, pods(10000, 12, 10, 900), "c"},
		"the others are bad too":                 {c, pods(1000, 3, 3, 60), ""},
		"all are":                                {c, pods(100, 20, 25, 20, 22), ""},
		"two are":                                {c, pods(100, 0, 25, 20, 0), ""},
		"two pods are too few to tell":           {c, pods(100, 0, 60), ""},
		"nine bad requests are too few":          {c, pods(100, 0, 9, 0), ""},
		"in bursts ten are":                      {bursts, pods(100, 0, 19, 0), ""},
		"in bursts twenty are not":               {bursts, pods(100, 0, 20, 0), "b"},
		"the pod had most of the requests":       {c, uneven, ""},
		"nothing was heard":                      {c, nil, ""},
		"a count that is none":                   {c, broken, ""},
		"a configuration that cannot be used":    {Config{}, pods(100, 0, 60, 0, 0), ""},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := x.config.Outlier(0, x.pods, stable)
			if ok != (x.want != "") || ok && got.Pod != x.want {
				t.Errorf("named %q (%t), want %q", got.Pod, ok, x.want)
			}
		})
	}
	if _, ok := c.Outlier(1, pods(100, 0, 60, 0, 0), stable); ok {
		t.Error("named for an objective there is not")
	}
}

// A version that is equally bad everywhere is blamed on a pod in at most 1 % of all cases with three pods.
func TestAVersionThatIsBadEverywhereIsSeldomBlamedOnAPod(t *testing.T) {
	c := Config{Objectives: []Objective{{Name: "availability", Limit: 0.01}}, Phi: []float64{1}}
	r := rand.New(rand.NewPCG(1, 2))
	named := 0
	const runs = 20000
	for range runs {
		bad := make([]float64, LeastPods)
		for range 10 {
			bad[r.IntN(len(bad))]++
		}
		if _, ok := c.Outlier(0, pods(1000, bad...), Counts{Requests: 1e5, Bad: 200}); ok {
			named++
		}
	}
	if share := float64(named) / runs; share > 0.0115 || share < 0.004 {
		t.Errorf("%.2f %% are blamed on a pod; 0.96 %% are expected when the others are tolerated", 100*share)
	}
}
