package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// at is a VirtualService of a namespace that releases of shop may write, with a spec in YAML flow style.
func at(t *testing.T, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	vs := withSpec(t, spec)
	vs.SetNamespace(namespace)
	vs.SetName(name)
	vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "shop"})
	return vs
}

const toCheckout = `route: [{destination: {host: checkout.shop.svc.cluster.local}}]`

func TestRingsThatNoRouteHasAreRefused(t *testing.T) {
	simple := func(spec string) []*unstructured.Unstructured {
		return []*unstructured.Unstructured{at(t, "shop", "checkout", spec)}
	}
	cases := map[string]struct {
		vss   []*unstructured.Unstructured
		rings []Ring
		want  string
	}{
		"fit":                 {simple(`{hosts: [checkout], http: [{` + toCheckout + `}]}`), []Ring{staff(), backoffice()}, ""},
		"fit in one of two":   {append(simple(`{hosts: [checkout], http: [{`+toCheckout+`}]}`), at(t, "edge", "web", `{hosts: [x], gateways: [web], http: [{`+toCheckout+`}]}`)), []Ring{early()}, ""},
		"no route":            {nil, []Ring{staff()}, "ring staff matches no route of checkout."},
		"connections alone":   {simple(`{hosts: [checkout], tcp: [{` + toCheckout + `}]}`), []Ring{staff()}, "ring staff matches no route of checkout."},
		"a claim in the mesh": {simple(`{hosts: [checkout], http: [{` + toCheckout + `}]}`), []Ring{staff(), early()}, "ring early matches no route of checkout: claims of tokens are known at gateways only, and the VirtualService is one of the mesh."},
		"gateways everywhere": {simple(`{hosts: [checkout], http: [{match: [{gateways: [mesh]}, {sourceNamespace: x}], ` + toCheckout + `}]}`), []Ring{backoffice()},
			"ring backoffice matches no route of checkout: Istio does not look at who calls where a match has gateways; no caller is in the namespaces x and backoffice."},
		"one that may not be written": {[]*unstructured.Unstructured{withNamespace(withRoutes(t, `[{`+toCheckout+`}]`), "edge")}, []Ring{staff()}, "ring staff matches no route of checkout."},
		"a header of its own":         {simple(`{hosts: [checkout], http: [{match: [{headers: {x-cohort: {prefix: s}}}], ` + toCheckout + `}]}`), []Ring{staff()}, `VirtualService shop/checkout, http[0]: ring staff: header x-cohort has to be exact "staff", and the route has a condition of its own for it, prefix "s": Istio takes one for each header: ring cannot be told apart.`},
		"weights that cannot be":      {simple(`{hosts: [checkout], http: [{route: [{destination: {host: checkout}, weight: 1}, {destination: {host: x}, weight: 2000000}]}]}`), []Ring{staff()}, "destination x has weight 2000000"},
		"a Service named like it":     {simple(`{hosts: [checkout], http: [{` + toCheckout + `}], tcp: [{route: [{destination: {host: checkout-ring-staff}}]}]}`), []Ring{staff()}, "VirtualService shop/checkout names checkout-ring-staff itself, which is a host for rings: take it out, or give that Service another name."},
		"too many":                    {[]*unstructured.Unstructured{large(mostRoutes)}, []Ring{staff()}, "with the copies for rings, and one patch can write"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := RingsUnsupported(c.vss, inviting(), c.rings)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("our own Services, marked", func(t *testing.T) {
		live := ringed(t, withRoutes(t, two), []Ring{staff()}, nil)
		if got := RingsUnsupported([]*unstructured.Unstructured{live}, checkout(), []Ring{staff()}); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

func withNamespace(vs *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	vs.SetNamespace(namespace)
	return vs
}

// TestNoRingTakesRequestsOfAnotherVirtualService has those that a gateway merges: the routes of one that match everything come last, a ring's
// copy of them does not.
func TestNoRingTakesRequestsOfAnotherVirtualService(t *testing.T) {
	const shadow = "VirtualServices %s and edge/pay have the same host at the same Gateway, and a ring of checkout would take requests of the second"
	const pays = `http: [{match: [{uri: {prefix: /pay}}], route: [{destination: {host: pay}}]}]`
	everything := `{hosts: [www.example.com], gateways: [web], http: [{` + toCheckout + `}]}`
	cases := map[string]struct {
		vss  []*unstructured.Unstructured
		ring Ring
		want string
	}{
		"of one host": {[]*unstructured.Unstructured{at(t, "edge", "a", everything), at(t, "edge", "pay", `{hosts: [x, WWW.example.com], gateways: [web], `+pays+`}`)}, staff(), fmt.Sprintf(shadow, "edge/a")},
		"of one host, by a delegate": {[]*unstructured.Unstructured{at(t, "shop", "a", `{http: [{`+toCheckout+`}]}`),
			at(t, "edge", "root", `{hosts: [www.example.com], gateways: [web], http: [{delegate: {name: a, namespace: shop}}]}`),
			at(t, "edge", "pay", `{hosts: [www.example.com], gateways: [web], `+pays+`}`)}, staff(), fmt.Sprintf(shadow, "edge/root")},
		"by a delegate for a part": {[]*unstructured.Unstructured{at(t, "shop", "a", `{http: [{`+toCheckout+`}]}`),
			at(t, "edge", "root", `{hosts: [www.example.com], gateways: [web], http: [{match: [{uri: {prefix: /a}}], delegate: {name: a, namespace: shop}}]}`),
			at(t, "edge", "pay", `{hosts: [www.example.com], gateways: [web], `+pays+`}`)}, staff(), ""},
		"of another host":            {[]*unstructured.Unstructured{at(t, "edge", "a", everything), at(t, "edge", "pay", `{hosts: [pay.example.com], gateways: [web], `+pays+`}`)}, staff(), ""},
		"at another gateway":         {[]*unstructured.Unstructured{at(t, "edge", "a", everything), at(t, "edge", "pay", `{hosts: [www.example.com], gateways: [other], `+pays+`}`)}, staff(), ""},
		"two that match everything":  {[]*unstructured.Unstructured{at(t, "edge", "a", everything), at(t, "edge", "pay", everything)}, staff(), ""},
		"a copy that does not widen": {[]*unstructured.Unstructured{at(t, "edge", "a", everything), at(t, "edge", "pay", `{hosts: [www.example.com], gateways: [web], `+pays+`}`)}, backoffice(), ""},
		"a route that is narrow": {[]*unstructured.Unstructured{at(t, "edge", "a", `{hosts: [www.example.com], gateways: [web], http: [{match: [{uri: {prefix: /a}}], `+toCheckout+`}]}`),
			at(t, "edge", "pay", `{hosts: [www.example.com], gateways: [web], `+pays+`}`)}, staff(), ""},
		"in the mesh": {[]*unstructured.Unstructured{at(t, "edge", "a", `{hosts: [checkout.shop.svc.cluster.local], http: [{`+toCheckout+`}]}`),
			at(t, "edge", "pay", `{hosts: [checkout.shop.svc.cluster.local], `+pays+`}`)}, staff(), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := RingsUnsupported(c.vss, inviting(), []Ring{c.ring})
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestACopyThatIstioWouldDropIsRefused has delegates, whose routes are merged with those that delegate to them: a copy that is dropped leaves
// its ring to the share of all others.
func TestACopyThatIstioWouldDropIsRefused(t *testing.T) {
	const dropped = "VirtualService shop/a, http[0] (api): VirtualService edge/root delegates to it by a match with %s, beside which Istio drops the copy for ring staff: take it out of that match."
	cases := map[string]struct{ root, match, want string }{
		"no match":                     {`[]`, `[]`, ""},
		"a path":                       {`[{uri: {prefix: /a}, port: 80, gateways: [web]}]`, `[]`, ""},
		"any case of a path":           {`[{uri: {prefix: /a}, ignoreUriCase: true}]`, `[]`, "ignoreUriCase"},
		"any case, as the route":       {`[{ignoreUriCase: true}]`, `[{ignoreUriCase: true, uri: {prefix: /a}}]`, ""},
		"any case, the route not":      {`[{ignoreUriCase: true}]`, `[{uri: {prefix: /a}}]`, ""},
		"who calls":                    {`[{}, {sourceNamespace: web}]`, `[]`, "sourceNamespace"},
		"who calls, as the route":      {`[{sourceNamespace: web}]`, `[{sourceNamespace: web}]`, ""},
		"another header":               {`[{headers: {a: {regex: b}}}]`, `[]`, ""},
		"the header":                   {`[{headers: {x-cohort: {exact: staff}}}]`, `[]`, ""},
		"the beginning of the header":  {`[{headers: {x-cohort: {prefix: st}}}]`, `[]`, ""},
		"the header, as an expression": {`[{headers: {x-cohort: {regex: staff}}}]`, `[]`, "a condition for the header x-cohort"},
		"the header at all":            {`[{headers: {x-cohort: {}}}]`, `[]`, "a condition for the header x-cohort"},
		"another beginning":            {`[{headers: {x-cohort: {prefix: x}}}]`, `[]`, "a condition for the header x-cohort"},
		"another value":                {`[{headers: {x-cohort: {exact: x}}}]`, `[]`, "a condition for the header x-cohort"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vss := []*unstructured.Unstructured{
				at(t, "shop", "a", `{http: [{name: api, match: `+c.match+`, `+toCheckout+`}]}`),
				at(t, "edge", "root", `{hosts: [x], gateways: [web], http: [{match: `+c.root+`, delegate: {name: a, namespace: shop}}]}`),
				at(t, "edge", "other", `{hosts: [y], gateways: [web], http: [{match: [{ignoreUriCase: true}], delegate: {name: a}}]}`),
			}
			want := ""
			if c.want != "" {
				want = fmt.Sprintf(dropped, c.want)
			}
			if got := RingsUnsupported(vss, checkout(), []Ring{staff()}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestWhatMatchesEverythingAtAGateway(t *testing.T) {
	for match, want := range map[string]bool{
		`null`: true, `[]`: true, `[{}]`: true, `[{uri: {prefix: /}}]`: true, `[{uri: {regex: .*}, port: 80, gateways: [web]}]`: true, `[{uri: {exact: /a}}, {uri: {prefix: /}}]`: true,
		`[{uri: {prefix: /a}}]`: false, `[{headers: {a: {}}}]`: false, `[{withoutHeaders: {a: {}}}]`: false, `[{queryParams: {a: {}}}]`: false,
		`[{method: {exact: GET}}]`: false, `[{authority: {exact: a}}]`: false, `[{scheme: {exact: http}}]`: false, `[{uri: {exact: /}}]`: false,
	} {
		raw, _ := list(withRoutes(t, `[{match: `+match+`}]`), kindHTTP)[0].(map[string]any)
		if got := matchesAll(raw); got != want {
			t.Errorf("%s: %v", match, got)
		}
	}
}

func TestWhoIsLeftOutOfARingIsSaid(t *testing.T) {
	vss := []*unstructured.Unstructured{
		at(t, "shop", "checkout", `{hosts: [checkout], http: [{name: api, match: [{gateways: [mesh]}, {port: 1}], `+toCheckout+`}, {route: [{destination: {host: pay}}]}], tcp: [{`+toCheckout+`}], tls: [{match: [{sniHosts: [a.b]}], `+toCheckout+`}]}`),
		withNamespace(withRoutes(t, `[{`+toCheckout+`}]`), "edge"),
	}
	want := []string{
		"VirtualService shop/checkout, http[0] (api): the ring backoffice is not told apart there by all that it matches: Istio does not look at who calls where a match has gateways",
		"VirtualService shop/checkout, http[0] (api): the ring early is not told apart there by all that it matches: claims of tokens are known at gateways only, and the VirtualService is one of the mesh",
		"VirtualService shop/checkout, tcp[0] carries connections to checkout, in which no ring can be told apart: its callers are in none",
		"VirtualService shop/checkout, tls[0] carries connections to checkout, in which no ring can be told apart: its callers are in none",
	}
	if diff := cmp.Diff(want, RingDoubts(vss, checkout(), []Ring{staff(), backoffice(), early()})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := RingDoubts(vss, checkout(), nil); len(got) > 0 {
		t.Errorf("without rings: %v", got)
	}
}

// TestTheServicesOfRingsHaveTheUsersRules copies a DestinationRule for each of them.
func TestTheServicesOfRingsHaveTheUsersRules(t *testing.T) {
	rule := parse(t, `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a, namespace: shop}, spec: {host: checkout, subsets: [{name: v1}]}}`)
	var hosts []string
	for _, target := range checkout().RingTargets([]Ring{staff()}) {
		got := RulesFor([]*unstructured.Unstructured{rule}, target)
		if len(got.Copies) != 1 || got.Problem != "" || !target.IsCopy(got.Copies[0]) {
			t.Fatalf("%+v", got)
		}
		host, _, err := unstructured.NestedString(got.Copies[0].Object, "spec", "host")
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, got.Copies[0].GetName()+" "+host)
	}
	want := []string{"checkout-ring-staff checkout-ring-staff.shop.svc.cluster.local", "checkout-ring-canary checkout-ring-canary.shop.svc.cluster.local"}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASidecarWithAClosedListIsNamed(t *testing.T) {
	const ring, all = "checkout-ring-staff.shop.svc.cluster.local", "checkout-ring-canary.shop.svc.cluster.local"
	missing := func(namespace, by string, listener int) string {
		return fmt.Sprintf(`Sidecar %s/default lists the host checkout.shop.svc.cluster.local and not those of its rings: add "%s/%s", "%s/%s" to spec.egress[%d].hosts.`,
			namespace, by, ring, by, all, listener)
	}
	cases := map[string]struct{ namespace, egress, want string }{
		"no egress":                      {"web", `null`, ""},
		"everything":                     {"web", `[{hosts: ["*/*"]}]`, ""},
		"the namespace":                  {"web", `[{hosts: ["shop/*"]}]`, ""},
		"by a part of the name":          {"web", `[{hosts: ["*/*.svc.cluster.local"]}]`, ""},
		"its own namespace":              {"shop", `[{hosts: ["./*", "istio-system/*"]}]`, ""},
		"another namespace":              {"web", `[{hosts: ["./*", "other/*"]}]`, ""},
		"another Service":                {"web", `[{hosts: ["shop/pay.shop.svc.cluster.local"]}]`, ""},
		"the Service":                    {"web", `[{hosts: ["shop/checkout.shop.svc.cluster.local"]}]`, missing("web", "shop", 0)},
		"the Service, of any namespace":  {"web", `[{hosts: ["*/checkout.shop.svc.cluster.local"]}]`, missing("web", "*", 0)},
		"the Service, of its own":        {"shop", `[{hosts: ["./checkout.shop.svc.cluster.local"]}]`, missing("shop", ".", 0)},
		"its own is another":             {"web", `[{hosts: ["./checkout.shop.svc.cluster.local"]}]`, ""},
		"in the second listener":         {"web", `[{port: {number: 9}, hosts: ["*/*"]}, {hosts: ["shop/checkout.shop.svc.cluster.local"]}]`, missing("web", "shop", 1)},
		"with all of it":                 {"web", `[{hosts: ["shop/checkout.shop.svc.cluster.local", "shop/` + ring + `", "*/` + all + `"]}]`, ""},
		"with one of two":                {"web", `[{hosts: ["shop/checkout.shop.svc.cluster.local", "shop/` + ring + `"]}]`, `add "shop/` + all + `" to spec.egress[0].hosts.`},
		"nowhere":                        {"web", `[{hosts: ["~/*"]}]`, ""},
		"all but ours":                   {"web", `[{hosts: ["*/*", "~shop/` + ring + `", "~/` + all + `"]}]`, missing("web", "*", 0)},
		"all but the Service":            {"web", `[{hosts: ["*/*", "~*/checkout.shop.svc.cluster.local"]}]`, ""},
		"what is malformed lists nobody": {"web", `[7, {hosts: x}, {hosts: [1, checkout.shop.svc.cluster.local]}]`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sidecar := parse(t, `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: `+c.namespace+`}, spec: {egress: `+c.egress+`}}`)
			got := Unlisted(sidecar, checkout(), []string{ring, all})
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
