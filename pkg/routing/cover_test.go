package routing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	out, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func TestCovers(t *testing.T) {
	cases := map[string]struct {
		namespace, spec string
		want            bool
	}{
		"of the mesh by default":       {namespace: "shop", spec: `{hosts: [pay, checkout]}`, want: true},
		"of the mesh and a gateway":    {namespace: "shop", spec: `{hosts: [checkout], gateways: [public, mesh]}`, want: true},
		"of a gateway only":            {namespace: "shop", spec: `{hosts: [checkout], gateways: [public]}`},
		"of another host":              {namespace: "shop", spec: `{hosts: [pay]}`},
		"short in another namespace":   {namespace: "team", spec: `{hosts: [checkout]}`},
		"with namespace":               {namespace: "team", spec: `{hosts: [checkout.shop]}`, want: true},
		"with svc":                     {namespace: "team", spec: `{hosts: [checkout.shop.svc]}`, want: true},
		"full in another namespace":    {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local]}`, want: true},
		"by a wildcard":                {namespace: "team", spec: `{hosts: ["*.shop.svc.cluster.local"]}`, want: true},
		"by a wildcard of other names": {namespace: "shop", spec: `{hosts: ["*.example.com"]}`},
		"for everything":               {namespace: "shop", spec: `{hosts: ["*"]}`, want: true},
		"with tcp routes only":         {namespace: "shop", spec: `{hosts: [checkout], tcp: [{route: [{destination: {host: pay}}]}]}`, want: true},
		"that delegates":               {namespace: "shop", spec: `{hosts: [checkout], http: [{delegate: {name: routes}}]}`, want: true},
		"a delegate has no hosts":      {namespace: "shop", spec: `{http: [{route: [{destination: {host: checkout}}]}]}`},
		"malformed":                    {namespace: "shop", spec: `{hosts: {a: b}}`},

		"of another namespace, for itself":       {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local], exportTo: ["."]}`},
		"of another namespace, for nobody":       {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local], exportTo: ["~"]}`},
		"of another namespace, for some":         {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local], exportTo: [".", pay]}`},
		"of another namespace, for this one too": {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local], exportTo: [".", shop]}`, want: true},
		"of another namespace, for all":          {namespace: "team", spec: `{hosts: [checkout.shop.svc.cluster.local], exportTo: [".", "*"]}`, want: true},
		"a wildcard for itself":                  {namespace: "team", spec: `{hosts: ["*"], exportTo: ["."]}`},
		"a wildcard for this one too":            {namespace: "team", spec: `{hosts: ["*.local"], exportTo: [shop]}`, want: true},
		"its own, for itself":                    {namespace: "shop", spec: `{hosts: [checkout], exportTo: ["."]}`, want: true},
		"its own, for others":                    {namespace: "shop", spec: `{hosts: ["*"], exportTo: [pay]}`, want: true},
		"exported in a malformed way":            {namespace: "team", spec: `{hosts: ["*"], exportTo: 3}`, want: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			vs := parse(t, `{kind: VirtualService, metadata: {name: x, namespace: `+c.namespace+`}, spec: `+c.spec+`}`)
			other := parse(t, `{kind: VirtualService, metadata: {name: y, namespace: shop}, spec: {hosts: [pay]}}`)
			if got := Covers([]*unstructured.Unstructured{other, vs}, checkout()); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestMakeCoversAndSplits(t *testing.T) {
	vs := Make(checkout(), "checkout-stagger", map[string]string{"stagger.dev/shift": "checkout"}, []corev1.ServicePort{port(80, "http"), port(6379, "redis"), port(9000, "")})
	want := parse(t, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout-stagger, namespace: shop, labels: {stagger.dev/shift: checkout}}
spec:
  hosts: [checkout.shop.svc.cluster.local]
  http:
  - route:
    - destination: {host: checkout.shop.svc.cluster.local}
  tcp:
  - match: [{port: 6379}]
    route:
    - destination: {host: checkout.shop.svc.cluster.local, port: {number: 6379}}
`)
	if diff := cmp.Diff(want.Object, vs.Object); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !Covers([]*unstructured.Unstructured{vs}, checkout()) {
		t.Error("it does not cover the Service")
	}
	vs.SetResourceVersion("1")
	if lowest, _, _ := Share(raised(t, vs, checkout(), 10_000, seven()), checkout()); lowest != 10_000 {
		t.Errorf("its share is %d", lowest)
	}
}

func TestCanaryName(t *testing.T) {
	long := strings.Repeat("a", 50)
	cases := map[string]struct{ service, want string }{
		"short":                   {"checkout", "checkout-canary"},
		"56 characters":           {long + "bbbbbb", long + "bbbbbb-canary"},
		"57 characters":           {long + "bbbbbbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bf11c096-canary"},
		"57 characters, the next": {long + "bbbbbbc", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-6db5f1f3-canary"},
		"cut behind a hyphen":     {strings.Repeat("a", 46) + "-" + strings.Repeat("b", 16), ""},
	}
	seen := map[string]bool{}
	for name, c := range cases {
		got := CanaryName(c.service)
		if c.want != "" && got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if len(got) > 63 || strings.Contains(got, "--") || seen[got] {
			t.Errorf("%s: %s is too long, twice there, or has two hyphens", name, got)
		}
		seen[got] = true
	}
}
