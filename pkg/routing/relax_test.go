package routing

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestRulesThatWouldLeaveCallersWithoutAPodAreRelaxedForTheCanary(t *testing.T) {
	confined := "{distribute: [{from: r/a/*, to: {r/a/*: 100}}], failover: [{from: r, to: s}]}"
	cases := map[string]struct {
		spec, want string
		says       []string
	}{
		"no rule of the kind": {"{host: checkout, trafficPolicy: {loadBalancer: {simple: RANDOM}}}",
			"{trafficPolicy: {loadBalancer: {simple: RANDOM}}}", nil},
		"localities": {"{host: checkout, trafficPolicy: {loadBalancer: {simple: RANDOM, localityLbSetting: " + confined + "}}}",
			"{trafficPolicy: {loadBalancer: {simple: RANDOM, localityLbSetting: {failover: [{from: r, to: s}]}}}}", []string{"distribute"}},
		"localities that are preferred": {"{host: checkout, trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [zone]}}}}",
			"{trafficPolicy: {loadBalancer: {localityLbSetting: {failoverPriority: [zone]}}}}", nil},
		"ejection": {"{host: checkout, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}}",
			"{trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, minHealthPercent: 1}}}", []string{"outlierDetection"}},
		"ejection within bounds": {"{host: checkout, trafficPolicy: {outlierDetection: {minHealthPercent: 40}}}",
			"{trafficPolicy: {outlierDetection: {minHealthPercent: 40}}}", nil},
		"of a port and a subset": {"{host: checkout, trafficPolicy: {portLevelSettings: [{port: {number: 80}, outlierDetection: {interval: 1s}}]}, " +
			"subsets: [{name: a, trafficPolicy: {loadBalancer: {localityLbSetting: " + confined + "}}}]}",
			"{trafficPolicy: {portLevelSettings: [{port: {number: 80}, outlierDetection: {interval: 1s, minHealthPercent: 1}}]}, " +
				"subsets: [{name: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: r, to: s}]}}}}]}", []string{"distribute", "outlierDetection"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rule := parse(t, "{kind: DestinationRule, metadata: {name: checkout, namespace: shop}, spec: "+c.spec+"}")
			before := rule.DeepCopy()
			want := parse(t, "{kind: DestinationRule, metadata: {name: x}, spec: "+c.want+"}")
			if err := unstructured.SetNestedField(want.Object, checkout().CanaryHost(), "spec", "host"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Object["spec"], RulesFor([]*unstructured.Unstructured{rule}, checkout()).Copies[0].Object["spec"]); diff != "" {
				t.Errorf("the copy (-want +got):\n%s", diff)
			}
			said := Relaxed(rule)
			for _, word := range c.says {
				if !slices.ContainsFunc(said, func(s string) bool {
					return strings.Contains(s, word) && strings.Contains(s, "DestinationRule checkout")
				}) {
					t.Errorf("nothing is said of %s: %q", word, said)
				}
			}
			if len(said) != len(c.says) {
				t.Errorf("says %q", said)
			}
			if diff := cmp.Diff(before.Object, rule.Object); diff != "" {
				t.Errorf("the user's rule was changed:\n%s", diff)
			}
		})
	}
}

func TestRulesThatCannotBeReadAreNotRelaxed(t *testing.T) {
	for _, spec := range []any{nil, "x", map[string]any{"trafficPolicy": "x", "subsets": []any{"x", map[string]any{"trafficPolicy": []any{}}}},
		map[string]any{"trafficPolicy": map[string]any{"loadBalancer": "x", "outlierDetection": "x", "portLevelSettings": []any{nil, "x"}}}} {
		if said := Relaxed(&unstructured.Unstructured{Object: map[string]any{"spec": spec}}); len(said) > 0 {
			t.Errorf("of %v it says %q", spec, said)
		}
	}
}
