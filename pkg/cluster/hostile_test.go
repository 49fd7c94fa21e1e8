package cluster_test

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/manifests/crd"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/bounds"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// takes is the most that an API server takes of the annotations of an object, and request the most of a request.
const takes, request = 256 << 10, 3 << 20

// Whoever may write an object may write annotations of any length on it, as far as an API server lets him. Nothing breaks, what is said of them stays
// short, and what is written all the same is taken.
func TestAnnotationsOfAMegabyte(t *testing.T) {
	schema, err := crd.SchemaOf(crd.TrafficShifts)
	if err != nil {
		t.Fatal(err)
	}
	s := settings()
	s.Limits = bounds.New[v1alpha1.TrafficShiftStatus](ptr.To(schema.Properties["status"]))
	for _, key := range []string{
		v1alpha1.PolicyAnnotation, v1alpha1.SiblingsAnnotation, v1alpha1.AllowAnnotation, v1alpha1.ConfigChangesAnnotation, v1alpha1.WaitingAnnotation,
		v1alpha1.CommandAnnotation, v1alpha1.ReplacedAnnotation, v1alpha1.PausedAnnotation, v1alpha1.CommandedByAnnotation, v1alpha1.ControlledByAnnotation,
		v1alpha1.RefusedAnnotation, v1alpha1.ReleaseAnnotation, v1alpha1.AbortedAnnotation, v1alpha1.RoutesAnnotation,
	} {
		for _, size := range []int{takes, 1 << 20} {
			for name, text := range large(size) {
				o := annotated(key, text)
				v := cluster.Observe(o, s, noon)
				d := release.Decide(v.Facts, noon)
				if n := len(encoded(t, cluster.StatusOf(v, d, d.Release))); n > 64<<10 {
					t.Errorf("%s of %d %s: the status has %d bytes", key, size, name, n)
				}
				for _, verb := range []release.Verb{release.RestoreRoutes, release.Widen, release.Unhold} {
					d.Actions = append(d.Actions, release.Action{Verb: verb})
				}
				for _, w := range cluster.Plan(v, d) {
					if n := len(encoded(t, w.Patch)); size == takes && n > request {
						t.Errorf("%s of %d %s: %s has %d bytes", key, size, name, w, n)
					}
				}
			}
		}
	}
}

// large are texts of a size that is hard on whoever reads them.
func large(size int) map[string]string {
	return map[string]string{
		"letters":  strings.Repeat("é", size/2),
		"marks":    strings.Repeat("shop/web 3, ", size/12),
		"names":    strings.Repeat("shop,", size/5),
		"brackets": strings.Repeat("[", size),
		"memos":    `{"shop/web":{"a":[` + strings.Repeat("[1,1],", size/6-4) + `[1]]}}`,
		"commands": "abort 3 t " + strings.Repeat("why ", size/4-3),
		"escapes":  strings.Repeat("\x1b[2J", size/4),
	}
}

// annotated is the middle of a release that is paused, where each object has this annotation.
func annotated(key, text string) cluster.Objects {
	p := inTheMiddle("shop")
	p.shift.Spec.Control = v1alpha1.ControlPaused
	o := p.objects()
	all := []metav1.Object{o.Shift, o.Service, o.CanaryService}
	for _, d := range o.Deployments {
		all = append(all, d)
	}
	for _, rs := range o.ReplicaSets {
		all = append(all, rs)
	}
	for _, s := range o.Siblings {
		all = append(all, s)
	}
	for _, pod := range o.Pods {
		all = append(all, pod)
	}
	for _, u := range append(o.Routes, o.Rules...) {
		all = append(all, u)
	}
	for _, object := range all {
		annotations := map[string]string{key: text}
		for k, v := range object.GetAnnotations() {
			if k != key {
				annotations[k] = v
			}
		}
		object.SetAnnotations(annotations)
	}
	return o
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
