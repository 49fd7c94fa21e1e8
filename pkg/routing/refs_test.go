package routing

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func to(hosts ...string) map[string]any {
	var route []any
	for _, h := range hosts {
		route = append(route, map[string]any{"destination": map[string]any{"host": h}})
	}
	return map[string]any{"route": route}
}

func TestAVirtualServiceIsFoundByItsHostsRoutesAndMarks(t *testing.T) {
	cases := map[string]struct {
		spec        map[string]any
		annotations map[string]any
		want        Refs
	}{
		"short, partial and full names are one": {
			spec: map[string]any{"hosts": []any{"web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"}},
			want: Refs{Hosts: []string{"web.shop"}},
		},
		"routes of every kind": {
			spec: map[string]any{"hosts": []any{"web"}, "http": []any{to("a", "b.other")}, "tcp": []any{to("c")}, "tls": []any{to("d.example.com")}},
			want: Refs{Hosts: []string{"a.shop", "b.other", "c.shop", "d.example.com", "web.shop"}},
		},
		"wildcards": {
			spec: map[string]any{"hosts": []any{"*.shop.svc.cluster.local", "*"}},
			want: Refs{Wildcards: []string{"*", "*.shop.svc.cluster.local"}},
		},
		"a gateway's hosts are none of the mesh, its routes are": {
			spec: map[string]any{"hosts": []any{"*", "web"}, "gateways": []any{"ingress"}, "http": []any{to("b")}},
			want: Refs{Hosts: []string{"b.shop"}},
		},
		"a wildcard that some namespaces see": {
			spec: map[string]any{"hosts": []any{"*"}, "exportTo": []any{"team", "~", "bank"}},
			want: Refs{Wildcards: []string{"*"}, Only: []string{"bank", "shop", "team"}},
		},
		"hosts that their Services' namespace does not see": {
			spec: map[string]any{"hosts": []any{"web", "pay.bank.svc.cluster.local", "cart.team.svc.cluster.local"}, "exportTo": []any{".", "team"}},
			want: Refs{Hosts: []string{"cart.team", "web.shop"}},
		},
		"marks, of aborts too": {
			spec:        map[string]any{},
			annotations: map[string]any{v1alpha1.ReleaseAnnotation: "shop/web 3", v1alpha1.AbortedAnnotation: "shop/pay 2"},
			want:        Refs{Shifts: []string{"shop/pay", "shop/web"}},
		},
		"marks of those that it allows": {
			spec:        map[string]any{},
			annotations: map[string]any{v1alpha1.ReleaseAnnotation: "bank/web 3, edge/web 3, shop/web 3", v1alpha1.AllowAnnotation: "edge"},
			want:        Refs{Shifts: []string{"edge/web", "shop/web"}},
		},
		"what is malformed": {
			spec: map[string]any{"hosts": "web", "http": []any{"x", map[string]any{"route": []any{7, map[string]any{"destination": 1}}}}, "tcp": 3},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := &unstructured.Unstructured{Object: map[string]any{
				"metadata": map[string]any{"namespace": "shop", "name": "x", "annotations": c.annotations}, "spec": c.spec,
			}}
			if diff := cmp.Diff(c.want, RefsOf(vs, "")); diff != "" {
				t.Errorf("refs (-want +got):\n%s", diff)
			}
		})
	}
}

// The wildcards that are looked up for a host are those by which Covers finds it covered.
func TestEveryWildcardThatCoversAHostIsLookedUp(t *testing.T) {
	target := Target{Namespace: "shop", Service: "a-web"}
	for wild, covers := range map[string]bool{
		"*": true, "*.shop.svc.cluster.local": true, "*.local": true, "*-web.shop.svc.cluster.local": true, "*.cart.svc.cluster.local": false,
	} {
		vs := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "x"}, "spec": map[string]any{"hosts": []any{wild}}}}
		if got := Covers([]*unstructured.Unstructured{vs}, target); got != covers {
			t.Fatalf("%s covers %s: %v", wild, target.Host(), got)
		}
		if got := slices.Contains(Wildcards(target.Host()), wild); got != covers {
			t.Errorf("%s is looked up for %s: %v, want %v", wild, target.Host(), got, covers)
		}
	}
}
