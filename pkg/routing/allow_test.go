package routing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAllows(t *testing.T) {
	got := map[string]bool{}
	for _, annotation := range []string{"", "shop", "team,shop", "shopping", "*"} {
		vs := parse(t, `{kind: VirtualService, metadata: {name: x, namespace: pay}}`)
		vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: annotation})
		got[annotation] = Allows(vs, "shop")
	}
	if diff := cmp.Diff(map[string]bool{"": false, "shop": true, "team,shop": true, "shopping": false, "*": false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever allows a namespace to write his routes gives it no power over what goes to others.
func TestInAnotherNamespaceWeightsMoveBetweenOnesOwnServicesAlone(t *testing.T) {
	const own, theirs = "checkout.shop.svc.cluster.local", "ledger.bank.svc.cluster.local"
	cases := map[string]struct {
		namespace, stable, canary string
		want                      bool
	}{
		"one's own":                            {"edge", own, "checkout", true},
		"one's own in part":                    {"edge", own, "checkout-2.shop", true},
		"a third party's canary":               {"edge", own, theirs, false},
		"a third party's stable":               {"edge", "ledger.bank.svc", own, false},
		"both of a third party":                {"edge", "ledger.bank", "books.bank", false},
		"hosts of no Service":                  {"edge", "blue.example.com", "green.example.com", false},
		"a host that ends like one's own":      {"edge", "a.b.shop", own, false},
		"where nobody allows it":               {"pay", own, "checkout", false},
		"hosts of no Service in one's own":     {"shop", "blue.example.com", "green.example.com", true},
		"a third party's in one's own routing": {"shop", own, theirs, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := parse(t, `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, namespace: `+c.namespace+`}, spec: {http: [{route: [
				{destination: {host: `+c.stable+`}, weight: 100}, {destination: {host: `+c.canary+`}, weight: 0}]}]}}`)
			if c.namespace == "edge" {
				vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "shop"})
			}
			target := Target{Namespace: "shop", Invites: "edge, pay", Arms: &Arms{Stable: Destination{Host: c.stable}, Canary: Destination{Host: c.canary}}}
			carrier, known := CarrierOf(vs)
			if got := known && carrier.Read(target, Reader{Shift: shift, Written: -1}).Allowed; got != c.want {
				t.Errorf("may write it: %t, want %t", got, c.want)
			}
		})
	}
}

// Both sides have to want that routes of another namespace take part in releases.
func TestBothSidesHaveToAllowIt(t *testing.T) {
	const theirs, ours = "stagger.dev/allow: shop", "Service checkout with stagger.dev/allow: edge"
	cases := map[string]struct{ namespace, allows, invites, lacks string }{
		"nobody":              {"edge", "", "", "annotate it with " + theirs + " and " + ours},
		"others":              {"edge", "bank", "edges, partners", "annotate it with " + theirs + " and " + ours},
		"its owner alone":     {"edge", "shop", "", "annotate " + ours},
		"its owner, to all":   {"edge", "shop", "*", "annotate " + ours},
		"the Service's alone": {"edge", "", "edge", "annotate it with " + theirs},
		"both":                {"edge", "bank, shop", "partners,edge", ""},
		"of its namespace":    {"shop", "", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			target := checkout()
			target.Invites = c.invites
			vs := parse(t, `{kind: VirtualService, metadata: {name: x, namespace: `+c.namespace+`}}`)
			vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: c.allows})
			if got := target.Lacks(vs); got != c.lacks || target.MayWrite(vs) != (c.lacks == "") {
				t.Errorf("lacks %q, want %q; may be written: %t", got, c.lacks, target.MayWrite(vs))
			}
		})
	}
	vs := parse(t, `{kind: VirtualService, metadata: {name: x, namespace: edge, annotations: {stagger.dev/allow: shop}}}`)
	if got, want := subsets().Lacks(vs), "annotate the TrafficShift with stagger.dev/allow: edge"; got != want {
		t.Errorf("between destinations it lacks %q, want %q", got, want)
	}
}

func TestWhatIsCoveredByRoutesThatTakeNoPart(t *testing.T) {
	one := func(name, annotations, host string) *unstructured.Unstructured {
		return parse(t, `{kind: VirtualService, metadata: {name: `+name+`, namespace: edge, annotations: `+annotations+`},
			spec: {hosts: [checkout.shop.svc.cluster.local], http: [{route: [{destination: {host: `+host+`}}]}]}}`)
	}
	const own = "give the Service one of its own in namespace shop"
	for want, vss := range map[string][]*unstructured.Unstructured{
		own: {one("a", "{}", "elsewhere")},
		own + ", or let VirtualService edge/b take part: annotate Service checkout with stagger.dev/allow: edge": {one("a", "{}", "elsewhere"),
			one("b", "{stagger.dev/allow: shop}", "checkout.shop")},
	} {
		if got := Unrouted(vss, checkout()); !strings.HasSuffix(got, want) {
			t.Errorf("got %q, want it to end with %q", got, want)
		}
	}
}
