package routing

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestDoubts(t *testing.T) {
	one := func(namespace, name, created, annotations, spec string) *unstructured.Unstructured {
		return parse(t, `{kind: VirtualService, metadata: {name: `+name+`, namespace: `+namespace+`, creationTimestamp: "`+created+`", annotations: `+annotations+`}, spec: `+spec+`}`)
	}
	const early, late = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
	const routed = `http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]`
	cases := map[string]struct {
		vss    []*unstructured.Unstructured
		target Target
		want   []string
	}{
		"nothing":    {},
		"its own":    {vss: []*unstructured.Unstructured{one("shop", "a", early, "{}", `{hosts: [checkout], `+routed+`}`)}},
		"of another": {vss: []*unstructured.Unstructured{one("pay", "a", early, "{}", `{hosts: [pay], `+routed+`}`)}, want: []string{"annotate it with stagger.dev/allow: shop"}},
		"that allows": {vss: []*unstructured.Unstructured{
			one("edge", "a", early, `{stagger.dev/allow: "team, shop"}`, `{hosts: [pay], `+routed+`}`),
			one("pay", "b", early, "{}", `{hosts: [pay], http: [{route: [{destination: {host: checkout}}]}]}`),
		}},
		"that allows and nobody invited": {vss: []*unstructured.Unstructured{one("pay", "a", early, `{stagger.dev/allow: shop}`, `{hosts: [pay], exportTo: ["."], `+routed+`}`)},
			want: []string{"VirtualService pay/a routes to checkout as well and is left alone, so its callers stay on the stable: annotate Service checkout with stagger.dev/allow: pay"}},
		"nothing of two arms": {target: subsets(), vss: []*unstructured.Unstructured{one("pay", "a", early, "{}", `{hosts: [pay], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local, subset: v1}}]}]}`)}},
		"of another, for two arms": {target: subsets(), vss: []*unstructured.Unstructured{one("pay", "a", early, "{}",
			`{hosts: [pay], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local, subset: v1}}, {destination: {host: checkout.shop.svc.cluster.local, subset: v2}}]}]}`)},
			want: []string{"VirtualService pay/a routes to checkout subset v1 and checkout.shop.svc.cluster.local subset v2 as well"}},
		"that allows, between others": {
			target: Target{Namespace: "shop", Arms: &Arms{Stable: Destination{Host: "ledger.bank"}, Canary: Destination{Host: "books.bank"}}},
			vss: []*unstructured.Unstructured{one("pay", "a", early, `{stagger.dev/allow: shop}`,
				`{hosts: [pay], http: [{route: [{destination: {host: ledger.bank.svc.cluster.local}, weight: 1}, {destination: {host: books.bank}}]}]}`)},
			want: []string{"in another namespace weights are moved between Services of shop alone"},
		},
		"exported to few": {vss: []*unstructured.Unstructured{one("shop", "a", early, "{}", `{hosts: [checkout], exportTo: [".", team], `+routed+`}`)}, want: []string{"exported to ., team only"}},
		"exported to all": {vss: []*unstructured.Unstructured{one("shop", "a", early, "{}", `{hosts: [checkout], exportTo: ["*"], `+routed+`}`)}},
		"of another, for itself": {vss: []*unstructured.Unstructured{one("pay", "a", early, "{}", `{hosts: [pay], exportTo: ["."], `+routed+`}`)},
			want: []string{"annotate it with stagger.dev/allow: shop"}},
		"one of the host beside another's for itself": {vss: []*unstructured.Unstructured{
			one("pay", "a", early, "{}", `{hosts: [checkout.shop.svc.cluster.local], exportTo: ["."]}`), one("shop", "b", late, "{}", `{hosts: [checkout], `+routed+`}`),
		}},
		"two of one host": {vss: []*unstructured.Unstructured{
			one("shop", "b", late, "{}", `{hosts: [checkout], `+routed+`}`),
			one("shop", "c", early, "{}", `{hosts: [checkout.shop.svc.cluster.local], gateways: [mesh]}`),
			one("shop", "d", early, "{}", `{hosts: [checkout], gateways: [public], `+routed+`}`),
		}, want: []string{"the VirtualServices shop/c, shop/b are all of the mesh"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.target.Namespace == "" {
				c.target = checkout()
			}
			c.target.Invites = "edge"
			got := Doubts(c.vss, c.target)
			if len(got) != len(c.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}
