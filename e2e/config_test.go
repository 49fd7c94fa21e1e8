package e2e

import (
	"fmt"
	"slices"
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
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settled, labels: {stagger.dev/config: held}}
immutable: true
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
		"a value that is new":       {"configmap/checkout-1", `{"data":{"more":"1"}}`, "kubectl stagger config set checkout-1 --from-file"},
		"no values any more":        {"configmap/checkout-1", `{"data":null}`, "is held"},
		"binary data":               {"configmap/checkout-1", `{"binaryData":{"logo":"AAAB"}}`, "is held"},
		"a secret":                  {"secret/checkout-1", `{"stringData":{"token":"two"}}`, "kubectl stagger config set secret/checkout-1"},
		"a value and the label":     {"configmap/checkout-1", `{"metadata":{"labels":{"stagger.dev/config":null}},"data":{"rate":"20"}}`, "is held"},
		"the label alone":           {"configmap/checkout-1", `{"metadata":{"labels":{"stagger.dev/config":null}}}`, ""},
		"other metadata":            {"configmap/checkout-1", `{"metadata":{"annotations":{"team":"payments"}}}`, ""},
		"a secret and the label":    {"secret/checkout-1", `{"metadata":{"labels":null},"data":{"token":"dHdv"}}`, "is held"},
		"a secret that loses a key": {"secret/checkout-1", `{"data":{"token":null}}`, "is held"},
		"a label of another value":  {"configmap/checkout-1", `{"metadata":{"labels":{"stagger.dev/config":"no"}},"data":{"rate":"20"}}`, "is held"},
		"what becomes immutable":    {"configmap/checkout-1", `{"immutable":true}`, ""},
		"what is immutable already": {"configmap/settled", `{"immutable":null,"data":{"rate":"20"}}`, "field is immutable"},
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
	s.losesNothing()
}

// configSet runs the verb and returns what it printed, on both outputs.
func configSet(t *testing.T, ns string, args ...string) (string, error) {
	t.Helper()
	return plugin(t, ns, append([]string{"config", "set"}, args...)...)
}

// Kubernetes's own roles have all that the verb needs: whoever may edit a namespace may release its configuration, who may view it may not.
// A Deployment that nobody manages is changed too, and it is said what that means.
func TestWhoEditsANamespaceReleasesItsConfiguration(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	apply(t, ns, settings)
	apply(t, ns, strings.Replace(deploymentWith("", "1"), `image: "shop:1"`, `image: "shop:1", envFrom: [{configMapRef: {name: free}}, {secretRef: {name: checkout-1}}]`, 1))
	for user, role := range map[string]string{"config-editor": "system:aggregate-to-edit", "config-viewer": "system:aggregate-to-view"} {
		kubectl(t, "-n", ns, "create", "rolebinding", user, "--clusterrole="+role, "--user="+user)
	}
	kubectl(t, "-n", ns, "create", "rolebinding", "editor-views", "--clusterrole=system:aggregate-to-view", "--user=config-editor")
	waitFor(t, "the bindings count", func() (bool, string) {
		return may(t, "config-viewer", ns, "list apps/deployments") && may(t, "config-editor", ns, "list apps/deployments") &&
			may(t, "config-editor", ns, "create core/secrets"), "not all do"
	})
	names := func() string {
		return kubectl(t, "-n", ns, "get", "deployment", "checkout", "-o", "jsonpath={.spec.template.spec.containers[0].envFrom[*]['configMapRef','secretRef'].name}")
	}
	if out, err := configSet(t, ns, "free", "--from-literal=rate=20", "--as=config-viewer"); err == nil || !strings.Contains(out, "you may not do this (making ConfigMap free-") {
		t.Errorf("who only views released a ConfigMap: %v: %s", err, out)
	}
	if out, err := configSet(t, ns, "secret/checkout-1", "--from-literal=token=two", "--as=config-viewer"); err == nil || !strings.Contains(out, "you may not do this (getting Secret checkout-1") {
		t.Errorf("who only views released a Secret: %v: %s", err, out)
	}
	if got := names(); got != "free checkout-1" {
		t.Errorf("who only views has changed the Deployment: it names %s", got)
	}
	for object, value := range map[string]string{"free": "rate=20", "secret/checkout-1": "token=two"} {
		out, err := configSet(t, ns, object, "--from-literal="+value, "--as=config-editor")
		if want := "Deployment checkout is not held by Stagger, so all of its pods get it by a rollout of Kubernetes's own"; err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %q, want %q in it", object, err, out, want)
		}
	}
	config, secret, _ := strings.Cut(names(), " ")
	rate := kubectl(t, "-n", ns, "get", "configmap", config, "-o", "jsonpath={.data.rate} {.immutable}")
	token := kubectl(t, "-n", ns, "get", "secret", secret, "-o", "jsonpath={.data.token} {.immutable} {.type}")
	if !strings.HasPrefix(config, "free-") || !strings.HasPrefix(secret, "checkout-1-") || rate != "20 true" || token != "dHdv true Opaque" {
		t.Errorf("%s has %s, %s has %s", config, rate, secret, token)
	}
}

// The verb makes the next version, names it, and Stagger releases it; what it cannot do it says in one sentence.
func TestAChangeOfConfigurationIsOneCommand(t *testing.T) {
	t.Parallel()
	s := tell(t)
	apply(t, s.ns, strings.ReplaceAll(settings, "{name: checkout-1, labels: {stagger.dev/config: held}}", "{name: checkout-settings}"))
	kubectl(t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p",
		`{"spec":{"template":{"spec":{"containers":[{"name":"app","envFrom":[{"configMapRef":{"name":"checkout-settings"}}]}]}}}}`)
	s.serve(4)
	s.gateway()
	set := func(args ...string) (string, error) { return configSet(t, s.ns, args...) }
	for want, args := range map[string][]string{
		"no ConfigMap named nothing is in namespace": {"nothing", "--from-literal=rate=20"},
		"no Deployment in namespace":                 {"free", "--from-literal=rate=20"},
		"has these values already":                   {"checkout-settings", "--from-literal=rate=10"},
		"nothing is to be changed":                   {"checkout-settings"},
		"would be made":                              {"checkout-settings", "--from-literal=rate=20", "--dry-run"},
	} {
		if out, err := set(args...); !strings.Contains(out, want) || (err == nil) != strings.Contains(want, "would") {
			t.Errorf("%v: %v: %s; want %q", args, err, out, want)
		}
	}
	s.reads().follows("how-to/configuration.md", "Change a value")
	x := s.ended(1, v1alpha1.StatePromoted)
	if want := []string{"checkout-settings: 1 key changed, 1 key added (rate, limits.yaml)"}; !slices.Equal(x.Status.Release.Changes, want) {
		t.Errorf("the release changes %q, want %q", x.Status.Release.Changes, want)
	}
	for verb, want := range map[string]string{"history": "checkout-settings: 1 key changed, 1 key added ", "report": "(rate, limits.yaml)", "status": "checkout"} {
		if out, err := plugin(t, s.ns, verb, "checkout"); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s; want %q", verb, err, out, want)
		}
	}
	for _, reason := range []string{"ReleaseStarted", "ReleasePromoted"} {
		waitFor(t, "one event on the Service says "+reason, func() (bool, string) {
			out := kubectl(t, "-n", s.ns, "get", "events", "--field-selector=reason="+reason, "-o", "jsonpath={range .items[*]}{.involvedObject.kind}/{.involvedObject.name} {.message}\n{end}")
			return strings.HasPrefix(out, "Service/checkout release 1: ") && strings.Count(out, "/checkout ") == 1, out
		})
	}
	s.restored()
	named := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.spec.template.spec.containers[0].envFrom[0].configMapRef.name}")
	data := kubectl(t, "-n", s.ns, "get", "configmap", named, "-o", "jsonpath={.data.rate} {.binaryData.logo} {.immutable} {.metadata.labels}")
	if !strings.HasPrefix(named, "checkout-settings-") || data != `20 AAAA true {"stagger.dev/config":"held"}` {
		t.Errorf("%s has %s", named, data)
	}
	if out, err := set(named, "--from-literal=rate=30"); err != nil || !strings.Contains(out, "ConfigMap checkout-settings-") {
		t.Errorf("the version after the next: %v: %s", err, out)
	}
	s.losesNothing()
}
