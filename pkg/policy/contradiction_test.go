package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

func sound(changes ...func(*v1alpha1.ShiftPolicySpec)) v1alpha1.ShiftPolicySpec {
	s := v1alpha1.ShiftPolicySpec{
		Steps:      []v1alpha1.Step{{Weight: "1%", Hold: "2m"}, {Weight: "25%", Hold: "5m"}, {Weight: "100%", Hold: "5m"}},
		Objectives: []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99.5%"}},
	}
	s.Defaults()
	for _, change := range changes {
		change(&s)
	}
	return s
}

func latency(threshold v1alpha1.Duration) v1alpha1.Objective {
	return v1alpha1.Objective{Name: "latency", Indicator: v1alpha1.IndicatorDuration, Target: "99%", Threshold: threshold}
}

func orders(total string) v1alpha1.Objective {
	return v1alpha1.Objective{Name: "orders", Indicator: v1alpha1.IndicatorCustom, Target: "99%",
		Custom: &v1alpha1.CustomIndicator{Total: total, Bad: `orders_total{{{selector}},result="error"}`}}
}

func TestContradictions(t *testing.T) {
	type spec = v1alpha1.ShiftPolicySpec
	cases := map[string]struct {
		change func(*spec)
		want   string // a part of the sentence; empty: the plan can be followed
	}{
		"a sound plan":                     {func(*spec) {}, ""},
		"no step":                          {func(s *spec) { s.Steps = nil }, "spec.steps ends below 100%"},
		"an end below the whole":           {func(s *spec) { s.Steps = s.Steps[:2] }, "spec.steps ends below 100%"},
		"weights that fall":                {func(s *spec) { s.Steps[1].Weight = "0.5%" }, "spec.steps[1].weight is 0.5%, not above 1%"},
		"weights that stay":                {func(s *spec) { s.Steps[1].Weight = "1.0%" }, "spec.steps[1].weight is 1.0%, not above 1%"},
		"a first step of nothing":          {func(s *spec) { s.Steps[0].Weight = "0%" }, "spec.steps[0].weight is 0%, not above 0%"},
		"a hold that is no time":           {func(s *spec) { s.Steps[0].Hold = "soon" }, `spec.steps[0].hold is "soon"`},
		"no objective":                     {func(s *spec) { s.Objectives = nil }, "spec.objectives is empty"},
		"two objectives of one name":       {func(s *spec) { s.Objectives = append(s.Objectives, s.Objectives[0]) }, "spec.objectives[1].name is availability"},
		"an objective without a budget":    {func(s *spec) { s.Objectives[0].Target = "100%" }, "spec.objectives[0].target is 100%"},
		"an objective of bad requests":     {func(s *spec) { s.Objectives[0].Target = "0.5%" }, "spec.objectives[0].target is 0.5%"},
		"a deadline within a hold":         {func(s *spec) { s.Undetermined = v1alpha1.Deadline{After: "5m", Action: v1alpha1.ActionAbort} }, "spec.undetermined.after is 5m and spec.steps[1].hold is 5m"},
		"the same deadline where it holds": {func(s *spec) { s.Undetermined.After = "5m" }, ""},
		"a deadline beyond every hold":     {func(s *spec) { s.Undetermined = v1alpha1.Deadline{After: "6m", Action: v1alpha1.ActionAbort} }, ""},
		"a threshold beside every edge":    {func(s *spec) { s.Objectives[0] = latency("300ms") }, "spec.objectives[0]: threshold 300ms is no edge of the mesh's histogram, so that nobody counted it; the nearest are 250ms and 500ms"},
		"a threshold on an edge":           {func(s *spec) { s.Objectives[0] = latency("500ms") }, ""},
		"counters with a function":         {func(s *spec) { s.Objectives[0] = orders("rate(orders_total{{{selector}}}[5m])") }, "spec.objectives[0]: total must be a counter's name and matchers in braces"},
		"counters with a broken regex":     {func(s *spec) { s.Objectives[0] = orders(`orders_total{{{selector}},a=~"("}`) }, "spec.objectives[0]: total has a matcher of a whose regular expression"},
		"counters with a broken escape":    {func(s *spec) { s.Objectives[0] = orders(`orders_total{{{selector}},a="\d"}`) }, "spec.objectives[0]: total has a matcher of a whose value"},
		"counters of one's own":            {func(s *spec) { s.Objectives[0] = orders("orders_total{{{selector}}}") }, ""},
		"a check at two steps": {func(s *spec) {
			s.Steps[0].Checks, s.Steps[2].Checks = []v1alpha1.CheckName{"smoke", "load"}, []v1alpha1.CheckName{"load"}
		},
			"spec.steps[2].checks[0] is load, as in spec.steps[0]: a check is run once in a release; name another one, or remove it"},
		"a gate at two steps": {func(s *spec) {
			s.Steps[0].Gates, s.Steps[1].Gates = []v1alpha1.Gate{{Name: "go"}}, []v1alpha1.Gate{{Name: "ok"}, {Name: "go"}}
		},
			"spec.steps[1].gates[1].name is go, as in spec.steps[0]: a gate is opened once in a release; give it a name of its own"},
		"checks and gates": {func(s *spec) {
			s.Steps[0].Checks, s.Steps[0].Gates = []v1alpha1.CheckName{"smoke", "load"}, []v1alpha1.Gate{{Name: "smoke"}}
		}, ""},
		"pods without any time": {func(s *spec) { s.Workload.ReadyWithin = "0s" }, `spec.workload.readyWithin is "0s"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Contradictions(sound(c.change), counting.Edges()), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// Whoever mends a plan is told everything at once, in the order of steps, objectives, deadlines and indicators.
func TestEveryContradictionIsNamed(t *testing.T) {
	got := Contradictions(sound(func(s *v1alpha1.ShiftPolicySpec) {
		s.Steps[1].Weight, s.Steps[2].Weight = "0.5%", "90%"
		s.Objectives = append(s.Objectives, s.Objectives[0], latency("300ms"))
		s.Objectives[0].Target = "100%"
		s.Workload.ReadyWithin = "0s"
	}), counting.Edges())
	want := []string{"spec.steps[1].weight", "spec.steps ends", "spec.objectives[0].target", "spec.objectives[1].name", "spec.workload.readyWithin", "spec.objectives[2]: threshold"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want one for each of %q", got, want)
	}
	for i, begin := range want {
		if !strings.HasPrefix(got[i], begin) {
			t.Errorf("sentence %d is %q, want it to begin with %q", i, got[i], begin)
		}
	}
}

func TestTheShippedPoliciesAreAccepted(t *testing.T) {
	files, err := filepath.Glob("../../manifests/policies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p v1alpha1.ShiftPolicy
		if err := yaml.UnmarshalStrict(text, &p); filepath.Base(file) == "kustomization.yaml" {
			continue
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found++
		for _, problem := range Contradictions(p.Spec, counting.Edges()) {
			t.Errorf("%s: %s", file, problem)
		}
	}
	if found < 3 {
		t.Errorf("%d policies were found, want at least 3", found)
	}
}
