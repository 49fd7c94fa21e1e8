package routing

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Rules are the DestinationRules that the canary's Service needs to be met as the user's Service is.
type Rules struct {
	// Copies are those to make, by namespace. Those of one namespace are made one after the other, since Istio takes the oldest first. They
	// have the labels of the rules that they copy.
	Copies []*unstructured.Unstructured
	// Problem is one sentence that says why the canary would be met in another way all the same, and what to do; empty when it would not.
	Problem string
	// Relaxed are sentences about what does not hold for the canary though it holds for the Service: see Relaxed.
	Relaxed []string
}

// RulesFor returns what the canary's Service needs beside these DestinationRules, of all namespaces, Stagger's own left out.
//
// A proxy takes the rules of its own namespace, else those of the Service's, else those of the root namespace, as far as they are exported
// to it; in each those of the most specific host; and of several the one whose workloadSelector selects it (Istio's pilot/pkg/model:
// PushContext.destinationRule, SidecarScope.DestinationRule). So a copy stands in the namespace of its rule and differs from it in the
// host, and in what is Relaxed: whoever finds the rule for the Service finds the copy for the canary. A wildcard that covers both hosts
// needs none.
func RulesFor(rules []*unstructured.Unstructured, t Target) Rules {
	var out Rules
	stable, canary := map[string][]*unstructured.Unstructured{}, map[string][]*unstructured.Unstructured{}
	for _, dr := range slices.SortedFunc(slices.Values(rules), earlier) {
		switch host := t.ruleHost(dr); {
		case host == t.Host():
			stable[dr.GetNamespace()] = append(stable[dr.GetNamespace()], dr)
		case host == t.CanaryHost():
			canary[dr.GetNamespace()] = append(canary[dr.GetNamespace()], dr)
		case wildcard(host, t.Host()) != wildcard(host, t.CanaryHost()):
			out.refuse("DestinationRule %s applies to one of the hosts %s and %s only, by its wildcard %s: "+
				"give it the whole host of a Service, or one that begins with \"*.\"", named(dr), t.Host(), t.CanaryHost(), host)
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(canary)) {
		if len(stable[namespace]) == 0 {
			out.refuse(strangeRule, named(canary[namespace][0]), t.CanaryHost(), t.Host())
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(stable)) {
		out.add(stable[namespace], canary[namespace], t)
	}
	return out
}

const strangeRule = "DestinationRule %s is for the canary's host %s, and those of its namespace for %s are not the same: remove it, or make them the same"

// add looks at the rules of one namespace, and at those that somebody has written there for the canary.
func (r *Rules) add(stable, canary []*unstructured.Unstructured, t Target) {
	denied := slices.IndexFunc(stable, func(dr *unstructured.Unstructured) bool { return !Allows(dr, t.Namespace) })
	switch {
	case len(canary) > 0 && slices.EqualFunc(stable, canary, sameRule):
		// Whoever looks after the namespace has written the copies.
	case len(canary) > 0:
		r.refuse(strangeRule, named(canary[0]), t.CanaryHost(), t.Host())
	case denied >= 0:
		r.refuse("DestinationRule %s applies to callers of %s, and would need a copy beside it for the canary's host %s: "+
			"annotate it with %s: %s, or write the copy", named(stable[denied]), t.Host(), t.CanaryHost(), v1alpha1.AllowAnnotation, t.Namespace)
	default:
		for i, dr := range stable {
			r.Copies, r.Relaxed = append(r.Copies, t.copyOf(dr, i)), append(r.Relaxed, Relaxed(dr)...)
		}
	}
}

// refuse notes the first problem.
func (r *Rules) refuse(format string, args ...any) {
	if r.Problem == "" {
		r.Problem = fmt.Sprintf(format, args...)
	}
}

func named(o *unstructured.Unstructured) string { return o.GetNamespace() + "/" + o.GetName() }

// earlier orders rules by namespace, and within one as Istio does.
func earlier(a, b *unstructured.Unstructured) int {
	selective := func(dr *unstructured.Unstructured) int {
		if _, found, _ := unstructured.NestedFieldNoCopy(dr.Object, "spec", "workloadSelector"); found { // malformed: none
			return 0
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), selective(a)-selective(b), older(a, b))
}

// older orders as Istio does: by creation, then by name.
func older(a, b *unstructured.Unstructured) int {
	x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(x.Compare(y.Time), strings.Compare(a.GetName(), b.GetName()), strings.Compare(a.GetNamespace(), b.GetNamespace()))
}

// ruleHost returns the host of a rule as Istio reads it: a name without a dot is that of a Service of its namespace, any other is whole.
func (t Target) ruleHost(dr *unstructured.Unstructured) string {
	host, _, _ := unstructured.NestedString(dr.Object, "spec", "host") // malformed: no host
	if host == "" || host == "*" || strings.Contains(host, ".") {
		return host
	}
	return host + "." + dr.GetNamespace() + ".svc." + t.domain()
}

// sameRule reports whether two rules say the same, each about its host.
func sameRule(a, b *unstructured.Unstructured) bool {
	x, _ := a.Object["spec"].(map[string]any) // malformed: nothing
	y, _ := b.Object["spec"].(map[string]any)
	x, y = maps.Clone(x), maps.Clone(y)
	delete(x, "host")
	delete(y, "host")
	return reflect.DeepEqual(x, y)
}

// copyOf is the copy of the rule that is the i-th of its namespace, from 0. What would leave callers without a pod, because the canary has few, is
// relaxed: see Relaxed.
func (t Target) copyOf(dr *unstructured.Unstructured, i int) *unstructured.Unstructured {
	spec := map[string]any{}
	if user, ok := dr.DeepCopy().Object["spec"].(map[string]any); ok {
		spec = user
	}
	spec["host"] = t.CanaryHost()
	for _, policy := range trafficPolicies(spec) {
		relax(policy)
	}
	return object("DestinationRule", dr.GetNamespace(), t.copyName(dr.GetNamespace(), i), dr.GetLabels(), spec)
}

// copyName is the name of the i-th copy in a namespace. Names sort as the copies do: of rules that were made in the same second, Istio
// takes the first by name.
func (t Target) copyName(namespace string, i int) string {
	switch name := t.canary() + "." + t.Namespace; {
	case i > 0:
		return fmt.Sprintf("%s.%03d", name, i+1)
	case namespace != t.Namespace:
		return name
	}
	return t.canary()
}

// IsCopy reports whether a rule has the name of a copy for the Target.
func (t Target) IsCopy(dr *unstructured.Unstructured) bool {
	others := t.canary() + "." + t.Namespace
	name := dr.GetName()
	return name == others || strings.HasPrefix(name, others+".") || name == t.canary() && dr.GetNamespace() == t.Namespace
}
