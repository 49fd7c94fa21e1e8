package workload

import (
	"encoding/json"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

func TestEveryPlaceThatNamesAConfigurationIsRenamed(t *testing.T) {
	const text = `
spec:
  template:
    spec:
      volumes:
      - {name: a, configMap: {name: OLD}}
      - {name: b, secret: {secretName: old}}
      - {name: c, projected: {sources: [{secret: {name: old}}, {configMap: {name: OLD}}, {configMap: {name: other}}]}}
      initContainers:
      - {name: i, envFrom: [{configMapRef: {name: OLD}}, {secretRef: {name: old}}]}
      containers:
      - name: app
        env:
        - {name: x, value: old}
        - {name: y, valueFrom: {configMapKeyRef: {name: OLD, key: y}}}
        - {name: z, valueFrom: {secretKeyRef: {name: old, key: z}}}
      - {name: beside, envFrom: [{configMapRef: {name: other}}, {configMapRef: {name: OLD}}]}
`
	for kind, marks := range map[ConfigKind][2]string{ConfigMap: {"OLD", "NEW"}, Secret: {"old", "new"}} {
		var d appsv1.Deployment
		if err := yaml.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		p := RenameConfig(&d.Spec.Template, kind, marks[0], marks[1])
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := jsonpatch.DecodePatch(body)
		if err != nil {
			t.Fatal(err)
		}
		before, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		after, err := decoded.Apply(before)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		left := strings.Count(string(after), `"`+marks[0]+`"`)
		if kind == Secret {
			left-- // the value of x is no name
		}
		if n := strings.Count(string(after), `"`+marks[1]+`"`); left != 0 || n != len(p)/2 || n < 4 {
			t.Errorf("%s: %d places are renamed, %d left:\n%s", kind, n, left, after)
		}
		if again := RenameConfig(&d.Spec.Template, kind, "nobody", "new"); len(again) > 0 {
			t.Errorf("%s: renamed what nobody names: %v", kind, again)
		}
	}
}

func TestTheNameOfAVersionFollowsItsData(t *testing.T) {
	one := ConfigVersion("checkout", map[string][]byte{"a": []byte("1"), "b": nil})
	seen := map[string]bool{one: true}
	for _, data := range []map[string][]byte{{"a": []byte("2"), "b": nil}, {"a": []byte("1")}, {"a": nil, "b": []byte("1")}, {"ab": []byte("1")}, {}} {
		name := ConfigVersion("checkout", data)
		if seen[name] {
			t.Errorf("%v has the name of another: %s", data, name)
		}
		seen[name] = true
	}
	if again := ConfigVersion("checkout", map[string][]byte{"b": nil, "a": []byte("1")}); again != one || !strings.HasPrefix(one, "checkout-") {
		t.Errorf("the same data is %s and %s", one, again)
	}
	if long := ConfigVersion(strings.Repeat("a", 253), nil); len(long) != 253 {
		t.Errorf("a name of %d characters", len(long))
	}
}
