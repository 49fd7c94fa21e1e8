package routing

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestRoutesResolvesHosts(t *testing.T) {
	cases := map[string]struct {
		namespace, host string
		target          Target
		want            bool
	}{
		"short in its namespace":       {namespace: "shop", host: "checkout", want: true},
		"short in another namespace":   {namespace: "team", host: "checkout"},
		"with namespace":               {namespace: "team", host: "checkout.shop", want: true},
		"with another namespace":       {namespace: "shop", host: "checkout.team"},
		"with svc":                     {namespace: "team", host: "checkout.shop.svc", want: true},
		"full":                         {namespace: "team", host: "checkout.shop.svc.cluster.local", want: true},
		"full in another domain":       {namespace: "shop", host: "checkout.shop.svc.example.org"},
		"full in the cluster's domain": {namespace: "shop", host: "checkout.shop.svc.example.org", target: Target{Domain: "example.org"}, want: true},
		"a longer name":                {namespace: "shop", host: "checkout2"},
		"a host that begins alike":     {namespace: "shop", host: "checkout.shop.example.com"},
		"nothing":                      {namespace: "shop"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, `[{route: [{destination: {host: "`+c.host+`"}}]}]`)
			vs.SetNamespace(c.namespace)
			target := checkout()
			target.Domain = c.target.Domain
			if got := len(Routes(vs, target)) == 1; got != c.want {
				t.Errorf("found: %v, want %v", got, c.want)
			}
		})
	}
}

func TestShare(t *testing.T) {
	cases := map[string]struct {
		routes          string
		lowest, highest int64
		found           bool
	}{
		"no route":             {routes: `[{route: [{destination: {host: pay}}]}]`},
		"no traffic":           {routes: `[{route: [{destination: {host: pay}, weight: 1}, {destination: {host: checkout}, weight: 0}]}]`},
		"not split":            {routes: `[{route: [{destination: {host: checkout}}]}]`, found: true},
		"only the canary":      {routes: `[{route: [{destination: {host: checkout-canary}}]}]`, lowest: Whole, highest: Whole, found: true},
		"rounded up":           {routes: `[{route: [{destination: {host: checkout}, weight: 2}, {destination: {host: checkout-canary}, weight: 1}]}]`, lowest: 333_334, highest: 333_334, found: true},
		"of two routes":        {routes: `[{route: [{destination: {host: checkout}, weight: 1}, {destination: {host: checkout-canary}, weight: 1}]}, {route: [{destination: {host: checkout}}]}]`, highest: 500_000, found: true},
		"others do not count":  {routes: `[{route: [{destination: {host: checkout}, weight: 3}, {destination: {host: checkout-canary}, weight: 1}, {destination: {host: pay}, weight: 96}]}]`, lowest: 250_000, highest: 250_000, found: true},
		"several pairs add up": {routes: `[{route: [{destination: {host: checkout, subset: a}, weight: 9}, {destination: {host: checkout-canary, subset: a}, weight: 1}, {destination: {host: checkout, subset: b}, weight: 10}]}]`, lowest: 50_000, highest: 50_000, found: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lowest, highest, found := Share(withRoutes(t, c.routes), checkout())
			if lowest != c.lowest || highest != c.highest || found != c.found {
				t.Errorf("got %d, %d, %v; want %d, %d, %v", lowest, highest, found, c.lowest, c.highest, c.found)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	cases := map[string]struct{ routes, edit, want string }{
		"a plain route is fine":   {routes: `[{route: [{destination: {host: checkout}}]}]`},
		"no route to the Service": {routes: `[{route: [{destination: {host: pay}, weight: -1}]}]`},
		"a tcp route is fine": {
			routes: `[]`, edit: `[{"op":"add","path":"/spec/tcp","value":[{"route":[{"destination":{"host":"pay"}}]},{"route":[{"destination":{"host":"checkout"}}]}]}]`,
		},
		"a tls route whose weights overflow": {
			routes: `[]`, edit: `[{"op":"add","path":"/spec/tls","value":[{"route":[{"destination":{"host":"checkout.shop.svc"},"weight":99999},{"destination":{"host":"pay"},"weight":1}]}]}]`,
			want: "VirtualService shop/checkout, tls[0]: destination checkout.shop.svc has weight 99999",
		},
		"a canary of the user's": {
			routes: `[{name: all, route: [{destination: {host: checkout}, weight: 9}, {destination: {host: checkout-canary.shop}, weight: 1}]}]`,
			want:   "http[0] (all) names checkout-canary itself, which is the host of the canary: take it out",
		},
		"weights that overflow": {
			routes: `[{route: [{destination: {host: checkout}, weight: 99999}, {destination: {host: pay}, weight: 1}]}]`,
			want:   "http[0]: destination checkout has weight 99999",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, c.routes)
			if c.edit != "" {
				vs = apply(t, vs, []byte(c.edit))
			}
			got := Unsupported(vs, checkout())
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestForeign(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	writer := func(manager, fields string, seconds int) metav1.ManagedFieldsEntry {
		when := metav1.NewTime(at.Add(time.Duration(seconds) * time.Second))
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &when, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const routes, annotations = `{"f:spec":{".":{},"f:hosts":{},"f:http":{}}}`, `{"f:metadata":{"f:annotations":{}}}`
	cases := map[string]struct {
		edit    string
		writers []metav1.ManagedFieldsEntry
		kind    EditKind
		index   int
		manager string
	}{
		"nothing happened": {edit: `[]`},
		"raised": {
			edit: `[{"op":"replace","path":"/spec/http/1/route/1/weight","value":60000}]`, kind: Raised, index: 1, manager: "argocd",
			writers: []metav1.ManagedFieldsEntry{writer("helm", routes, 1), writer("argocd", routes, 3), writer("stagger", routes, 9), writer("labeler", annotations, 8)},
		},
		"lowered": {edit: `[{"op":"replace","path":"/spec/http/0/route/1/weight","value":40000}]`, kind: Lowered},
		"removed": {edit: `[{"op":"remove","path":"/spec/http/1/route/1"}]`, kind: Removed, index: 1},
		"raised comes before removed and lowered": {
			edit: `[{"op":"replace","path":"/spec/http/0/route/1/weight","value":1},{"op":"replace","path":"/spec/http/1/route/1/weight","value":60000}]`, kind: Raised, index: 1,
		},
		"raised, and tcp routes written later": {
			edit: `[{"op":"replace","path":"/spec/http/1/route/1/weight","value":60000}]`, kind: Raised, index: 1, manager: "argocd",
			writers: []metav1.ManagedFieldsEntry{writer("argocd", routes, 3), writer("flux", `{"f:spec":{"f:tcp":{}}}`, 5)},
		},
		"all written anew": {
			edit: `[{"op":"remove","path":"/metadata/annotations"},{"op":"replace","path":"/spec/http","value":[{"route":[{"destination":{"host":"checkout"}}]}]}]`, kind: Removed,
			writers: []metav1.ManagedFieldsEntry{writer("kubectl-replace", routes, 3)}, manager: "kubectl-replace",
		},
		"a route was added":                    {edit: `[{"op":"add","path":"/spec/http/0","value":{"name":"new","route":[{"destination":{"host":"checkout"}}]}}]`},
		"the Service was taken out of a route": {edit: `[{"op":"replace","path":"/spec/http/0/route","value":[{"destination":{"host":"pay"}}]}]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := withRoutes(t, `[{match: [{port: 1}], route: [{destination: {host: checkout}}]}, {route: [{destination: {host: checkout}}]}]`)
			vs = apply(t, raised(t, vs, checkout(), 50_000, seven()), []byte(c.edit))
			vs.SetManagedFields(c.writers)
			edit, found := Foreign(vs, checkout(), 50_000, "stagger")
			if found != (c.kind != "") || edit.Kind != c.kind || edit.Route.Index != c.index || edit.Manager != c.manager {
				t.Errorf("got %+v, %v; want %s of http[%d] by %q", edit, found, c.kind, c.index, c.manager)
			}
			if c.manager != "" && !edit.Time.Equal(at.Add(3*time.Second)) {
				t.Errorf("time %v", edit.Time)
			}
		})
	}
}

func TestMarksReadsOnlyMarks(t *testing.T) {
	vs := withRoutes(t, `[]`)
	vs.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/b 2,nonsense, shop/a 1 ,shop/c x", v1alpha1.AbortedAnnotation: "shop/b 2, shop/d 4, shop/a 0"})
	want := []Mark{{Shift: "shop/a", Number: 1}, {Shift: "shop/b", Number: 2, Aborted: true}, {Shift: "shop/d", Number: 4, Aborted: true}}
	if diff := cmp.Diff(want, Marks(vs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
