package e2e

import (
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestRemovingTheAnnotationInTheMiddlePutsEverythingBack(t *testing.T) {
	t.Parallel()
	s := tell(t).gateway()
	s.push("1.1.0")
	s.step(1, 1)
	kubectl(t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy-")
	waitFor(t, "the TrafficShift is gone", func() (bool, string) {
		err := adm.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "checkout"}, &v1alpha1.TrafficShift{})
		return apierrors.IsNotFound(err), "still there"
	})
	gone := time.Now()
	edit(t, s.before, "Service/checkout", func(o map[string]any) { o["annotations"] = withoutPolicy(o["annotations"]) })
	s.restored()
	s.neverAgain("1.1.0", gone)
	if got := s.deployment(); got != "shop:1.1.0 paused=true" {
		t.Errorf("the Deployment is %s: letting go must not release a template", got)
	}
	if out := kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.metadata.labels}"); out != `{"team":"payments"}` {
		t.Errorf("the Deployment's labels are %s", out)
	}
	s.losesNothing()
}

func withoutPolicy(annotations any) map[string]string {
	out := map[string]string{}
	if all, ok := annotations.(map[string]string); ok {
		for k, v := range all {
			if k != v1alpha1.PolicyAnnotation {
				out[k] = v
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
