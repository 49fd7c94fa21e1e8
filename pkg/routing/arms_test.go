package routing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// subsets are two subsets of one host, the second of which is released.
func subsets() Target {
	return Target{Namespace: "shop", Arms: &Arms{Stable: Destination{Host: "checkout", Subset: "v1"}, Canary: Destination{Host: "checkout.shop.svc.cluster.local", Subset: "v2"}}}
}

func weightsOf(t *testing.T, vs *unstructured.Unstructured) []any {
	t.Helper()
	var all []any
	for _, item := range list(vs, kindHTTP) {
		route, ok := item.(map[string]any)
		if !ok {
			t.Fatalf("route %v", item)
		}
		destinations, _ := route["route"].([]any)
		for _, d := range destinations {
			entry, ok := d.(map[string]any)
			if !ok {
				t.Fatalf("destination %v", d)
			}
			all = append(all, entry["weight"])
		}
	}
	return all
}

func TestWeightsMoveBetweenTwoDestinationsOfTheUser(t *testing.T) {
	const v1, v2 = `{destination: {host: checkout, subset: v1}, weight: %1}`, `{destination: {host: checkout, subset: v2}, weight: %2}`
	between := func(first, second string) string {
		return strings.NewReplacer("%1", first, "%2", second).Replace(v1 + ", " + v2)
	}
	cases := map[string]struct {
		routes                   string
		split, aborted, promoted []any
	}{
		"all on the first": {`[{route: [` + between("100", "0") + `]}]`, []any{750000, 250000}, []any{100, 0}, []any{0, 100}},
		"of any sum":       {`[{route: [` + between("7", "0") + `]}]`, []any{750000, 250000}, []any{7, 0}, []any{0, 7}},
		"beside another": {`[{route: [{destination: {host: pay}, weight: 40}, ` + between("60", "0") + `]}]`,
			[]any{2000000, 2250000, 750000}, []any{40, 60, 0}, []any{40, 0, 60}},
		"a route with one of them only": {`[{route: [{destination: {host: checkout, subset: v1}}]}, {route: [` + between("100", "0") + `]}]`,
			[]any{nil, 750000, 250000}, []any{nil, 100, 0}, []any{nil, 0, 100}},
		"the other way round": {`[{route: [{destination: {host: checkout, subset: v2}, weight: 0}, {destination: {host: checkout, subset: v1}, weight: 100}]}]`,
			[]any{250000, 750000}, []any{0, 100}, []any{100, 0}},
		"a weight that is left out": {`[{route: [{destination: {host: checkout, subset: v1}, weight: 100}, {destination: {host: checkout, subset: v2}}]}]`,
			[]any{750000, 250000}, []any{100, 0}, []any{0, 100}},
		"of other ports": {`[{route: [{destination: {host: checkout, subset: v1, port: {number: 81}}, weight: 9}, ` + between("9", "0") + `]}]`,
			[]any{1000000, 750000, 250000}, []any{9, 9, 0}, []any{9, 0, 9}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			user := withRoutes(t, c.routes)
			quarter := raised(t, user, subsets(), 250_000, seven())
			if diff := cmp.Diff(numbers(c.split), numbers(weightsOf(t, quarter))); diff != "" {
				t.Errorf("a quarter (-want +got):\n%s", diff)
			}
			if low, high, found := Share(quarter, subsets()); low != 250_000 || high != 250_000 || !found {
				t.Errorf("a quarter is read as %d to %d", low, high)
			}
			for share, want := range map[int64][]any{0: c.aborted, Whole: c.promoted} {
				p, err := Restore(raised(t, quarter, subsets(), share, seven()), subsets(), shift)
				if err != nil {
					t.Fatal(err)
				}
				got := apply(t, raised(t, quarter, subsets(), share, seven()), mustJSON(t, p))
				if diff := cmp.Diff(numbers(want), numbers(weightsOf(t, got))); diff != "" || len(got.GetAnnotations()) > 0 {
					t.Errorf("at %d (-want +got):\n%s%v", share, diff, got.GetAnnotations())
				}
			}
		})
	}
}

// numbers makes weights of any type of number alike.
func numbers(weights []any) []any {
	var out []any
	for _, w := range weights {
		if n, ok := integer(w); ok {
			w = n
		}
		out = append(out, w)
	}
	return out
}

func TestDestinationsThatAreNotBothNamedAreLeftAlone(t *testing.T) {
	user := withRoutes(t, `[{route: [{destination: {host: checkout, subset: v2}}]}, {route: [{destination: {host: checkout}}]}]`)
	if got := Routes(user, subsets()); len(got) > 0 {
		t.Errorf("concerned: %+v", got)
	}
}

func TestServiceOfADestination(t *testing.T) {
	target := Target{Namespace: "shop"}
	for host, want := range map[string][2]string{
		"checkout": {"checkout", "shop"}, "checkout.pay.svc": {"checkout", "pay"}, "checkout.pay.svc.cluster.local": {"checkout", "pay"},
		"vm.example.com": {"vm.example.com", "shop"},
	} {
		if name, namespace := target.ServiceOf(Destination{Host: host}); name != want[0] || namespace != want[1] {
			t.Errorf("%s is %s in %s", host, name, namespace)
		}
	}
}

func TestRevisionOfASubset(t *testing.T) {
	rules := []*unstructured.Unstructured{
		parse(t, `{kind: DestinationRule, metadata: {name: other, namespace: shop}, spec: {host: pay, subsets: [{name: v1, labels: {version: "9"}}]}}`),
		parse(t, `{kind: DestinationRule, metadata: {name: checkout, namespace: shop}, spec: {host: checkout.shop.svc.cluster.local, subsets: [
  {name: v1, labels: {version: "1.0", app: checkout}}, {name: v2, labels: {version: "1.1", service.istio.io/canonical-revision: blue}}, {name: bare, labels: {track: canary}}]}}`),
	}
	cases := map[string]struct{ subset, want, says string }{
		"by version":            {subset: "v1", want: "1.0"},
		"by canonical revision": {subset: "v2", want: "blue"},
		"without either":        {subset: "bare", says: "has none of the labels"},
		"nowhere":               {subset: "v3", says: "no DestinationRule of namespace shop has the subset v3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := RevisionOf(rules, Target{Namespace: "shop"}, Destination{Host: "checkout", Subset: c.subset})
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
