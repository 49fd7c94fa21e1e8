package prepare_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A shop before anything is managed: checkout with routes of its own and in another namespace, cart without any, stock behind two
// Services, search behind a route that nobody may write, and mail that is managed already.
const unmanaged = `
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: stagger.dev/v1alpha1, kind: ShiftPolicy, metadata: {name: standard}}
- {apiVersion: stagger.dev/v1alpha1, kind: ShiftPolicy, metadata: {name: cautious}}
- {apiVersion: v1, kind: Service, metadata: {name: checkout, labels: {team: payments}}, spec: {selector: {app: checkout}, ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: cart, annotations: {team: payments}}, spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: cart-metrics}, spec: {selector: {app: cart}, ports: [{name: http, port: 9090}]}}
- {apiVersion: v1, kind: Service, metadata: {name: search}, spec: {selector: {app: search}, ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: nothing}, spec: {selector: {app: nothing}, ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: till}, spec: {selector: {app: till}, ports: [{name: http, port: 80}]}}
- apiVersion: v1
  kind: Pod
  metadata: {name: till-79d8-x, labels: {app: till, rollouts-pod-template-hash: 79d8}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: till-79d8, uid: r9, controller: true}]}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: till, uid: d4}
  spec: {replicas: 0, selector: {matchLabels: {app: till}}, template: {metadata: {labels: {app: till}}, spec: {containers: [{name: app, image: till:1}]}}}
- {apiVersion: v1, kind: Service, metadata: {name: desk}, spec: {selector: {app: desk}, ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: desk-canary}, spec: {selector: {app: desk}, ports: [{name: http, port: 80}]}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: desk, uid: d5}
  spec: {replicas: 0, selector: {matchLabels: {app: desk}}, template: {metadata: {labels: {app: desk}}, spec: {containers: [{name: app, image: desk:1}]}}}
- {apiVersion: v1, kind: Service, metadata: {name: mail, annotations: {stagger.dev/policy: standard}}, spec: {selector: {app: mail}}}
- {apiVersion: v1, kind: Service, metadata: {name: stock, annotations: {stagger.dev/policy: standard}}, spec: {selector: {app: stock}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: checkout, uid: d1}
  spec: {replicas: 4, selector: {matchLabels: {app: checkout}}, template: {metadata: {labels: {app: checkout}}, spec: {containers: [{name: app, image: checkout:1}]}}}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: checkout-6c4f, uid: r1, labels: {app: checkout, pod-template-hash: 6c4f}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: checkout, uid: d1, controller: true}]}
  spec: {replicas: 4, selector: {matchLabels: {app: checkout, pod-template-hash: 6c4f}}, template: {metadata: {labels: {app: checkout, pod-template-hash: 6c4f}}, spec: {containers: [{name: app, image: checkout:1}]}}}
  status: {replicas: 4}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: cart, uid: d2}
  spec: {replicas: 0, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: cart:1}]}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: search, uid: d3}
  spec: {replicas: 0, selector: {matchLabels: {app: search}}, template: {metadata: {labels: {app: search}}, spec: {containers: [{name: app, image: search:1}]}}}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: shop}
  spec: {hosts: [shop.example.com], gateways: [gw], http: [{route: [{destination: {host: checkout}}]}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: edge, namespace: edge, annotations: {stagger.dev/allow: shop}}
  spec: {hosts: [example.com], gateways: [gw], http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: search, namespace: edge}
  spec: {hosts: [search.shop.svc.cluster.local], http: [{route: [{destination: {host: search.shop.svc.cluster.local}}]}]}
- {apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: checkout}, spec: {host: checkout, trafficPolicy: {}}}
- apiVersion: stagger.dev/v1alpha1
  kind: TrafficShift
  metadata: {name: mail, labels: {stagger.dev/service: mail}}
  spec: {service: {name: mail}, policyRef: {name: standard}}
  status:
    release: {number: 3, revision: abc, state: Shifting, weight: 5%, startedAt: "2026-03-04T11:00:00Z", plan: {steps: [{weight: 5%, hold: 1m}, {weight: 100%, hold: 1m}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}}
- apiVersion: stagger.dev/v1alpha1
  kind: TrafficShift
  metadata: {name: stock, labels: {stagger.dev/service: stock}}
  spec: {service: {name: stock}, policyRef: {name: standard}}
- apiVersion: stagger.dev/v1alpha1
  kind: TrafficShift
  metadata: {name: byhand}
  spec: {service: {name: byhand}, policyRef: {name: standard}}
`

func TestWhatIsTouchedIsShownBeforeItIs(t *testing.T) {
	cases := map[string]struct {
		words []string
		with  func(s *clitest.Store)
	}{
		"adopt":                      {words: []string{"adopt", "checkout", "--yes"}},
		"adopt that is tried":        {words: []string{"adopt", "svc/checkout", "--policy", "cautious", "--dry-run"}},
		"adopt as yaml":              {words: []string{"adopt", "checkout", "--yes", "-o", "yaml"}},
		"adopt as xml":               {words: []string{"adopt", "checkout", "--yes", "-o", "xml"}},
		"adopt that nobody confirms": {words: []string{"adopt", "checkout"}},
		"adopt without routes":       {words: []string{"adopt", "cart", "--yes"}},
		"adopt with a foreign route that takes part": {words: []string{"adopt", "checkout", "--dry-run"}, with: func(s *clitest.Store) {
			s.Objects[clitest.ShopPath+"services/checkout"].SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: "partners, edge"})
		}},
		"adopt behind a foreign route": {words: []string{"adopt", "search", "--dry-run"}},
		"adopt without a deployment":   {words: []string{"adopt", "nothing", "--dry-run"}},
		"adopt of what Flagger releases": {words: []string{"adopt", "cart", "--dry-run"}, with: func(s *clitest.Store) {
			s.Objects[clitest.ShopPath+"services/cart"].SetOwnerReferences(
				[]metav1.OwnerReference{{APIVersion: "flagger.app/v1beta1", Kind: "Canary", Name: "cart", UID: "canary"}})
		}},
		"adopt with a route of Flagger": {words: []string{"adopt", "checkout", "--dry-run"}, with: func(s *clitest.Store) {
			s.Objects["/apis/networking.istio.io/v1/namespaces/shop/virtualservices/shop"].SetOwnerReferences(
				[]metav1.OwnerReference{{APIVersion: "flagger.app/v1beta1", Kind: "Canary", Name: "shop", UID: "canary"}})
		}},
		"adopt before pods of a Rollout":       {words: []string{"adopt", "till", "--dry-run"}},
		"adopt where the name is taken":        {words: []string{"adopt", "desk", "--dry-run"}},
		"adopt of what is managed":             {words: []string{"adopt", "mail"}},
		"adopt by another policy":              {words: []string{"adopt", "mail", "--policy", "cautious"}},
		"adopt by no policy":                   {words: []string{"adopt", "checkout", "--policy", "standrad"}},
		"adopt of nothing":                     {words: []string{"adopt", "chekout"}},
		"adopt without rights to the mesh":     {words: []string{"adopt", "checkout", "--dry-run"}, with: func(s *clitest.Store) { s.Forbidden = "/v1/virtualservices" }},
		"adopt without any rights to the mesh": {words: []string{"adopt", "checkout", "--dry-run"}, with: func(s *clitest.Store) { s.Forbidden = "/networking.istio.io/" }},
		"adopt without rights to policies":     {words: []string{"adopt", "checkout", "--dry-run"}, with: func(s *clitest.Store) { s.Forbidden = "shiftpolicies" }},
		"adopt while it changes": {words: []string{"adopt", "cart", "--yes"}, with: func(s *clitest.Store) {
			s.BeforePatch = func(at string) {
				s.Objects[at].SetAnnotations(map[string]string{"stagger.dev/policy": "cautious"})
			}
		}},
		"let go":                     {words: []string{"let-go", "mail", "-y"}},
		"let go at rest":             {words: []string{"let-go", "stock", "-y"}},
		"let go by name":             {words: []string{"let-go", "stock", "-y", "-o", "name"}},
		"let go of what is by hand":  {words: []string{"let-go", "byhand", "-y"}},
		"let go of what is not held": {words: []string{"let-go", "cart", "-y"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewStore(t, unmanaged)
			if c.with != nil {
				c.with(s)
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
			for _, w := range s.Writes {
				out += "--- " + w + "\n"
			}
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestAdoptNamesAClusterWithoutIstio(t *testing.T) {
	s := clitest.NewStore(t, unmanaged)
	s.Handled = func(r *http.Request) (int, any, bool) {
		if r.URL.Path == "/apis/networking.istio.io/v1/virtualservices" {
			return http.StatusNotFound, clitest.Failure(http.StatusNotFound, metav1.StatusReasonNotFound, "the server could not find the requested resource"), true
		}
		return 0, nil, false
	}
	code, _, talk := clitest.Run(t, s.Kubeconfig(), "adopt", "checkout", "--yes")
	want := "error: this cluster does not serve networking.istio.io/v1, so Istio is not installed in it; Stagger moves traffic by Istio's routes\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != cli.ExitError {
		t.Errorf("exit code %d, talk (-want +got):\n%s", code, diff)
	}
	if got := (&unstructured.Unstructured{Object: s.Objects[clitest.ShopPath+"services/checkout"].Object}).GetAnnotations(); len(got) > 0 {
		t.Errorf("annotations = %v, want none", got)
	}
}
