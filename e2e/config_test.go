package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// settings is a ConfigMap that is released like a version, and one that is not.
const settings = `
apiVersion: v1
kind: ConfigMap
metadata: {name: checkout-1, labels: {stagger.dev/config: held}}
data: {rate: "10"}
binaryData: {logo: AAAA}
---
apiVersion: v1
kind: Secret
metadata: {name: checkout-1, labels: {stagger.dev/config: held}}
stringData: {token: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: free}
data: {rate: "10"}
`

func TestHeldConfigurationIsNotChangedInPlace(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	apply(t, ns, settings)
	patch := func(object, body string) error {
		_, err := try(t.Context(), "", "-n", ns, "patch", object, "--type=merge", "--dry-run=server", "-p", body)
		return err
	}
	waitFor(t, "the API server follows the policy stagger-config", func() (bool, string) {
		err := patch("configmap/checkout-1", `{"data":{"rate":"20"}}`)
		return err != nil, fmt.Sprint(err)
	})
	cases := map[string]struct{ object, body, refused string }{
		"a value":                   {"configmap/checkout-1", `{"data":{"rate":"20"}}`, "ConfigMap checkout-1 is held by its label"},
		"a value that is new":       {"configmap/checkout-1", `{"data":{"more":"1"}}`, "such as checkout-1-2"},
		"no values any more":        {"configmap/checkout-1", `{"data":null}`, "is held"},
		"binary data":               {"configmap/checkout-1", `{"binaryData":{"logo":"AAAB"}}`, "is held"},
		"a secret":                  {"secret/checkout-1", `{"stringData":{"token":"two"}}`, "Secret checkout-1 is held"},
		"a value and the label":     {"configmap/checkout-1", `{"metadata":{"labels":{"stagger.dev/config":null}},"data":{"rate":"20"}}`, "is held"},
		"the label alone":           {"configmap/checkout-1", `{"metadata":{"labels":{"stagger.dev/config":null}}}`, ""},
		"other metadata":            {"configmap/checkout-1", `{"metadata":{"annotations":{"team":"payments"}}}`, ""},
		"what becomes immutable":    {"configmap/checkout-1", `{"immutable":true}`, ""},
		"what is not held":          {"configmap/free", `{"data":{"rate":"20"}}`, ""},
		"what becomes held with it": {"configmap/free", `{"metadata":{"labels":{"stagger.dev/config":"held"}},"data":{"rate":"20"}}`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := patch(c.object, c.body)
			if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Errorf("got %v, want %q", err, c.refused)
			}
		})
	}
	kubectl(t, "-n", ns, "delete", "configmap", "checkout-1")
}

// The next version of a ConfigMap has a name of its own: naming it in the template is a release like any other.
func TestANewVersionOfAConfigMapGoesOutStepByStep(t *testing.T) {
	t.Parallel()
	s := tell(t)
	apply(t, s.ns, settings)
	naming := func(config string) {
		kubectl(t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p",
			fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","envFrom":[{"configMapRef":{"name":%q}}]}]}}}}`, config))
	}
	naming("checkout-1")
	s.serve(4)
	s.gateway()
	apply(t, s.ns, strings.ReplaceAll(settings, "checkout-1", "checkout-2"))
	naming("checkout-2")
	x := s.step(1, 1)
	if x.Status.Release.Revision == x.Status.Release.Stable {
		t.Errorf("no version beside the stable: %s", describe(x))
	}
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	if n, by := s.lost(); n != 0 {
		t.Errorf("%d requests failed: %v", n, by)
	}
}
