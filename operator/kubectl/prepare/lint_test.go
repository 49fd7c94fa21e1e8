package prepare_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

func TestManifestsAreCheckedBeforeTheyAreApplied(t *testing.T) {
	const sound = `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: mine}
spec: {steps: [{weight: "1%", hold: 1m}, {weight: "100%", hold: 1m}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}
`
	cases := map[string]struct {
		text  string
		words []string
	}{
		"lint of a sound policy":    {text: sound},
		"lint of weights that fall": {text: strings.Replace(sound, `"1%"`, `"100%"`, 1)},
		"lint of no edge":           {text: strings.Replace(sound, "indicator: Requests", "indicator: Duration, threshold: 300ms", 1)},
		"lint of checks and gates": {text: strings.Replace(sound, `hold: 1m}, {weight: "100%", hold: 1m}`,
			`hold: 1m, checks: [smoke]}, {weight: "100%", hold: 1m, checks: [load], gates: [{name: load-test}, {name: second-person, by: AnotherPerson}]}`, 1)},
		"lint of a check and a gate twice": {text: strings.Replace(sound, `hold: 1m}, {weight: "100%", hold: 1m}`,
			`hold: 1m, checks: [smoke], gates: [{name: go}]}, {weight: "100%", hold: 1m, checks: [smoke], gates: [{name: go}]}`, 1)},
		"lint of names and persons that are none": {text: strings.Replace(sound, `hold: 1m}, {weight: "100%", hold: 1m}`,
			`hold: 1m, checks: [Smoke]}, {weight: "100%", hold: 1m, gates: [{name: a-name-of-more-than-20-letters, by: Nobody}]}`, 1)},
		"lint of a field with a slip": {text: strings.Replace(sound, "steps:", "step:", 1)},
		"lint of a service and its routes": {text: sound + `---
apiVersion: v1
kind: Service
metadata: {name: checkout, annotations: {stagger.dev/policy: mine}}
spec: {selector: {app: checkout}, ports: [{port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout}
spec: {hosts: [checkout], http: [{route: [{destination: {host: checkout}, weight: 60}, {destination: {host: checkout-canary}, weight: 40}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other}
spec: {hosts: [other], http: [{route: [{destination: {host: other}}]}]}
`},
		"lint of routes that take no part": {text: sound + `---
apiVersion: v1
kind: Service
metadata: {name: checkout, namespace: shop, annotations: {stagger.dev/policy: mine, stagger.dev/allow: partners}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: edge, annotations: {stagger.dev/allow: shop}}
spec: {hosts: [front], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: invited, namespace: partners, annotations: {stagger.dev/allow: shop}}
spec: {hosts: [invited], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: theirs, namespace: bank}
spec: {hosts: [theirs], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]}
`},
		"lint goes on after a broken document": {text: sound + "---\na: b: c\n---\n# nothing\n---\napiVersion: v1\nmetadata: {name: x}\n---\n" +
			strings.Replace(sound, "name: mine", "name: other", 1) + "---\n- a\n- b\n"},
		"lint of what is not its own": {text: `
apiVersion: example.com/v1
kind: ShiftPolicy
metadata: {name: theirs}
spec: {anything: goes}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: theirs, annotations: {stagger.dev/policy: "?"}}
---
apiVersion: v1
kind: Service
metadata: {name: checkout, annotations: {stagger.dev/policy: mine}}
---
apiVersion: gateway.example.com/v1
kind: VirtualService
metadata: {name: theirs}
spec: {hosts: [checkout], http: [{route: [{destination: {host: checkout}, weight: 60}, {destination: {host: checkout-canary}, weight: 40}]}]}
---
replicaCount: 3
image: {tag: v1}
`},
		"lint names every problem": {text: `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: mine}
spec:
  steps: [{weight: "5", hold: soon}, {weight: "3%", hold: 48h}, {weight: "2%", hold: 1m}]
  objectives: [{name: availability, indicator: Requests, target: "100%", colour: red}, {name: latency, indicator: Duration, threshold: 300ms, target: "99%"}]
  confidence: {falseAbort: "50%"}
  tolerance: "0.5"
---
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: typed}
spec: {steps: 5, objectives: [{name: a, indicator: Requests, target: 99}]}
---
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: orders}
spec: {service: {name: orders}, policyRef: {}, control: Stopped}
---
apiVersion: v1
kind: Service
metadata: {name: checkout, annotations: {stagger.dev/policy: "My Policy"}}
`},
		"lint as json":    {text: strings.Replace(sound, `"100%"`, `"99%"`, 1), words: []string{"-o", "json"}},
		"lint of nothing": {text: "\n"},
		"lint of no yaml": {text: "a: b: c"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			at := clitest.File(t, "policy.yaml", c.text)
			code, out, talk := clitest.Run(t, "none", append([]string{"lint", "--local", "-f", at}, c.words...)...)
			folder := filepath.Dir(at) + "/"
			clitest.Golden(t, name, code, strings.ReplaceAll(out, folder, ""), strings.ReplaceAll(talk, folder, ""))
		})
	}
}

func TestTheShippedPoliciesPassLint(t *testing.T) {
	code, out, talk := clitest.Run(t, "none", "lint", "--local", "-f", "../../../manifests/policies/standard.yaml,../../../manifests/policies/fast.yaml,../../../manifests/policies/cautious.yaml")
	if code != cli.ExitOK || strings.Count(out, "✔") != 3 {
		t.Errorf("exit code %d, output %q, talk %q; want 0 and three sound policies", code, out, talk)
	}
}
