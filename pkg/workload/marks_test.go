package workload

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAMarkIsReadAsItWasWritten(t *testing.T) {
	cases := map[string]struct {
		value string
		want  Mark
		found bool
	}{
		"a mark":             {mark7.String(), mark7, true},
		"none":               {"", Mark{}, false},
		"without a number":   {"shop/checkout", Mark{}, false},
		"number 0":           {"shop/checkout 0", Mark{}, false},
		"not a number":       {"shop/checkout seven", Mark{}, false},
		"more than a number": {"shop/checkout 7 8", Mark{}, false},
		"without namespace":  {"checkout 7", Mark{}, false},
		"an empty namespace": {"/checkout 7", Mark{}, false},
		"an empty name":      {"shop/ 7", Mark{}, false},
		"of another's":       {"bank/checkout 7", Mark{}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: map[string]string{v1alpha1.ReleaseAnnotation: c.value}}}
			if got, found := MarkOf(o); got != c.want || found != c.found {
				t.Errorf("MarkOf(%q) = %v, %t; want %v, %t", c.value, got, found, c.want, c.found)
			}
		})
	}
}

func TestAnAbortMarkThatCannotBeReadIsStillAnAbort(t *testing.T) {
	cases := map[string]struct {
		annotations map[string]string
		number      int64
		found       bool
	}{
		"none":       {nil, 0, false},
		"a number":   {map[string]string{v1alpha1.AbortedAnnotation: "7"}, 7, true},
		"not one":    {map[string]string{v1alpha1.AbortedAnnotation: "seven"}, 0, true},
		"empty mark": {map[string]string{v1alpha1.AbortedAnnotation: ""}, 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n, found := AbortedNumber(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Annotations: c.annotations}})
			if n != c.number || found != c.found {
				t.Errorf("AbortedNumber = %d, %t; want %d, %t", n, found, c.number, c.found)
			}
		})
	}
}
