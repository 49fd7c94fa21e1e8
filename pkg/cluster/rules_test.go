package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// writesOf are the writes that an action takes, in short.
func writesOf(t *testing.T, p *place, verb release.Verb) (writes []string, made []*unstructured.Unstructured) {
	t.Helper()
	v := cluster.Observe(p.objects(), settings(), noon)
	for _, w := range cluster.Plan(v, release.Decision{Actions: []release.Action{{Verb: verb}}}) {
		u, ok := w.Object.(*unstructured.Unstructured)
		if !ok || w.Err != nil {
			t.Fatalf("%s: %v", w, w.Err)
		}
		writes = append(writes, string(w.Kind)+" "+u.GetNamespace()+"/"+u.GetName())
		if w.Kind == cluster.Create {
			made = append(made, u)
		}
	}
	return writes, made
}

// elsewhere is the rule in another namespace, whose owner lets it be copied.
func elsewhere(namespace string, dr *unstructured.Unstructured) *unstructured.Unstructured {
	dr.SetNamespace(namespace)
	dr.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "shop"})
	return dr
}

// In each namespace Istio ranks rules by their age, so a copy is made when those before it are there, and anew when one before it was lost.
func TestCopiesOfRulesAreMadeInTheirOrder(t *testing.T) {
	p := inTheMiddle("shop")
	selective := p.rule("selective", "web")
	selective.Object["spec"] = map[string]any{"host": "web", "workloadSelector": map[string]any{"matchLabels": map[string]any{"app": "cart"}}}
	p.rules = append(p.rules, selective, elsewhere("edge", p.rule("web", "web.shop.svc.cluster.local")))
	check := func(what string, verb release.Verb, want ...string) []*unstructured.Unstructured {
		t.Helper()
		got, made := writesOf(t, p, verb)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s (-want +got):\n%s", what, d)
		}
		return made
	}
	p.rules = append(p.rules, check("none is there", release.MakeRule, "create edge/web-canary.shop", "create shop/web-canary")...)
	p.rules = append(p.rules, check("the first is there", release.MakeRule, "create shop/web-canary.shop.002")...)
	check("all are there", release.MakeRule)
	if f := cluster.Observe(p.objects(), settings(), noon).Facts.Canary; f.RulesDue || !f.RuleExists {
		t.Errorf("facts of all copies: %+v", f)
	}
	whole := slices.Clone(p.rules)
	p.rules = slices.DeleteFunc(slices.Clone(whole), func(u *unstructured.Unstructured) bool { return u.GetName() == "web-canary" })
	check("the first was lost", release.MakeRule, "create shop/web-canary", "delete shop/web-canary.shop.002")
	p.rules = slices.DeleteFunc(slices.Clone(whole), func(u *unstructured.Unstructured) bool { return u == selective })
	check("a rule is gone", release.MakeRule, "patch shop/web-canary", "delete shop/web-canary.shop.002")
	check("the end", release.RemoveRule, "delete edge/web-canary.shop", "delete shop/web-canary", "delete shop/web-canary.shop.002")
}

// Labels of the Service and of the rule come along, but for those by which tools find their own objects.
func TestWhatIsMadeHasTheLabelsThatPoliciesAskFor(t *testing.T) {
	p := inTheMiddle("shop")
	p.service.Labels["owner"], p.service.Labels["team"], p.service.Labels["app.kubernetes.io/instance"] = "pay", "till", "shop"
	p.rules[0].SetLabels(map[string]string{"team": "mesh", "app.kubernetes.io/managed-by": "Helm"})
	p.routes = nil
	_, made := writesOf(t, p, release.MakeRule)
	_, routes := writesOf(t, p, release.Raise)
	if len(made) != 1 || len(routes) != 1 {
		t.Fatalf("made %d rules and %d routes", len(made), len(routes))
	}
	for o, team := range map[*unstructured.Unstructured]string{made[0]: "mesh", routes[0]: "till"} {
		want := map[string]string{"owner": "pay", "team": team, "app.kubernetes.io/managed-by": "stagger"}
		if d := cmp.Diff(want, o.GetLabels()); d != "" {
			t.Errorf("labels of %s (-want +got):\n%s", o.GetKind(), d)
		}
	}
	if mark := made[0].GetAnnotations()[v1alpha1.ReleaseAnnotation]; mark != "shop/web 3" {
		t.Errorf("the copy is marked %q", mark)
	}
}

func TestARuleThatCannotBeCopiedIsNamed(t *testing.T) {
	cases := map[string]struct {
		rules  func(p *place) []*unstructured.Unstructured
		reason v1alpha1.Reason
		names  string
	}{
		"of another namespace": {func(p *place) []*unstructured.Unstructured {
			dr := p.rule("web", "web.shop.svc.cluster.local")
			dr.SetNamespace("edge")
			return []*unstructured.Unstructured{dr}
		}, v1alpha1.ReasonRouteUnsupported, "edge/web"},
		"whose copy's name is taken": {func(p *place) []*unstructured.Unstructured {
			taken := p.rule("web-canary.shop", "other")
			taken.SetNamespace("edge")
			return []*unstructured.Unstructured{elsewhere("edge", p.rule("web", "web.shop.svc.cluster.local")), taken}
		}, v1alpha1.ReasonNameTaken, "edge/web-canary.shop"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			p.rules = c.rules(p)
			problem := cluster.Observe(p.objects(), settings(), noon).Facts.Wanted.Problem
			if problem == nil || problem.Reason != c.reason || !strings.Contains(problem.Message, c.names) {
				t.Errorf("the problem is %+v", problem)
			}
		})
	}
}
