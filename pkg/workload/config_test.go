package workload

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
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
	for _, base := range []string{strings.Repeat("a", 253), strings.Repeat("a.", 126) + "a"} {
		long := ConfigVersion(base, nil)
		if len(long) > 253 || len(validation.IsDNS1123Subdomain(long)) > 0 {
			t.Errorf("a name that the API refuses: %s", long)
		}
	}
}

func TestTheNextVersionKeepsWhatIsNotSet(t *testing.T) {
	old := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "checkout", Namespace: "shop", UID: "uid", ResourceVersion: "7", Finalizers: []string{"a/b"}, Labels: map[string]string{"team": "till"},
			Annotations: map[string]string{"owner": "me", corev1.LastAppliedConfigAnnotation: "{}"},
		},
		Data: map[string]string{"rate": "10", "mode": "fast"}, BinaryData: map[string][]byte{"logo": {0xff}, "text": []byte("a")},
	}
	before := old.DeepCopy()
	next := NextConfigMap(old, map[string][]byte{"rate": []byte("20"), "text": []byte("b"), "new": {0xfe}, "mode": nil})
	want := &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: ConfigVersion("checkout", ConfigMapData(next)), Namespace: "shop", Labels: map[string]string{"team": "till", "stagger.dev/config": "held"},
			Annotations: map[string]string{"owner": "me", "stagger.dev/config-of": "checkout"},
		},
		Immutable: ptr.To(true),
		Data:      map[string]string{"rate": "20", "mode": ""}, BinaryData: map[string][]byte{"logo": {0xff}, "text": []byte("b"), "new": {0xfe}},
	}
	if d := cmp.Diff(want, next); d != "" {
		t.Errorf("ConfigMap (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, old); d != "" {
		t.Errorf("the one before was changed (-want +got):\n%s", d)
	}
	secret := NextSecret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "token"}, Type: "a/b", Data: map[string][]byte{"a": []byte("1"), "b": []byte("2")}},
		map[string][]byte{"a": []byte("3")})
	wantSecret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name: ConfigVersion("token", SecretData(secret)), Labels: map[string]string{"stagger.dev/config": "held"},
			Annotations: map[string]string{"stagger.dev/config-of": "token"},
		},
		Immutable: ptr.To(true), Type: "a/b", Data: map[string][]byte{"a": []byte("3"), "b": []byte("2")},
	}
	if d := cmp.Diff(wantSecret, secret); d != "" {
		t.Errorf("Secret (-want +got):\n%s", d)
	}
}

func TestTheBaseOfAName(t *testing.T) {
	long := strings.Repeat("a", 250)
	cases := map[string]struct{ name, of, want string }{
		"the first version":               {"checkout", "", "checkout"},
		"a version of ours":               {"checkout-0123abcd", "checkout", "checkout"},
		"a suffix that is not ours":       {"checkout-0123abcd", "", "checkout-0123abcd"},
		"a version number of the user's":  {"checkout-2", "checkout", "checkout-2"},
		"eight letters that are no hash":  {"checkout-settings", "checkout", "checkout-settings"},
		"an annotation of another's":      {"orders-0123abcd", "checkout", "orders-0123abcd"},
		"an annotation that was copied":   {"orders", "checkout", "orders"},
		"a name that looks like a hash":   {"0123abcd", "checkout", "0123abcd"},
		"a version of a name that is cut": {ConfigVersion(long, nil), long, long},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: c.name}}
			if c.of != "" {
				o.Annotations = map[string]string{v1alpha1.ConfigOfAnnotation: c.of}
			}
			next := NextConfigMap(o, map[string][]byte{"a": nil})
			if want := ConfigVersion(c.want, map[string][]byte{"a": nil}); next.Name != want || next.Annotations[v1alpha1.ConfigOfAnnotation] != c.want {
				t.Errorf("the next version is %s of %s, want %s of %s", next.Name, next.Annotations[v1alpha1.ConfigOfAnnotation], want, c.want)
			}
		})
	}
}

// Whatever the values, a version holds them exactly, under a name that the API takes; and the way back has the name of the way there.
func FuzzTheNextVersionIsExact(f *testing.F) {
	f.Add("checkout", "rate", []byte("10"), []byte("20"), false)
	f.Add(strings.Repeat("a.", 126)+"a", "logo", []byte{0xff}, []byte("text"), true)
	f.Add("a-00000000", "x", []byte{}, []byte(nil), true)
	f.Fuzz(func(t *testing.T, name, key string, before, after []byte, binary bool) {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Skip("the API has no such name")
		}
		old := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if binary || !utf8.Valid(before) {
			old.BinaryData = map[string][]byte{key: before}
		} else {
			old.Data = map[string]string{key: string(before)}
		}
		first := NextConfigMap(old, map[string][]byte{key: after})
		if errs := validation.IsDNS1123Subdomain(first.Name); len(errs) > 0 {
			t.Errorf("%q: %v", first.Name, errs)
		}
		if got := ConfigMapData(first); len(got) != 1 || string(got[key]) != string(after) || len(first.Data)+len(first.BinaryData) != 1 {
			t.Errorf("holds %q, want %q", got, after)
		}
		back := NextConfigMap(first, map[string][]byte{key: before})
		there := NextConfigMap(back, map[string][]byte{key: after})
		if there.Name != first.Name || (back.Name == first.Name) != (string(before) == string(after)) || there.Annotations[v1alpha1.ConfigOfAnnotation] != name {
			t.Errorf("%q, back %q, and there again %q", first.Name, back.Name, there.Name)
		}
	})
}

func TestManagedServicesAreThoseThatSelectThePods(t *testing.T) {
	annotated := func(name string, selector map[string]string) corev1.Service {
		return corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{v1alpha1.PolicyAnnotation: "standard"}}, Spec: corev1.ServiceSpec{Selector: selector}}
	}
	pods := template("1.4.2")
	narrow := annotated("narrow", map[string]string{"app": "checkout", HashLabel: stableHash})
	narrow.Labels = map[string]string{v1alpha1.NarrowedLabel: stableHash}
	plain := annotated("plain", map[string]string{"app": "checkout"})
	plain.Annotations = nil
	all := []corev1.Service{narrow, plain, annotated("without", nil), annotated("other", map[string]string{"app": "orders"}), annotated("a", map[string]string{"tier": "web"})}
	if d := cmp.Diff([]string{"a", "narrow"}, ManagedServices(&pods, pointers(all))); d != "" {
		t.Errorf("Services (-want +got):\n%s", d)
	}
}

func TestANameSaysOfWhatItMayBeAVersion(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 244)
	for name, want := range map[string]string{
		"checkout": "checkout", "checkout-1a2b3c4d": "checkout", "checkout-settings": "checkout-settings", "a-b-00000000": "a-b",
		"checkout-1a2b3c4": "checkout-1a2b3c4", "checkout-1a2b3c4g": "checkout-1a2b3c4g", "-1a2b3c4d": "-1a2b3c4d", "": "", long + "-1a2b3c4d": long,
	} {
		if got := BaseOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
