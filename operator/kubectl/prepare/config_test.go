package prepare_test

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

// The configuration of a shop. Deployment checkout is held, with a managed Service before it; orders is neither; mail is held by a
// TrafficShift that was written by hand.
const shopConfig = `
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: checkout
    labels: {team: payments}
    annotations: {owner: till, kubectl.kubernetes.io/last-applied-configuration: "{}"}
  data: {rate: "10", mode: fast}
  binaryData: {logo: AP8=}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: unused}, data: {rate: "10"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: letters}, data: {subject: hello}}
- {apiVersion: v1, kind: Secret, metadata: {name: token}, type: example.com/token, data: {token: b25l}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: checkout, labels: {stagger.dev/held: "true"}}
  spec:
    template:
      metadata: {labels: {app: checkout}}
      spec:
        volumes: [{name: settings, configMap: {name: checkout}}, {name: token, secret: {secretName: token}}]
        initContainers: [{name: init, envFrom: [{configMapRef: {name: checkout}}]}]
        containers: [{name: app, newField: 1, env: [{name: x, value: checkout}, {name: RATE, valueFrom: {configMapKeyRef: {name: checkout, key: rate}}}]}]
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: orders}
  spec:
    template:
      metadata: {labels: {app: orders}}
      spec: {containers: [{name: app, envFrom: [{configMapRef: {name: checkout}}]}]}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: mail, labels: {stagger.dev/held: "true"}}
  spec:
    template:
      metadata: {labels: {app: mail}}
      spec: {containers: [{name: app, envFrom: [{configMapRef: {name: letters}}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: till, annotations: {stagger.dev/policy: standard}, labels: {stagger.dev/narrowed: abc}}
  spec: {selector: {app: checkout, pod-template-hash: abc}}
- {apiVersion: v1, kind: Service, metadata: {name: mail}, spec: {selector: {app: mail}}}
- {apiVersion: v1, kind: Service, metadata: {name: nothing, annotations: {stagger.dev/policy: standard}}, spec: {}}
`

func TestAVersionOfAConfigurationIsMadeAndNamed(t *testing.T) {
	cases := map[string]struct {
		words []string
		with  func(s *clitest.Store)
	}{
		"config set":                        {words: []string{"checkout", "--from-literal=rate=20", "--from-file=" + clitest.File(t, "limits.yaml", "a: 1\n")}},
		"config set of one deployment":      {words: []string{"cm/checkout", "--from-literal=rate=20", "--deployment=orders"}},
		"config set of a secret":            {words: []string{"secret/token", "--from-file=token=" + clitest.File(t, "new", "two"), "-o", "json"}},
		"config set that is tried":          {words: []string{"checkout", "--from-literal=rate=20", "--dry-run"}},
		"config set that is tried, as yaml": {words: []string{"checkout", "--from-literal=rate=20", "--dry-run", "-o", "yaml"}},
		"config set of a secret by name":    {words: []string{"secret/token", "--from-literal=token=two", "-o", "name"}},
		"config set of what is binary":      {words: []string{"checkout", "--from-literal=logo=text", "--from-file=mode=" + clitest.File(t, "mode", "\xff\x00"), "-o", "yaml"}},
		"config set without a service":      {words: []string{"letters", "--from-literal=subject=bye"}},
		"config set without a right to see services": {words: []string{"checkout", "--from-literal=rate=20", "--deployment=checkout"},
			with: func(s *clitest.Store) { s.Forbidden = "/services" }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewStore(t, shopConfig)
			if c.with != nil {
				c.with(s)
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), append([]string{"config", "set"}, c.words...)...)
			clitest.Golden(t, name, code, out, talk+"--- writes\n"+strings.Join(append(s.Writes, ""), "\n"))
		})
	}
}

func TestHelpOfConfigSet(t *testing.T) {
	code, out, talk := clitest.Run(t, clitest.NewStore(t, shopConfig).Kubeconfig(), "config", "set", "--help")
	clitest.Golden(t, "help of config set", code, out, talk)
}

// The versions of one ConfigMap, there and back: each is kept, and the way back makes nothing anew.
func TestVersionsFollowOneAnother(t *testing.T) {
	s := clitest.NewStore(t, shopConfig)
	config := s.Kubeconfig()
	set := func(from, rate string) string {
		t.Helper()
		code, out, talk := clitest.Run(t, config, "config", "set", from, "--from-literal=rate="+rate, "--deployment=checkout", "-o", "name")
		if code != cli.ExitOK {
			t.Fatalf("exit code %d: %s", code, talk)
		}
		return strings.TrimPrefix(strings.TrimSpace(out), "configmap/")
	}
	first := s.Text(clitest.ShopPath + "configmaps/checkout")
	second := set("checkout", "20")
	third := set(second, "30")
	made := s.Text(clitest.ShopPath + "configmaps/" + second)
	again := set(third, "20")
	if again != second || third == second || s.Text(clitest.ShopPath+"configmaps/"+second) != made {
		t.Errorf("the versions are %s, %s and then %s", second, third, again)
	}
	for _, name := range []string{second, third} {
		if suffix, found := strings.CutPrefix(name, "checkout-"); !found || len(suffix) != 8 {
			t.Errorf("%s is not named after checkout", name)
		}
	}
	if now := s.Text(clitest.ShopPath + "configmaps/checkout"); now != first {
		t.Errorf("the first version has changed:\n%s", now)
	}
	writes := 0
	for _, w := range s.Writes {
		if strings.HasPrefix(w, "create") {
			writes++
		}
	}
	if writes != 2 {
		t.Errorf("%d versions were made, want 2: %v", writes, s.Writes)
	}
	d := s.Text("/apis/apps/v1/namespaces/shop/deployments/checkout")
	if strings.Count(d, "name: "+second+"\n") != 3 || !strings.Contains(d, "newField: 1") || !strings.Contains(d, "value: checkout\n") {
		t.Errorf("the Deployment does not name %s, or has lost something:\n%s", second, d)
	}
}

// The same name works for every change: it stands for the version that is named by then, whose values are kept.
func TestTheFirstNameStandsForTheVersionThatIsNamedNow(t *testing.T) {
	s := clitest.NewStore(t, shopConfig)
	config := s.Kubeconfig()
	for i, change := range []string{"rate=20", "mode=slow", "rate=30"} {
		code, out, talk := clitest.Run(t, config, "config", "set", "checkout", "--from-literal="+change, "--deployment=checkout", "-o", "yaml")
		if code != cli.ExitOK {
			t.Fatalf("change %d: exit code %d: %s", i+1, code, talk)
		}
		if want := []string{"mode: fast", "mode: slow", "mode: slow"}[i]; !strings.Contains(out, want) {
			t.Errorf("change %d lacks %q:\n%s", i+1, want, out)
		}
	}
	// Whatever of these versions serves by then, it is noted what the one that is named now changes.
	d := s.Objects["/apis/apps/v1/namespaces/shop/deployments/checkout"]
	for _, want := range []string{`"says":"checkout: 1 key changed (rate)"`, `"says":"checkout: 2 keys changed (mode, rate)"`, `{"since":"checkout","says":"checkout: 2 keys changed (mode, rate)"}]`} {
		if got := d.GetAnnotations()["stagger.dev/config-changes"]; !strings.Contains(got, want) || strings.Count(got, "since") != 3 {
			t.Errorf("the note lacks %s: %s", want, got)
		}
	}
	// Now the Deployments orders and checkout name different versions: who names none of them has to choose.
	s.Objects["/apis/apps/v1/namespaces/shop/deployments/orders"].Object["spec"] = map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "app", "envFrom": []any{map[string]any{"configMapRef": map[string]any{"name": "checkout-c1f417be"}}}}}}}}
	before := len(s.Writes)
	code, _, talk := clitest.Run(t, config, "config", "set", "checkout", "--from-literal=rate=40")
	if code != cli.ExitError || len(s.Writes) != before || !strings.Contains(talk, "several versions of ConfigMap checkout are named, so nothing was written: checkout-") {
		t.Errorf("exit code %d, writes %q, talk %q", code, s.Writes[before:], talk)
	}
}

// A version that was deleted stands for the one that is named now too: its name says of what it was one.
func TestAVersionThatWasDeletedStandsForTheOneThatIsNamedNow(t *testing.T) {
	s := clitest.NewStore(t, shopConfig)
	config := s.Kubeconfig()
	set := func(from, change string) (string, string) {
		t.Helper()
		code, out, talk := clitest.Run(t, config, "config", "set", from, "--from-literal="+change, "-o", "name")
		if code != cli.ExitOK {
			t.Fatalf("config set %s: exit code %d: %s", from, code, talk)
		}
		return strings.TrimPrefix(strings.TrimSpace(out), "configmap/"), talk
	}
	second, _ := set("checkout", "rate=20")
	third, _ := set(second, "rate=30")
	delete(s.Objects, clitest.ShopPath+"configmaps/"+second)
	fourth, _ := set(second, "mode=slow")
	if made := s.Text(clitest.ShopPath + "configmaps/" + fourth); !strings.Contains(made, `rate: "30"`) || !strings.Contains(made, "mode: slow") {
		t.Errorf("%s does not follow %s:\n%s", fourth, third, made)
	}
	// A name that is no version's is not there, whatever it looks like.
	code, _, talk := clitest.Run(t, config, "config", "set", "orders-1a2b3c4d", "--from-literal=rate=1")
	if want := "no ConfigMap named orders-1a2b3c4d is in namespace shop"; code != cli.ExitError || !strings.Contains(talk, want) {
		t.Errorf("exit code %d, talk %q, want %q", code, talk, want)
	}
}

func TestDeploymentsOfAnotherVersionAreNamed(t *testing.T) {
	s := clitest.NewStore(t, shopConfig)
	config := s.Kubeconfig()
	const left = "Deployment orders names ConfigMap checkout, another version, and is left as it is\n"
	for i, c := range []struct {
		words string
		want  bool
	}{
		{"checkout --from-literal=rate=20 --deployment=checkout --dry-run", true},
		{"checkout --from-literal=rate=20 --deployment=checkout", true},
		{"checkout-1a2b3c4d --from-literal=rate=30 --deployment=checkout", true}, // one that was deleted
		{"checkout --from-literal=mode=slow", false},                             // is what orders names
		{"letters --from-literal=subject=bye", false},
	} {
		code, _, talk := clitest.Run(t, config, append([]string{"config", "set"}, strings.Fields(c.words)...)...)
		if code != cli.ExitOK || strings.Contains(talk, left) != c.want {
			t.Errorf("%d: %s: exit code %d: %s", i, c.words, code, talk)
		}
	}
}

func TestWhatCannotBeReleasedIsSaidAndNotWritten(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	cases := map[string]struct {
		words string
		with  func(s *clitest.Store)
		want  string
	}{
		"nothing":                 {words: "", want: "config set needs the name of one ConfigMap or Secret: kubectl stagger config set checkout --from-file=limits.yaml"},
		"another kind":            {words: "deployment/checkout --from-literal=a=1", want: `"deployment/checkout" is neither a ConfigMap nor a Secret; write configmap/checkout or secret/checkout`},
		"a kind without a name":   {words: "secret/ --from-literal=a=1", want: `"" is no name of a Secret; write it as kubectl get secrets lists it`},
		"no change":               {words: "checkout", want: "nothing is to be changed; give --from-file=[key=]file or --from-literal=key=value"},
		"a literal without value": {words: "checkout --from-literal=a", want: "--from-literal=a must be key=value"},
		"a key that is none":      {words: "checkout --from-literal=a/b=1", want: `--from-literal=a/b: "a/b" cannot be a key; use letters, digits, '-', '_' and '.', as in --from-file=limits.yaml=path`},
		"a key twice":             {words: "checkout --from-literal=a=1 --from-literal=a=2", want: "--from-literal=a: the key a is given twice; give it once"},
		"a file that is not there": {words: "checkout --from-file=a=" + missing,
			want: "--from-file=a=" + missing + ": open " + missing + ": no such file or directory"},
		"an unknown output": {words: "checkout --from-literal=a=1 -o wide", want: "-o wide is not known; use one of json, yaml, name"},
		"a name of nothing": {words: "chekout --from-literal=a=1", want: "no ConfigMap named chekout is in namespace shop; list those there are with: kubectl get configmaps -n shop"},
		"the same values":   {words: "checkout --from-literal=rate=10", want: "ConfigMap checkout has these values already, so there is nothing to release"},
		"nobody names it": {words: "unused --from-literal=rate=20",
			want: "no Deployment in namespace shop names ConfigMap unused, so nothing would be released and nothing was written; name it in one first"},
		"another Deployment": {words: "checkout --from-literal=rate=20 --deployment=mail",
			want: "the Deployment mail does not name ConfigMap checkout, so nothing was written; these do: checkout, orders"},
		"a right that is missing": {words: "checkout --from-literal=rate=20", with: func(s *clitest.Store) { s.Forbidden = "/deployments" },
			want: "you may not do this (listing deployments: cannot GET deployments); ask for the role view to look, or edit to command"},
		"other data under the name": {words: "checkout --from-literal=rate=20", with: func(s *clitest.Store) {
			other := s.Objects[clitest.ShopPath+"configmaps/unused"].DeepCopy()
			other.SetName("checkout-c1f417be")
			s.Put(clitest.ShopPath+"configmaps", other)
		}, want: "ConfigMap checkout-c1f417be is there with other data, so nothing was written; delete it if no pod uses it, and say it again"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewStore(t, shopConfig)
			if c.with != nil {
				c.with(s)
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), append([]string{"config", "set"}, strings.Fields(c.words)...)...)
			if code != cli.ExitError || out != "" || len(s.Writes) > 0 {
				t.Errorf("exit code %d, output %q and writes %q, want %d and none", code, out, s.Writes, cli.ExitError)
			}
			if diff := cmp.Diff("error: "+c.want+"\n", talk); diff != "" {
				t.Errorf("talk (-want +got):\n%s", diff)
			}
		})
	}
}

// A Deployment that somebody changes at the same time is left to him, and the same command goes on from there.
func TestARaceIsSaidAndTheCommandGoesOn(t *testing.T) {
	s := clitest.NewStore(t, shopConfig)
	config := s.Kubeconfig()
	s.BeforePatch = func(at string) {
		if path.Base(at) == "orders" {
			s.BeforePatch = nil
			field := []string{"spec", "template", "spec", "containers"}
			containers, _, err := unstructured.NestedSlice(s.Objects[at].Object, field...)
			if err != nil {
				t.Error(err)
			}
			containers = append([]any{map[string]any{"name": "proxy"}}, containers...)
			if err := unstructured.SetNestedSlice(s.Objects[at].Object, containers, field...); err != nil {
				t.Error(err)
			}
		}
	}
	words := []string{"config", "set", "checkout", "--from-literal=rate=20"}
	code, out, talk := clitest.Run(t, config, words...)
	want := "error: the Deployment orders was changed meanwhile, so it was left as it is (changed before it: checkout); say it again\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != cli.ExitError || out != "" {
		t.Errorf("exit code %d, output %q, talk (-want +got):\n%s", code, out, diff)
	}
	code, out, talk = clitest.Run(t, config, words...)
	if code != cli.ExitOK || !strings.Contains(out, "is there already, and named by Deployment orders instead of checkout\n") {
		t.Errorf("exit code %d, output %q, talk %q", code, out, talk)
	}
	if len(s.Writes) != 3 {
		t.Errorf("%d writes, want a version and two Deployments: %q", len(s.Writes), s.Writes)
	}
}
