package prepare_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
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
		"a plan without traffic":    {Words: []string{"plan", "checkout"}, Want: "no traffic of checkout is known yet from a release; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus"},
		"a plan by a slip":          {Words: []string{"plan", "checkout", "--policy", "standrad"}, Want: `no ShiftPolicy is named standrad; did you mean standard?`},
		"a plan by what is not":     {Words: []string{"plan", "checkout", "--policy", "careless"}, Want: `no ShiftPolicy is named careless; list those there are with: kubectl get shiftpolicies`},
		"a share that is none":      {Words: []string{"plan", "checkout", "--rate", "5", "--bad", "much"}, Want: "--rate must be from 0 to 1000000000 requests per second, and --bad a percentage such as 0.2%"},
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
		"a file that is not there": {Words: []string{"simulate", "checkout", "-f", "x.yaml"}, Want: "x.yaml: there is no such file, or it is a link to one that is not there"},
	})
}

const notMadeYet = `
- {apiVersion: stagger.dev/v1alpha1, kind: ShiftPolicy, metadata: {name: standard}, spec: {steps: [{weight: 100%, hold: 1m}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}}
- {apiVersion: stagger.dev/v1alpha1, kind: ShiftPolicy, metadata: {name: cautious}, spec: {steps: [{weight: 1%, hold: 1m}, {weight: 100%, hold: 1m}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}}
- {apiVersion: v1, kind: Service, metadata: {name: mail, annotations: {stagger.dev/policy: standard}}}
- {apiVersion: v1, kind: Service, metadata: {name: search}}
`

// Of a Service that has no TrafficShift yet its annotation is read, or the policy that is named.
func TestAServiceIsPlannedBeforeItsTrafficShiftIsMade(t *testing.T) {
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{[]string{"plan", "mail"}, cli.ExitOK, "mail  by policy standard"},
		{[]string{"plan", "mail", "--policy", "cautious"}, cli.ExitOK, "mail  by policy cautious"},
		{[]string{"plan", "search", "--policy", "cautious"}, cli.ExitOK, "search  by policy cautious"},
		{[]string{"simulate", "mail", "--runs", "1", "--fault", "50%"}, cli.ExitOK, "standard"},
		{[]string{"plan", "search"}, cli.ExitError, "error: Service search in namespace shop is not managed; manage it with: "},
		{[]string{"plan", "nowhere", "--policy", "cautious"}, cli.ExitError, "error: no Service named nowhere is managed in namespace shop"},
	} {
		s := clitest.NewStore(t, notMadeYet)
		code, out, talk := clitest.Run(t, s.Kubeconfig(), append(c.words, "--rate", "50")...)
		if code != c.code || !strings.Contains(out+talk, c.want) {
			t.Errorf("%v: exit code %d, want %d; said %q, want %q in it", c.words, code, c.code, out+talk, c.want)
		}
	}
}

// A role of one namespace shows no policies where they are not given to everybody: that is a warning where the last release has its plan, and
// names the role that is missing where nothing can be known.
func TestWithoutRightsToPolicies(t *testing.T) {
	forbidden := func(r *http.Request) (int, any, bool) {
		if !strings.Contains(r.URL.Path, "/shiftpolicies") {
			return 0, nil, false
		}
		status := clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, `shiftpolicies.stagger.dev is forbidden: User "ann" cannot get resource "shiftpolicies" at the cluster scope`)
		status.Details = &metav1.StatusDetails{Group: "stagger.dev", Kind: "shiftpolicies"}
		return http.StatusForbidden, status, true
	}
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{[]string{"plan", "mail", "--rate", "50"}, cli.ExitOK, "warning: you may not read ShiftPolicies, so this goes by standard as it was when release 3 began; ask for the role stagger-policy-view\n"},
		{[]string{"simulate", "mail", "--rate", "50", "--runs", "1", "--fault", "50%"}, cli.ExitOK, "warning: you may not read ShiftPolicies, so this goes by standard"},
		{[]string{"plan", "stock", "--rate", "50"}, cli.ExitError, "error: you may not read ShiftPolicies ("},
		{[]string{"plan", "mail", "--policy", "fast", "--rate", "50"}, cli.ExitError, "ask for the role stagger-policy-view, which the chart gives to everybody by policies.readableByAll\n"},
	} {
		s := clitest.NewStore(t, strings.ReplaceAll(unmanaged, "state: Shifting, weight: 5%,", "state: Shifting, policy: standard, weight: 5%,"))
		s.Handled = forbidden
		code, _, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
		if code != c.code || !strings.Contains(talk, c.want) {
			t.Errorf("%v: exit code %d, want %d; talk %q, want %q in it", c.words, code, c.code, talk, c.want)
		}
	}
}
