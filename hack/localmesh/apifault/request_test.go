package apifault

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequestsAreReadAsTheServerReadsThem(t *testing.T) {
	for _, c := range []struct {
		method, path string
		want         request
	}{
		{"GET", "/api/v1/namespaces/shop/pods/a/log", request{verb: "get", resource: "pods", subresource: "log", namespace: "shop", name: "a"}},
		{"GET", "/api/v1/pods?limit=5", request{verb: "list", resource: "pods"}},
		{"GET", "/api/v1/namespaces", request{verb: "list", resource: "namespaces"}},
		{"GET", "/api/v1/namespaces/shop", request{verb: "get", resource: "namespaces", namespace: "shop", name: "shop"}},
		{"PUT", "/api/v1/namespaces/shop/finalize", request{verb: "update", resource: "namespaces", subresource: "finalize", namespace: "shop", name: "shop"}},
		{"GET", "/apis/apps/v1/deployments?watch=true", request{verb: "watch", group: "apps", resource: "deployments"}},
		{"GET", "/apis/apps/v1/namespaces/shop/deployments?watch=1", request{verb: "watch", group: "apps", resource: "deployments", namespace: "shop"}},
		{"GET", "/apis/apps/v1/deployments?watch=false", request{verb: "list", group: "apps", resource: "deployments"}},
		{"POST", "/apis/apps/v1/namespaces/shop/deployments", request{verb: "create", group: "apps", resource: "deployments", namespace: "shop"}},
		{"DELETE", "/apis/apps/v1/namespaces/shop/deployments", request{verb: "deletecollection", group: "apps", resource: "deployments", namespace: "shop"}},
		{"DELETE", "/apis/stagger.dev/v1alpha1/shiftpolicies/p", request{verb: "delete", group: "stagger.dev", resource: "shiftpolicies", name: "p"}},
		{"PATCH", "/apis/stagger.dev/v1alpha1/namespaces/shop/trafficshifts/a/status", request{
			verb: "patch", group: "stagger.dev", resource: "trafficshifts", subresource: "status", namespace: "shop", name: "a",
		}},
	} {
		got, ok := parse(httptest.NewRequest(c.method, c.path, http.NoBody))
		if !ok || got != c.want {
			t.Errorf("%s %s: %+v %v, want %+v", c.method, c.path, got, ok, c.want)
		}
	}
}

func TestWhatIsForNoResourceIsLeftAlone(t *testing.T) {
	for _, path := range []string{"/", "/readyz", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/openapi/v3"} {
		if q, ok := parse(httptest.NewRequest(http.MethodGet, path, http.NoBody)); ok {
			t.Errorf("%s is taken for %+v", path, q)
		}
	}
}
