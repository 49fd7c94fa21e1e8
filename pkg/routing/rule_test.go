package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// destinationRule is one of a namespace and name ("shop/checkout") that is n seconds old in a cluster of a minute.
func destinationRule(t *testing.T, name string, n int, spec string) *unstructured.Unstructured {
	t.Helper()
	namespace, name, _ := strings.Cut(name, "/")
	dr := parse(t, `{apiVersion: networking.istio.io/v1beta1, kind: DestinationRule, metadata: {name: `+name+`, namespace: `+namespace+`}, spec: `+spec+`}`)
	dr.SetCreationTimestamp(metav1.NewTime(time.Unix(60-int64(n), 0)))
	return dr
}

// allowing lets releases of the namespace shop copy the rule.
func allowing(dr *unstructured.Unstructured) *unstructured.Unstructured {
	dr.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "bank, shop"})
	return dr
}

func TestEachRuleOfTheServiceIsCopiedBesideIt(t *testing.T) {
	const full = "checkout.shop.svc.cluster.local"
	rule := destinationRule(t, "shop/old", 9, `{host: checkout, future: {x: 1}, subsets: [{name: v1, labels: {version: v1}}]}`)
	rule.SetLabels(map[string]string{"team": "pay"})
	got := RulesFor([]*unstructured.Unstructured{
		destinationRule(t, "shop/young", 1, `{host: `+full+`, exportTo: ["."], trafficPolicy: {tls: {mode: DISABLE}}}`),
		rule,
		destinationRule(t, "shop/selective", 1, `{host: checkout, workloadSelector: {matchLabels: {app: web}}}`),
		allowing(destinationRule(t, "istio-system/checkout", 1, `{host: `+full+`, trafficPolicy: {tls: {mode: DISABLE}}}`)),
		destinationRule(t, "shop/wild", 9, `{host: "*.shop.svc.cluster.local"}`),
		destinationRule(t, "team/all", 9, `{host: "*"}`),
		destinationRule(t, "team/short", 9, `{host: checkout}`),
		destinationRule(t, "team/half", 9, `{host: checkout.shop}`), // Istio takes it for a host of its own
	}, checkout())
	if got.Problem != "" {
		t.Fatal(got.Problem)
	}
	var copies []map[string]any
	for _, c := range got.Copies {
		copies = append(copies, c.Object)
	}
	want := []map[string]any{
		parse(t, `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: checkout-canary.shop, namespace: istio-system},
			spec: {host: checkout-canary.shop.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}}`).Object,
		parse(t, `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: checkout-canary, namespace: shop},
			spec: {host: checkout-canary.shop.svc.cluster.local, workloadSelector: {matchLabels: {app: web}}}}`).Object,
		parse(t, `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: checkout-canary.shop.002, namespace: shop, labels: {team: pay}},
			spec: {host: checkout-canary.shop.svc.cluster.local, future: {x: 1}, subsets: [{name: v1, labels: {version: v1}}]}}`).Object,
		parse(t, `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: checkout-canary.shop.003, namespace: shop},
			spec: {host: checkout-canary.shop.svc.cluster.local, exportTo: ["."], trafficPolicy: {tls: {mode: DISABLE}}}}`).Object,
	}
	if diff := cmp.Diff(want, copies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	for _, c := range got.Copies {
		if !checkout().IsCopy(c) {
			t.Errorf("%s is not known for a copy", named(c))
		}
	}
	if host, _, err := unstructured.NestedString(rule.Object, "spec", "host"); err != nil || host != "checkout" {
		t.Errorf("the user's rule has the host %s, %v", host, err)
	}
}

func TestWhereTheCanaryWouldBeMetInAnotherWayTheRuleIsNamed(t *testing.T) {
	const full, canary = "checkout.shop.svc.cluster.local", "checkout-canary.shop.svc.cluster.local"
	one := func(name, spec string) *unstructured.Unstructured { return destinationRule(t, name, 1, spec) }
	cases := map[string]struct {
		rules []*unstructured.Unstructured
		want  []string // parts of the problem; none: there is none
	}{
		"a rule of the root namespace": {[]*unstructured.Unstructured{one("istio-system/checkout", `{host: `+full+`}`)},
			[]string{"istio-system/checkout", canary, "stagger.dev/allow: shop"}},
		"a rule of callers for themselves": {[]*unstructured.Unstructured{one("istio-ingress/checkout", `{host: `+full+`, exportTo: ["."]}`)},
			[]string{"istio-ingress/checkout", "stagger.dev/allow: shop"}},
		"one that others may copy": {[]*unstructured.Unstructured{one("web/a", `{host: `+full+`}`)}, []string{"web/a"}},
		"the second of two is not allowed": {[]*unstructured.Unstructured{allowing(one("web/a", `{host: `+full+`}`)), one("web/b", `{host: `+full+`}`)},
			[]string{"web/b"}},
		"its owner has written the copy": {[]*unstructured.Unstructured{one("web/a", `{host: `+full+`, trafficPolicy: {a: b}}`), one("web/b", `{host: `+canary+`, trafficPolicy: {a: b}}`)}, nil},
		"somebody has written another":   {[]*unstructured.Unstructured{one("shop/a", `{host: checkout}`), one("shop/b", `{host: checkout-canary, trafficPolicy: {a: b}}`)}, []string{"shop/b", "remove"}},
		"a rule for the canary alone":    {[]*unstructured.Unstructured{one("web/b", `{host: `+canary+`}`)}, []string{"web/b", "remove"}},
		"a wildcard of the Service":      {[]*unstructured.Unstructured{one("web/w", `{host: "*kout.shop.svc.cluster.local"}`)}, []string{"web/w", "*kout.shop"}},
		"a wildcard of canaries":         {[]*unstructured.Unstructured{one("web/w", `{host: "*-canary.shop.svc.cluster.local"}`)}, []string{"web/w", "*-canary.shop"}},
		"a wildcard of both":             {[]*unstructured.Unstructured{one("web/w", `{host: "*.shop.svc.cluster.local"}`)}, nil},
		"a wildcard of neither":          {[]*unstructured.Unstructured{one("web/w", `{host: "*-canary.bank.svc.cluster.local"}`)}, nil},
		"rules of another Service":       {[]*unstructured.Unstructured{one("web/checkout", `{host: checkout}`), one("shop/x", `{host: cart}`)}, nil},
		"what says no host":              {[]*unstructured.Unstructured{one("web/x", `{host: 7}`), one("web/y", `{}`)}, nil},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			got := RulesFor(test.rules, checkout()).Problem
			if (got == "") != (len(test.want) == 0) {
				t.Fatalf("the problem is %q", got)
			}
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("%q does not say %q", got, part)
				}
			}
		})
	}
}

// Wherever a caller is, and whichever namespace is the root, the canary is met by the rules by which the Service is.
func TestACallerMeetsTheCanaryByTheRulesOfTheService(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	namespaces := []string{"shop", "web", "istio-system"}
	copied, wild := 0, 0
	for range 500 {
		var rules []*unstructured.Unstructured
		for i := range 1 + r.IntN(6) {
			host := []string{"checkout.shop.svc.cluster.local", "checkout", `"*.shop.svc.cluster.local"`, `"*"`, "cart.shop.svc.cluster.local"}[r.IntN(5)]
			more := []string{"", `, exportTo: ["."]`, `, exportTo: ["*"]`, `, exportTo: [web]`, `, exportTo: [shop, istio-system]`, `, workloadSelector: {matchLabels: {app: a}}`}[r.IntN(6)]
			rules = append(rules, allowing(destinationRule(t, fmt.Sprintf("%s/r%d", namespaces[r.IntN(3)], r.IntN(1000)*10+i), r.IntN(3),
				fmt.Sprintf(`{host: %s, trafficPolicy: {is: "%d"}%s}`, host, i, more))))
		}
		needed := RulesFor(rules, checkout())
		if needed.Problem != "" {
			t.Fatal(needed.Problem)
		}
		all := slices.Clone(rules)
		for _, c := range needed.Copies {
			c.SetCreationTimestamp(metav1.NewTime(time.Unix(100, 0)))
			all = append(all, c)
		}
		for _, caller := range namespaces {
			for _, root := range namespaces {
				for _, app := range []string{"a", "b"} {
					stable, canary := metBy(all, checkout().Host(), caller, root, app), metBy(all, checkout().CanaryHost(), caller, root, app)
					if stable != canary {
						t.Fatalf("app %s of %s, where %s is the root, meets the Service by %q and the canary by %q:\n%v", app, caller, root, stable, canary, all)
					}
					if stable != "" && len(needed.Copies) > 0 {
						copied++
					} else if stable != "" {
						wild++
					}
				}
			}
		}
	}
	if copied < 500 || wild < 500 {
		t.Errorf("by copies a caller meets it %d times, by wildcards %d times: that proves little", copied, wild)
	}
}

// metBy are the traffic policies, first to last, that Istio has to choose from for an app of a namespace that calls a host of the namespace
// shop: those of its own namespace, of the Service's, of the root, each of the most specific host. What it makes of several, it makes of
// the same several for another host.
func metBy(rules []*unstructured.Unstructured, host, caller, root, app string) string {
	for stage, namespace := range []string{caller, "shop", root} {
		best, list := "", []*unstructured.Unstructured(nil)
		for _, dr := range slices.SortedFunc(slices.Values(rules), earlier) {
			h := checkout().ruleHost(dr)
			if dr.GetNamespace() != namespace || h != host && !wildcard(h, host) || !inPool(dr, stage == 0) || len(h) < len(best) {
				continue
			}
			if len(h) > len(best) {
				best, list = h, nil
			}
			list = append(list, dr)
		}
		var out []string
		for _, dr := range list {
			if stage > 0 && !exportedTo(dr, caller) {
				continue
			}
			selector, selective, _ := unstructured.NestedString(dr.Object, "spec", "workloadSelector", "matchLabels", "app")
			if selective && selector != app {
				continue
			}
			policy, _, _ := unstructured.NestedString(dr.Object, "spec", "trafficPolicy", "is")
			to, _, _ := unstructured.NestedStringSlice(dr.Object, "spec", "exportTo")
			out = append(out, fmt.Sprint(policy, to, selective))
		}
		if len(list) > 0 && (stage == 0 || len(out) > 0) {
			return strings.Join(out, " ")
		}
	}
	return ""
}

// inPool reports whether a rule is one of those that a namespace has for its own callers, or for others.
func inPool(dr *unstructured.Unstructured, own bool) bool {
	to, _, _ := unstructured.NestedStringSlice(dr.Object, "spec", "exportTo")
	_, selective, _ := unstructured.NestedMap(dr.Object, "spec", "workloadSelector")
	itself := slices.Contains(to, ".") || slices.Contains(to, dr.GetNamespace())
	if own {
		return selective || len(to) == 0 || itself || slices.Contains(to, "*")
	}
	return !selective && !(itself && len(to) == 1)
}

func exportedTo(dr *unstructured.Unstructured, caller string) bool {
	to, _, _ := unstructured.NestedStringSlice(dr.Object, "spec", "exportTo")
	return len(to) == 0 || slices.Contains(to, "*") || slices.Contains(to, caller)
}
