package look_test

import (
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

// A release of checkout, with its pods, its route and those of others.
const halfway = `
- apiVersion: stagger.dev/v1alpha1
  kind: TrafficShift
  metadata: {name: checkout}
  spec: {service: {name: checkout}, policyRef: {name: standard}, control: Auto}
  status:
    stable: {revision: old, images: [checkout:1.4.2]}
    release:
      number: 7
      routes: [edge/edge, shop/shop]
      revision: new
      images: [checkout:1.5.0]
      stable: old
      state: Shifting
      step: 2
      weight: 5%
      liveWeight: 4.93%
      exposed: 9571
      failed: 12
      startedAt: "2026-03-04T11:50:00Z"
      stepStartedAt: "2026-03-04T11:58:40Z"
      settledAt: "2026-03-04T11:58:48Z"
      plan: {steps: [{weight: 1%, hold: 2m}, {weight: 5%, hold: 2m}, {weight: 100%, hold: 5m}], objectives: []}
      objectives: [{name: availability, verdict: Healthy, against: "8", for: "4", stable: {requests: 182204, bad: 200}, canary: {requests: 9571, bad: 12}}]
- {apiVersion: v1, kind: Pod, metadata: {name: checkout-old-a, labels: {app: checkout, pod-template-hash: old}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: checkout-old-b, labels: {app: checkout, pod-template-hash: old}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: checkout-old-c, labels: {app: checkout, pod-template-hash: old}, deletionTimestamp: "2026-03-04T11:59:59Z"}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: checkout-old-d, labels: {app: checkout, pod-template-hash: old}}, status: {phase: Failed, reason: Evicted}}
- {apiVersion: v1, kind: Pod, metadata: {name: checkout-new-a, labels: {app: checkout, pod-template-hash: new}}, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}
- apiVersion: v1
  kind: Pod
  metadata: {name: checkout-new-b, labels: {app: checkout, pod-template-hash: new}}
  spec: {containers: [{name: app, image: checkout:1.5.0}]}
  status: {phase: Pending, containerStatuses: [{name: app, image: "", imageID: "", ready: false, restartCount: 0, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]}
- {apiVersion: v1, kind: Pod, metadata: {name: cart-a, labels: {app: cart, pod-template-hash: other}}, status: {phase: Running}}
- {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: shop, annotations: {stagger.dev/release: shop/checkout 7}}, spec: {hosts: [shop]}}
- {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: edge, namespace: edge, annotations: {stagger.dev/release: shop/checkout 7, stagger.dev/allow: shop}}, spec: {hosts: [edge]}}
- {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: evil, namespace: evil, annotations: {stagger.dev/release: shop/checkout 7, stagger.dev/allow: shop}}, spec: {hosts: [evil]}}
- {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: cart, annotations: {stagger.dev/release: shop/cart 2}}, spec: {hosts: [cart]}}
`

func TestStatusLooksAroundTheRelease(t *testing.T) {
	cases := map[string]string{ // what may not be asked for
		"status with pods and routes":       "",
		"status without rights to pods":     "/pods",
		"status without rights to the mesh": "virtualservices",
	}
	for name, forbidden := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewStore(t, halfway)
			s.Forbidden = forbidden
			code, out, talk := clitest.Run(t, s.Kubeconfig(), "status", "checkout")
			clitest.Golden(t, name, code, out, talk)
		})
	}
}
