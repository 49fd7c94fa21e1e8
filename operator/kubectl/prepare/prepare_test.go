package prepare_test

import (
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

func TestWhatIsShown(t *testing.T) {
	clitest.Shown(t, map[string]clitest.ShownCase{
		"the plan as yaml":            {Words: []string{"plan", "checkout", "-o", "yaml"}},
		"a simulation as json":        {Words: []string{"simulate", "checkout", "--runs", "10", "--fault", "50%", "-o", "json"}},
		"the plan of a service":       {Words: []string{"plan", "checkout"}},
		"the plan of another traffic": {Words: []string{"plan", "checkout", "--policy", "fast", "--rate", "2", "--bad", "0.05%"}},
		"a simulation":                {Words: []string{"simulate", "-f", "../../../manifests/policies/fast.yaml", "--rate", "200", "--bad", "0.1%", "--runs", "20"}},
		"a simulation of a service":   {Words: []string{"simulate", "checkout", "--runs", "10", "--fault", "50%"}},
	})
}

func TestErrorsAreOneSentenceWithTheNextStep(t *testing.T) {
	const bad = "apiVersion: stagger.dev/v1alpha1\nkind: ShiftPolicy\nmetadata: {name: mine}\nspec: {steps: [{weight: 100%, hold: 1m}], objectives: []}\n"
	policy := clitest.File(t, "policy.yaml", bad)
	clitest.Errors(t, map[string]clitest.ErrorCase{
		"a plan of nothing":         {Words: []string{"plan"}, Want: "plan needs the name of one Service: kubectl stagger plan checkout"},
		"a plan without traffic":    {Words: []string{"plan", "checkout"}, Want: "no traffic of checkout is known yet, for it was never released; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus"},
		"a plan by a slip":          {Words: []string{"plan", "checkout", "--policy", "standrad"}, Want: `no ShiftPolicy is named standrad; did you mean standard?`},
		"a plan by what is not":     {Words: []string{"plan", "checkout", "--policy", "careless"}, Want: `no ShiftPolicy is named careless; list those there are with: kubectl get shiftpolicies`},
		"a share that is none":      {Words: []string{"plan", "checkout", "--rate", "5", "--bad", "much"}, Want: "--rate must not be below 0, and --bad must be a percentage such as 0.2%"},
		"a time that is none":       {Words: []string{"plan", "checkout", "--from", "yesterday"}, Want: `--from must be a time such as 2026-03-01T12:00:00Z, or how long ago, such as 6h; not "yesterday"`},
		"too short a time":          {Words: []string{"plan", "checkout", "--from", "5m"}, Want: "--from must lie ten minutes before --to at least"},
		"too long a time":           {Words: []string{"plan", "checkout", "--from", "100h"}, Want: "--from may lie 33h19m0s before --to at most"},
		"a Prometheus that is away": {Words: []string{"plan", "checkout", "--prometheus", "http://127.0.0.1:1"}, Want: "asking Prometheus: http://127.0.0.1:1: connect: connection refused"},
		"a simulation of nothing":   {Words: []string{"simulate"}, Want: "simulate needs a Service, or a policy: --policy standard, or -f policy.yaml"},
		"one without traffic":       {Words: []string{"simulate", "--policy", "fast"}, Want: "without a Service there is no traffic; give it with --rate, in requests per second"},
		"a fault that is none":      {Words: []string{"simulate", "checkout", "--fault", "some"}, Want: "--fault must be a share such as 30%, or a factor such as 3x; not \"some\""},
		"too many releases":         {Words: []string{"simulate", "checkout", "--runs", "100000"}, Want: "--runs must be from 1 to 10000"},
		"two policies":              {Words: []string{"simulate", "checkout", "--policy", "fast", "-f", "x.yaml"}, Want: "give the policy by --policy or by -f, not both"},
		"a policy by which no release can go": {Words: []string{"simulate", "-f", policy, "--rate", "50"},
			Want: "no release can go by ShiftPolicy mine of " + policy + ": spec.objectives: should have at least 1 items"},
		"a file that is not there": {Words: []string{"simulate", "checkout", "-f", "x.yaml"}, Want: "open x.yaml: no such file or directory"},
	})
}
