package routing

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// bookstore are VirtualServices in the shapes that users of Istio write. Each routes to one Service of the namespace shop,
// which it names; none routes to details.
var bookstore = map[string]struct{ service, metadata, spec string }{
	"half on each subset": {service: "reviews", spec: `
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 50}
    - {destination: {host: reviews, subset: v3}, weight: 50}`},
	"three subsets": {service: "reviews", spec: `
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 80}
    - {destination: {host: reviews, subset: v2}, weight: 10}
    - {destination: {host: reviews, subset: v3}, weight: 10}`},
	"a header match before the default": {service: "reviews", spec: `
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: tester}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews, subset: v3}}]`},
	"a fault that delays": {service: "ratings", spec: `
  hosts: [ratings]
  http:
  - match: [{headers: {end-user: {exact: tester}}}]
    fault: {delay: {percentage: {value: 100.0}, fixedDelay: 7s}}
    route: [{destination: {host: ratings, subset: v1}}]
  - route: [{destination: {host: ratings, subset: v1}}]`},
	"a fault that aborts": {service: "ratings", spec: `
  hosts: [ratings]
  http:
  - fault: {abort: {percentage: {value: 0.1}, httpStatus: 500}}
    route: [{destination: {host: ratings}}]`},
	"a mirror to the Service itself": {service: "reviews", spec: `
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}, weight: 100}]
    mirror: {host: reviews, subset: v2}
    mirrorPercentage: {value: 12.5}
    mirrors: [{destination: {host: reviews, subset: v3}, percentage: {value: 1}}]`},
	"everything a route may have": {service: "reviews", spec: `
  hosts: [reviews.shop.svc.cluster.local, shop.example.com]
  gateways: [bookstore, mesh]
  exportTo: ["."]
  http:
  - name: api
    match:
    - {uri: {prefix: /api/v1/reviews}, method: {regex: "GET|HEAD"}, ignoreUriCase: true, withoutHeaders: {x-internal: {}}}
    - {uri: {exact: /reviews}, queryParams: {debug: {exact: ""}}, sourceLabels: {app: productpage}, gateways: [mesh]}
    rewrite: {uri: /reviews, authority: reviews.local}
    timeout: 10s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,connect-failure"}
    corsPolicy: {allowOrigins: [{prefix: "https://"}], allowMethods: [GET], allowCredentials: false, maxAge: 24h}
    headers: {request: {set: {x-from: "<&>"}}, response: {remove: [server]}}
    route:
    - destination: {host: reviews, subset: v1, port: {number: 9080}}
      headers: {response: {add: {x-version: "1"}}}
      weight: 75
    - {destination: {host: reviews, subset: v2, port: {number: 9080}}, weight: 25}`},
	"tcp connections, 20 to 80": {service: "tcp-echo", spec: `
  hosts: ["*"]
  gateways: [echo]
  tcp:
  - match: [{port: 31400}]
    route:
    - {destination: {host: tcp-echo, port: {number: 9000}, subset: v1}, weight: 20}
    - {destination: {host: tcp-echo, port: {number: 9000}, subset: v2}, weight: 80}`},
	"tls by server name": {service: "ratings", spec: `
  hosts: [ratings.example.com, other.example.com]
  gateways: [passthrough]
  tls:
  - match: [{port: 443, sniHosts: [other.example.com]}]
    route: [{destination: {host: other}}]
  - match: [{port: 443, sniHosts: [ratings.example.com]}]
    route: [{destination: {host: ratings, port: {number: 443}}}]`},
	"one destination without a weight": {service: "ratings", spec: `{hosts: [ratings], http: [{route: [{destination: {host: ratings}}]}]}`},
	"one destination of weight 0":      {service: "ratings", spec: `{hosts: [ratings], tcp: [{route: [{destination: {host: ratings}, weight: 0}]}]}`},
	"weights that add up to 7":         {service: "ratings", spec: `{hosts: [ratings], http: [{route: [{destination: {host: ratings}, weight: 5}, {destination: {host: other}, weight: 2}]}]}`},
	"weights that add up to 1500":      {service: "ratings", spec: `{hosts: [ratings], tls: [{match: [{sniHosts: [a.example.com]}], route: [{destination: {host: ratings}, weight: 1200}, {destination: {host: other}, weight: 300}]}]}`},
	"a missing weight beside others":   {service: "ratings", spec: `{hosts: [ratings], tcp: [{route: [{destination: {host: ratings}, weight: 1}, {destination: {host: other}}]}]}`},
	"routes without destinations between": {service: "reviews", spec: `
  hosts: [reviews]
  http:
  - {match: [{uri: {prefix: /old}}], redirect: {uri: /new, redirectCode: 308}}
  - {match: [{uri: {prefix: /off}}], directResponse: {status: 503, body: {string: "closed"}}}
  - {match: [{uri: {prefix: /more}}], delegate: {name: more, namespace: team}}
  - {route: [{destination: {host: reviews}}]}`},
	"fields of the future everywhere": {
		service: "reviews", metadata: `, generation: 3, finalizers: [a/b], labels: {app: x}, annotations: {a: b}, future: {x: [1, 0.5]}`, spec: `
  future: [{x: 1}, "y", true]
  hosts: [reviews]
  http:
  - future: {x: {y: 0.25}}
    match: [{future: {x: 1}, uri: {prefix: /, future: [1]}}]
    route:
    - {future: 5, weight: 3, destination: {host: reviews, future: [[1], {}]}}
    - {future: 6, weight: 1, destination: {host: other, future: ""}}
  tls:
  - {future: "x", match: [{sniHosts: [a.example.com], future: 1}], route: [{future: {}, destination: {host: reviews, future: 1, port: {number: 1, future: 2}}}]}
  tcp:
  - {future: [], match: [{port: 1, future: false}], route: [{future: [1.5], destination: {host: reviews, future: {}}}]}
  udp: [{route: [{destination: {host: reviews}, weight: 1}]}]`},
	"hosts that are short":     {service: "reviews", spec: `{hosts: [reviews], http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}]}]}`},
	"hosts with the namespace": {service: "reviews", spec: `{hosts: [reviews.shop], http: [{route: [{destination: {host: reviews.shop}}]}]}`},
	"hosts with svc":           {service: "reviews", spec: `{hosts: [reviews.shop.svc], tcp: [{route: [{destination: {host: reviews.shop.svc}}]}]}`},
	"hosts that are full":      {service: "reviews", spec: `{hosts: [reviews.shop.svc.cluster.local], http: [{route: [{destination: {host: reviews}}]}]}`},
	"hosts with a wildcard":    {service: "reviews", spec: `{hosts: ["*.shop.svc.cluster.local", "*.example.com", "*"], http: [{route: [{destination: {host: reviews}}]}]}`},
}

// fromBookstore reads the VirtualService of that name, and the Service that it routes to.
func fromBookstore(t *testing.T, name string) (*unstructured.Unstructured, Target) {
	t.Helper()
	c := bookstore[name]
	vs := parse(t, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookstore, namespace: shop, resourceVersion: "41"`+c.metadata+`}
status: {validationMessages: [{level: WARNING}], future: 1}
spec: `+c.spec)
	return vs, Target{Namespace: "shop", Service: c.service}
}

func TestBookstoreIsGivenBack(t *testing.T) {
	for name := range bookstore {
		t.Run(name, func(t *testing.T) {
			user, target := fromBookstore(t, name)
			if problem := Unsupported(user, target); problem != "" {
				t.Fatal(problem)
			}
			live := user
			for _, share := range shares {
				live = raised(t, live, target, share, seven())
				if lowest, highest, found := Share(live, target); lowest != share || highest != share || !found {
					t.Errorf("wanted %d, written %d to %d, found %v", share, lowest, highest, found)
				}
			}
			if diff := cmp.Diff(withoutDestinations(user), withoutDestinations(live)); diff != "" {
				t.Errorf("more than destinations and annotations was written (-want +got):\n%s", diff)
			}
			p, err := Restore(live, target, shift)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(user.Object, apply(t, live, mustJSON(t, p)).Object); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutDestinations returns the object without what Split may write: the destinations of its routes and our annotations.
func withoutDestinations(vs *unstructured.Unstructured) map[string]any {
	out := vs.DeepCopy()
	for _, kind := range kinds() {
		for _, item := range list(out, kind) {
			if r, ok := item.(map[string]any); ok {
				delete(r, "route")
			}
		}
	}
	annotations := out.GetAnnotations()
	for _, key := range []string{v1alpha1.ReleaseAnnotation, v1alpha1.AbortedAnnotation, v1alpha1.RoutesAnnotation} {
		delete(annotations, key)
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	out.SetAnnotations(annotations)
	return out.Object
}

func TestBookstoreIsLeftAloneForAnotherService(t *testing.T) {
	others := map[string]Target{
		"another host":      {Namespace: "shop", Service: "details"},
		"another namespace": {Namespace: "team", Service: "reviews"},
		"a longer name":     {Namespace: "shop", Service: "reviews-canary"},
	}
	for name := range bookstore {
		for which, target := range others {
			t.Run(name+" for "+which, func(t *testing.T) {
				vs, _ := fromBookstore(t, name)
				for _, r := range []Raise{{ResourceVersion: "41"}, {}} {
					if p, err := Split(vs, target, 10_000, seven(), r); len(p) > 0 || err != nil {
						t.Errorf("Split writes %v, %v", p, err)
					}
				}
				if p, err := Restore(vs, target, shift); len(p) > 0 || err != nil {
					t.Errorf("Restore writes %v, %v", p, err)
				}
				if problem := Unsupported(vs, target); problem != "" || len(Routes(vs, target)) > 0 {
					t.Errorf("routes %v, refused with %q", Routes(vs, target), problem)
				}
			})
		}
	}
}

func TestRoutesWithoutDestinationsAreLeftAlone(t *testing.T) {
	specs := map[string]string{
		"redirect":           `{hosts: [checkout], http: [{redirect: {uri: /}}]}`,
		"direct response":    `{hosts: [checkout], http: [{directResponse: {status: 200}}]}`,
		"delegate":           `{hosts: [checkout], http: [{delegate: {name: checkout}}]}`,
		"mirror alone":       `{hosts: [checkout], http: [{route: [{destination: {host: pay}}], mirror: {host: checkout}}]}`,
		"empty destinations": `{hosts: [checkout], http: [{route: []}], tls: [{route: []}], tcp: [{match: [{port: 1}]}]}`,
		"empty lists":        `{hosts: [checkout], http: [], tls: [], tcp: []}`,
		"no traffic":         `{hosts: [checkout], tcp: [{route: [{destination: {host: pay}, weight: 1}, {destination: {host: checkout}, weight: 0}]}]}`,
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			vs := withSpec(t, spec)
			if p, err := Split(vs, checkout(), 10_000, seven(), Raise{ResourceVersion: "41"}); len(p) > 0 || err != nil {
				t.Errorf("Split writes %v, %v", p, err)
			}
			if problem := Unsupported(vs, checkout()); problem != "" {
				t.Error(problem)
			}
		})
	}
}

// VirtualServices may delegate to one another in a circle, and to themselves: nobody follows them, each is written by its own destinations.
func TestDelegatesInACircle(t *testing.T) {
	specs := map[string]string{
		"the first":  `{hosts: [checkout], http: [{match: [{uri: {prefix: /a}}], delegate: {name: second}}, {route: [{destination: {host: checkout}}]}]}`,
		"the second": `{http: [{match: [{uri: {prefix: /a/b}}], delegate: {name: first, namespace: shop}}, {route: [{destination: {host: checkout}}]}]}`,
		"its own":    `{hosts: [checkout], http: [{delegate: {name: own}}, {route: [{destination: {host: checkout}}]}]}`,
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			user := withSpec(t, spec)
			if hosts := RefsOf(user, "").Hosts; len(hosts) != 1 || hosts[0] != "checkout.shop" {
				t.Errorf("is looked up by %v", hosts)
			}
			live := raised(t, user, checkout(), 10_000, seven())
			if lowest, highest, found := Share(live, checkout()); !found || lowest != 10_000 || highest != 10_000 {
				t.Errorf("wanted 10000, written %d to %d", lowest, highest)
			}
			if was, is := list(user, kindHTTP)[0], list(live, kindHTTP)[0]; !reflect.DeepEqual(was, is) {
				t.Errorf("the delegate was %v and is %v", was, is)
			}
			p, err := Restore(live, checkout(), shift)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "restored", user, apply(t, live, mustJSON(t, p)))
		})
	}
}
