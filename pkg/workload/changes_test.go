package workload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const shopTemplate = `
metadata: {labels: {app: checkout}, annotations: {team: till}}
spec:
  volumes:
  - {name: settings, configMap: {name: settings-aaaa1111}}
  - {name: scratch, emptyDir: {}}
  containers:
  - name: app
    image: shop:1
    command: [serve]
    env: [{name: LOG_LEVEL, value: info}, {name: TOKEN, valueFrom: {secretKeyRef: {name: token-aaaa1111, key: token}}}]
    envFrom: [{configMapRef: {name: settings-aaaa1111}}]
    resources: {requests: {cpu: 100m}}
  - {name: beside, image: "log:1"}
`

func TestAChangeOfATemplateIsToldInWords(t *testing.T) {
	note := func(key, since, says string) map[string]string {
		return map[string]string{v1alpha1.ConfigChangesAnnotation: fmt.Sprintf(`{%q: [{"since": %q, "says": %q}]}`, key, since, says)}
	}
	cases := map[string]struct {
		edit []string // pairs: what, by what
		note map[string]string
		want []string
	}{
		"nothing":                             {},
		"another notation of the same":        {edit: []string{"100m", "0.1"}},
		"an image":                            {edit: []string{"shop:1", "shop:2"}, want: []string{"image of app"}},
		"a variable":                          {edit: []string{"value: info", "value: debug"}, want: []string{"env LOG_LEVEL of app"}},
		"the order of variables":              {edit: []string{"env: [{name: LOG_LEVEL, value: info}, ", "env: [", "key: token}}}]", "key: token}}}, {name: LOG_LEVEL, value: info}]"}, want: []string{"order of env of app"}},
		"a command and resources":             {edit: []string{"[serve]", "[serve, --fast]", "100m", "200m"}, want: []string{"command of app", "resources of app"}},
		"a container more":                    {edit: []string{"- {name: beside", "- {name: new, image: x}\n  - {name: beside"}, want: []string{"container new added"}},
		"a container less":                    {edit: []string{`- {name: beside, image: "log:1"}`, ""}, want: []string{"container beside left out"}},
		"a volume, a label and an annotation": {edit: []string{"emptyDir: {}", "emptyDir: {medium: Memory}", "app: checkout", "app: checkout, a: b", "team: till", "team: x"}, want: []string{"volume scratch", "annotation team", "label a"}},
		"a field of the pod":                  {edit: []string{"spec:", "spec:\n  serviceAccountName: x"}, want: []string{"serviceAccountName"}},
		"many variables":                      {edit: []string{"LOG_LEVEL, value: info}", "A, value: a}, {name: B, value: b}, {name: C, value: c}"}, want: []string{"env A, B, C and 1 more of app"}},
		"a ConfigMap of which nothing is noted": {edit: []string{"settings-aaaa1111", "settings-bbbb2222"},
			want: []string{"ConfigMap settings-bbbb2222 instead of settings-aaaa1111"}},
		"a ConfigMap by its note": {edit: []string{"settings-aaaa1111", "settings-bbbb2222"}, note: note("ConfigMap/settings-bbbb2222", "settings-aaaa1111", "settings: 2 keys changed (a, b)"),
			want: []string{"settings: 2 keys changed (a, b)"}},
		"a note about another version": {edit: []string{"settings-aaaa1111", "settings-bbbb2222"}, note: note("ConfigMap/settings-bbbb2222", "settings-0", "x"),
			want: []string{"ConfigMap settings-bbbb2222 instead of settings-aaaa1111"}},
		"a note about a Secret of that name": {edit: []string{"settings-aaaa1111", "settings-bbbb2222"}, note: note("Secret/settings-bbbb2222", "settings-aaaa1111", "x"),
			want: []string{"ConfigMap settings-bbbb2222 instead of settings-aaaa1111"}},
		"a note that is none": {edit: []string{"settings-aaaa1111", "settings-bbbb2222"}, note: map[string]string{v1alpha1.ConfigChangesAnnotation: "[]"},
			want: []string{"ConfigMap settings-bbbb2222 instead of settings-aaaa1111"}},
		"a note that would move a cursor": {edit: []string{"token-aaaa1111", "token-b"}, note: note("Secret/token-b", "token-aaaa1111", "Secret token:\u202e 1 key\nchanged"),
			want: []string{"Secret token: 1 key changed"}},
		"a Secret and a variable of its own": {edit: []string{"token-aaaa1111, key: token", "token-b, key: other"}, want: []string{"Secret token-b instead of token-aaaa1111", "env TOKEN of app"}},
		"a ConfigMap of another name":        {edit: []string{"settings-aaaa1111", "limits"}, want: []string{"ConfigMap limits instead of settings-aaaa1111"}},
		"two ConfigMaps, one of them new": {edit: []string{"envFrom: [{configMapRef: {name: settings-aaaa1111}}]", "envFrom: [{configMapRef: {name: settings-b}}, {configMapRef: {name: other}}]", "settings-aaaa1111", "settings-b"},
			want: []string{"ConfigMap other added", "ConfigMap settings-b instead of settings-aaaa1111", "envFrom of app"}},
		"no ConfigMap any more": {edit: []string{"- {name: settings, configMap: {name: settings-aaaa1111}}", "", "{configMapRef: {name: settings-aaaa1111}}", ""},
			want: []string{"ConfigMap settings-aaaa1111 left out", "envFrom of app", "volume settings"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := templateOf(t, shopTemplate), templateOf(t, strings.NewReplacer(c.edit...).Replace(shopTemplate))
			kept := before.DeepCopy()
			if d := cmp.Diff(c.want, Changes(before, after, c.note)); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
			if d := cmp.Diff(kept, before); d != "" {
				t.Errorf("the template itself was changed:\n%s", d)
			}
		})
	}
}

func TestManyChangesAreBounded(t *testing.T) {
	before, after := templateOf(t, shopTemplate), templateOf(t, shopTemplate)
	for i := range 40 {
		after.Spec.Containers = append(after.Spec.Containers, corev1.Container{Name: strings.Repeat("x", 300) + fmt.Sprint(i)})
	}
	got := Changes(before, after, nil)
	if len(got) != MostChanges || got[MostChanges-1] != "25 more" {
		t.Errorf("%d changes, the last is %q", len(got), got[len(got)-1])
	}
	for _, c := range got {
		if len(c) > LongestChange {
			t.Errorf("%d bytes: %s", len(c), c)
		}
	}
}

func TestWhatAVersionChangesIsSaidWithoutValues(t *testing.T) {
	data := func(pairs ...string) map[string][]byte {
		out := map[string][]byte{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = []byte(pairs[i+1])
		}
		return out
	}
	cases := map[string]struct {
		kind          ConfigKind
		before, after map[string][]byte
		want          string
	}{
		"one key":                         {ConfigMap, data("a", "1"), data("a", "2"), "settings: 1 key changed (a)"},
		"changed, added and removed":      {ConfigMap, data("a", "1", "b", "1", "gone", ""), data("a", "2", "b", "2", "new", ""), "settings: 2 keys changed, 1 key added, 1 key removed (a, b, new and 1 more)"},
		"a key whose value is empty":      {ConfigMap, data(), data("a", ""), "settings: 1 key added (a)"},
		"a Secret names none of its keys": {Secret, data("token", "hush"), data("token", "hush2", "b", ""), "Secret settings: 1 key changed, 1 key added"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := KeyChanges(c.kind, "settings", c.before, c.after); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func templateOf(t *testing.T, text string) *corev1.PodTemplateSpec {
	t.Helper()
	var out corev1.PodTemplateSpec
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return &out
}
