package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// Contradictions are sentences about what makes a plan impossible to follow, each with the field first and the fix; none for a plan that can
// be followed. Edges are those of the mesh's histogram of durations, rising.
func Contradictions(s v1alpha1.ShiftPolicySpec, edges []time.Duration) []string {
	return slices.Concat(steps(s), stages(s), objectives(s), deadlines(s), indicators(s, edges))
}

// indicators can be counted. Edges are those of the mesh's histogram, rising.
func indicators(s v1alpha1.ShiftPolicySpec, edges []time.Duration) []string {
	var all []string
	for i, o := range s.Objectives {
		by := counting.IndicatorOf(o)
		err := by.Validate()
		if err == nil && by.Kind == counting.Duration {
			err = counting.Edge(by.Threshold, edges)
		}
		if err != nil {
			all = append(all, fmt.Sprintf("spec.objectives[%d]: %s", i, err))
		}
	}
	return all
}

// steps rise to the whole.
func steps(s v1alpha1.ShiftPolicySpec) []string {
	var all []string
	before := int64(0)
	for i, step := range s.Steps {
		weight := step.Weight.Millionths()
		if weight <= before {
			all = append(all, fmt.Sprintf("spec.steps[%d].weight is %s, not above %s: let weights rise from step to step", i, step.Weight, v1alpha1.PercentageOf(before)))
		}
		if _, err := time.ParseDuration(string(step.Hold)); err != nil {
			all = append(all, fmt.Sprintf("spec.steps[%d].hold is %q, which is no length of time: write one such as 5m", i, step.Hold))
		}
		before = max(before, weight)
	}
	if n := len(s.Steps); n == 0 || s.Steps[n-1].Weight.Millionths() != v1alpha1.Whole {
		all = append(all, "spec.steps ends below 100%: add a last step {weight: \"100%\", hold: 5m}")
	}
	return all
}

// stages name each check and each gate once: a check is run, and a gate opened, once in a release.
func stages(s v1alpha1.ShiftPolicySpec) []string {
	var all []string
	checks, gates := map[v1alpha1.CheckName]int{}, map[string]int{}
	for i, step := range s.Steps {
		for j, name := range step.Checks {
			if at, seen := checks[name]; seen {
				all = append(all, fmt.Sprintf("spec.steps[%d].checks[%d] is %s, as in spec.steps[%d]: a check is run once in a release; name another one, or remove it", i, j, name, at))
				continue
			}
			checks[name] = i
		}
		for j, g := range step.Gates {
			if at, seen := gates[g.Name]; seen {
				all = append(all, fmt.Sprintf("spec.steps[%d].gates[%d].name is %s, as in spec.steps[%d]: a gate is opened once in a release; give it a name of its own", i, j, g.Name, at))
				continue
			}
			gates[g.Name] = i
		}
	}
	return all
}

// objectives leave an error budget, and are told apart by their names.
func objectives(s v1alpha1.ShiftPolicySpec) []string {
	if len(s.Objectives) == 0 {
		return []string{"spec.objectives is empty: nothing could ever be judged; add one such as {name: availability, indicator: Requests, target: \"99.5%\"}"}
	}
	var all []string
	seen := map[string]bool{}
	for i, o := range s.Objectives {
		if seen[o.Name] {
			all = append(all, fmt.Sprintf("spec.objectives[%d].name is %s, as another's: give it a name of its own", i, o.Name))
		}
		seen[o.Name] = true
		if share := o.Target.Millionths(); share < v1alpha1.Whole/2 || share >= v1alpha1.Whole {
			all = append(all, fmt.Sprintf("spec.objectives[%d].target is %s: it must be from 50%% to below 100%%, such as 99.5%%", i, o.Target))
		}
	}
	return all
}

// deadlines leave time to decide after the hold, and pods time to become ready.
func deadlines(s v1alpha1.ShiftPolicySpec) []string {
	var all []string
	for i, step := range s.Steps {
		if s.Undetermined.Action == v1alpha1.ActionAbort && s.Undetermined.After.Duration() <= step.Hold.Duration() {
			all = append(all, fmt.Sprintf("spec.undetermined.after is %s and spec.steps[%d].hold is %s: a release not decided by the end of that hold would be aborted at once; make after longer than every hold, or action Hold",
				s.Undetermined.After, i, step.Hold))
		}
	}
	if s.Workload.ReadyWithin.Duration() <= 0 {
		all = append(all, fmt.Sprintf("spec.workload.readyWithin is %q: no pod is available at once; write a length of time such as 10m", s.Workload.ReadyWithin))
	}
	return all
}
