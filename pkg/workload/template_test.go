package workload

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/randfill"
)

func TestTemplatesThatMakeTheSamePodsAreTheSameAndHashAlike(t *testing.T) {
	cases := map[string]struct {
		change func(*corev1.PodTemplateSpec)
		same   bool
	}{
		"nothing changed":                          {func(*corev1.PodTemplateSpec) {}, true},
		"the hash label of a controller":           {func(t *corev1.PodTemplateSpec) { t.Labels[HashLabel] = "6c4f678748" }, true},
		"an empty map instead of none":             {func(t *corev1.PodTemplateSpec) { t.Annotations = map[string]string{} }, true},
		"an empty list instead of none":            {func(t *corev1.PodTemplateSpec) { t.Spec.Volumes = []corev1.Volume{} }, true},
		"a quantity in bytes":                      {limit("1073741824"), true},
		"a quantity in mebibytes":                  {limit("1024Mi"), true},
		"a quantity with an exponent":              {limit("1073741824e0"), true},
		"a quantity of another size":               {limit("1073741825"), false},
		"another image":                            {func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Image = "checkout:1.5.0" }, false},
		"an annotation, as rollout restart writes": {func(t *corev1.PodTemplateSpec) { t.Annotations = map[string]string{"restartedAt": "now"} }, false},
		"a label":                           {func(t *corev1.PodTemplateSpec) { t.Labels["zone"] = "b" }, false},
		"a pointer to zero instead of none": {func(t *corev1.PodTemplateSpec) { t.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0) }, false},
		"an empty struct instead of none":   {func(t *corev1.PodTemplateSpec) { t.Spec.SecurityContext = &corev1.PodSecurityContext{} }, false},
		"an order of containers": {func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers = append([]corev1.Container{{Name: "b"}}, t.Spec.Containers...)
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, b := template("1.4.2"), template("1.4.2")
			c.change(&b)
			if got := SameTemplate(&a, &b); got != c.same {
				t.Errorf("SameTemplate = %t, want %t", got, c.same)
			}
			if got := Hash(&a) == Hash(&b); got != c.same {
				t.Errorf("equal hashes: %t (%s, %s), want %t", got, Hash(&a), Hash(&b), c.same)
			}
		})
	}
}

func limit(s string) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) {
		t.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(s)}
	}
}

func TestTheHashOfATemplateNeverChangesBetweenVersionsOfStagger(t *testing.T) {
	a := template("1.4.2")
	if got, want := Hash(&a), "phkqvslmtz"; got != want {
		t.Errorf("Hash = %q, want %q: refused templates would be tried again after an upgrade", got, want)
	}
}

func TestAHashIsNoWordOfTheDeploymentController(t *testing.T) {
	ours := regexp.MustCompile(`^[a-z]{10}$`)
	for n := range 100 {
		a := template(strconv.Itoa(n))
		if h := Hash(&a); !ours.MatchString(h) || strings.ContainsAny(h, "456789bcdf") {
			t.Errorf("Hash = %q, want ten letters that the controller's own hashes do not contain", h)
		}
	}
}

func TestNeitherQuestionTouchesTheTemplates(t *testing.T) {
	a, b := template("1"), template("2")
	a.Labels[HashLabel] = "x"
	SameTemplate(&a, &b)
	Hash(&a)
	want := template("1")
	want.Labels[HashLabel] = "x"
	if d := diff(want, a); d != "" {
		t.Errorf("the template changed (-want +got):\n%s", d)
	}
}

// FuzzHashAgreesWithSameTemplate takes one field of a filled template from another, so that a field forgotten by one of the two shows.
func FuzzHashAgreesWithSameTemplate(f *testing.F) {
	for field := range reflect.TypeFor[corev1.PodSpec]().NumField() {
		f.Add(int64(field), int64(field+1), field)
	}
	f.Fuzz(func(t *testing.T, one, other int64, field int) {
		a, b, from := filled(one), filled(one), filled(other)
		a.Labels, b.Labels = map[string]string{HashLabel: "a"}, map[string]string{HashLabel: "b"}
		if !SameTemplate(a, b) || Hash(a) != Hash(b) {
			t.Fatalf("a template is not the same as itself for seed %d", one)
		}
		spec := reflect.ValueOf(&b.Spec).Elem()
		i := int(uint(field) % uint(spec.NumField()))
		spec.Field(i).Set(reflect.ValueOf(from.Spec).Field(i))
		if same, alike := SameTemplate(a, b), Hash(a) == Hash(b); same != alike {
			t.Errorf("SameTemplate = %t, equal hashes = %t with another %s", same, alike, spec.Type().Field(i).Name)
		}
	})
}

func filled(seed int64) *corev1.PodTemplateSpec {
	o := &corev1.PodTemplateSpec{}
	randfill.NewWithSeed(seed).NilChance(0.6).NumElements(0, 3).MaxDepth(9).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(1e6), resource.BinarySI)
		},
		func(s *intstr.IntOrString, c randfill.Continue) { *s = intstr.FromInt32(c.Int31n(9)) },
		func(m *metav1.Time, c randfill.Continue) { *m = metav1.Unix(c.Int63n(1e9), 0) },
		func(m *metav1.FieldsV1, c randfill.Continue) {},
	).Fill(o)
	return o
}
