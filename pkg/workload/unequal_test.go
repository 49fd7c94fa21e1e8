package workload

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asking is a container's resources, written "requests.memory=64Mi limits.cpu=1".
func asking(t *testing.T, text string) corev1.ResourceRequirements {
	t.Helper()
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for _, field := range strings.Fields(text) {
		what, amount, _ := strings.Cut(field, "=")
		of, name, _ := strings.Cut(what, ".")
		list := map[string]corev1.ResourceList{"requests": r.Requests, "limits": r.Limits}[of]
		list[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	return r
}

func TestWhatOnlyTheStableWasGivenIsTold(t *testing.T) {
	cases := map[string]struct {
		was, stable string // the stable's template and pods
		is, canary  string
		says        []string
	}{
		"a recommendation": {"requests.memory=64Mi", "requests.memory=1Gi", "requests.memory=64Mi", "requests.memory=64Mi",
			[]string{"container app has requests.memory 1Gi, the canary's 64Mi", "a VerticalPodAutoscaler"}},
		"where no template asks":  {"", "requests.cpu=500m", "", "", []string{"requests.cpu 500m, the canary's 0"}},
		"limits in proportion":    {"limits.memory=128Mi", "limits.memory=2Gi", "limits.memory=128Mi", "limits.memory=128Mi", []string{"limits.memory 2Gi"}},
		"nobody was given":        {"requests.memory=64Mi", "requests.memory=64Mi", "requests.memory=64Mi", "requests.memory=64Mi", nil},
		"the version asks for it": {"requests.memory=64Mi", "requests.memory=1Gi", "requests.memory=1Gi", "requests.memory=1Gi", nil},
		"the version asks for more": {"requests.memory=64Mi", "requests.memory=1Gi", "requests.memory=2Gi", "requests.memory=2Gi",
			nil},
		"the version asks for less":         {"requests.memory=64Mi", "requests.memory=64Mi", "requests.memory=32Mi", "requests.memory=32Mi", nil},
		"both by a LimitRange":              {"", "requests.memory=1Gi limits.memory=1Gi", "", "requests.memory=512Mi limits.memory=512Mi", nil},
		"a request by its limit":            {"limits.memory=1Gi", "limits.memory=1Gi requests.memory=1Gi", "limits.memory=512Mi", "limits.memory=512Mi requests.memory=512Mi", nil},
		"a limit where the canary has none": {"", "limits.memory=1Gi", "", "", nil},
		"less than its template":            {"requests.cpu=1", "requests.cpu=100m", "requests.cpu=1", "requests.cpu=1", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			of := func(text string) corev1.PodSpec {
				return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: asking(t, text)}}}
			}
			stable := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{VPAAnnotation: "x"}}, Spec: of(c.stable)}
			plain := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: of(c.was)}
			got := Unequal([]*corev1.Pod{plain, stable}, []*corev1.Pod{{Spec: of(c.canary)}}, &corev1.PodTemplateSpec{Spec: of(c.was)}, &corev1.PodTemplateSpec{Spec: of(c.is)})
			if (got == "") != (len(c.says) == 0) {
				t.Errorf("says %q", got)
			}
			for _, part := range c.says {
				if !strings.Contains(got, part) {
					t.Errorf("%q does not say %q", got, part)
				}
			}
		})
	}
}
