package routing

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// RuleFor returns the DestinationRule that applies to the Service: the oldest of its namespace whose host resolves to the
// Service, with the subsets of younger ones that name the same host, as Istio merges them. Rules with a wildcard host
// apply to the canary by themselves, rules with a workloadSelector apply to few callers: neither is returned.
func RuleFor(rules []*unstructured.Unstructured, t Target) (*unstructured.Unstructured, bool) {
	var found []*unstructured.Unstructured
	for _, dr := range rules {
		host, _, _ := unstructured.NestedString(dr.Object, "spec", "host") // malformed: no host
		_, selective, _ := unstructured.NestedFieldNoCopy(dr.Object, "spec", "workloadSelector")
		if dr.GetNamespace() == t.Namespace && !selective && t.isStable(host, dr.GetNamespace()) {
			found = append(found, dr)
		}
	}
	if len(found) == 0 {
		return nil, false
	}
	slices.SortFunc(found, older)
	rule := found[0].DeepCopy()
	for _, younger := range found[1:] {
		addSubsets(rule, younger)
	}
	return rule, true
}

// older orders as Istio does: by creation, then by name.
func older(a, b *unstructured.Unstructured) int {
	x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(x.Compare(y.Time), strings.Compare(a.GetName(), b.GetName()), strings.Compare(a.GetNamespace(), b.GetNamespace()))
}

func addSubsets(rule, younger *unstructured.Unstructured) {
	spec, ok := rule.Object["spec"].(map[string]any)
	if !ok {
		return
	}
	subsets, _ := spec["subsets"].([]any)
	names := map[any]bool{}
	for _, s := range subsets {
		names[subsetName(s)] = true
	}
	more, _, _ := unstructured.NestedSlice(younger.Object, "spec", "subsets") // malformed: none
	for _, s := range more {
		if !names[subsetName(s)] {
			subsets = append(subsets, s)
		}
	}
	if len(subsets) > 0 {
		spec["subsets"] = subsets
	}
}

func subsetName(subset any) any {
	s, _ := subset.(map[string]any)
	return s["name"]
}

// CanaryRule returns the copy of the user's DestinationRule for the canary's Service: its whole spec with the host replaced,
// under the canary's name and with these labels alone.
func CanaryRule(dr *unstructured.Unstructured, t Target, labels map[string]string) *unstructured.Unstructured {
	spec := map[string]any{}
	if user, ok := dr.DeepCopy().Object["spec"].(map[string]any); ok {
		spec = user
	}
	spec["host"] = t.CanaryHost()
	return object("DestinationRule", t.Namespace, t.canary(), labels, spec)
}
