package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var record = flag.Bool("record", false, "write the objects of each phase of a release to hack/gitops/testdata, where GitOps tools judge them")

// phase compares the objects as they are with those that hack/gitops shows to GitOps tools: in all that a tool waits for.
func (s *story) phase(name, objects string) {
	s.t.Helper()
	file := filepath.Join("..", "hack", "gitops", "testdata", name+".yaml")
	objects = strings.ReplaceAll(objects, s.ns, "shop")
	if *record {
		if err := os.WriteFile(file, []byte(objects), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(waitedFor(s.t, string(recorded)), waitedFor(s.t, objects)); diff != "" {
		s.t.Errorf("%s: %s shows tools something else; tell this story with -record (-recorded +seen):\n%s", name, file, diff)
	}
}

// waitedFor is what tools wait for in a list of objects.
func waitedFor(t *testing.T, list string) map[string]string {
	t.Helper()
	var all unstructured.UnstructuredList
	if err := yaml.Unmarshal([]byte(list), &all); err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for _, o := range all.Items {
		var has struct {
			Status struct {
				ObservedGeneration int64
				Conditions         []struct{ Type, Status string }
			}
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &has); err != nil {
			t.Fatal(err)
		}
		facts[o.GetKind()+" is observed"] = fmt.Sprint(has.Status.ObservedGeneration == o.GetGeneration())
		for _, c := range has.Status.Conditions {
			if o.GetKind() == "Deployment" || c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
				facts[o.GetKind()+" is "+c.Type] = c.Status
			}
		}
		if o.GetKind() == "Deployment" {
			var d appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
				t.Fatal(err)
			}
			facts["Deployment"] = fmt.Sprintf("paused %t, %d of %d updated, %d in all, %d available",
				d.Spec.Paused, d.Status.UpdatedReplicas, *d.Spec.Replicas, d.Status.Replicas, d.Status.AvailableReplicas)
		}
	}
	return facts
}

// What tools wait for is as the README says: kubectl here, by the real command, and Flux, Argo CD and Helm in hack/gitops, by their
// own judgement of these very objects.
func TestWhatToolsWaitFor(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(slow).gateway()
	rolledOut := func(want bool) {
		t.Helper()
		out, err := try(t.Context(), "", "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=2s")
		if (err == nil) != want {
			t.Errorf("kubectl rollout status: %v\n%s", err, out)
		}
	}
	isReady := func(want bool) {
		t.Helper()
		out, err := try(t.Context(), "", "-n", s.ns, "wait", "trafficshift/checkout", "--for=condition=Ready", "--timeout=2s")
		if (err == nil) != want {
			t.Errorf("kubectl wait for Ready: %v\n%s", err, out)
		}
	}
	objects := func() string {
		t.Helper()
		return kubectl(t, "-n", s.ns, "get", "deployment,service,virtualservice,trafficshift", "-o", "yaml")
	}
	still := func(paused bool) {
		t.Helper()
		waitFor(t, "the Deployment's controller has seen it", func() (bool, string) {
			var d appsv1.Deployment
			if err := yaml.Unmarshal([]byte(kubectl(t, "-n", s.ns, "get", "deployment", "checkout", "-o", "yaml")), &d); err != nil {
				return false, err.Error()
			}
			seen := d.Spec.Paused == paused && d.Status.ObservedGeneration == d.Generation && (d.Status.UpdatedReplicas == 4) != paused
			return seen && d.Status.Replicas == 4 && d.Status.AvailableReplicas == 4, fmt.Sprintf("paused %t, %+v", d.Spec.Paused, d.Status)
		})
	}
	still(false)
	rolledOut(true)
	isReady(true)
	s.phase("at-rest", objects())

	answer := kubectl(t, "-n", s.ns, "set", "image", "deployment/checkout", "app=shop:1.1.0", "-o", "yaml")
	s.phase("pushed", "apiVersion: v1\nkind: List\nitems:\n- "+strings.ReplaceAll(strings.TrimSpace(answer), "\n", "\n  ")+"\n")
	s.live("30%")
	still(true)
	rolledOut(false)
	isReady(false)
	s.phase("releasing", objects())

	s.ended(1, v1alpha1.StatePromoted)
	still(false)
	rolledOut(true)
	isReady(true)
	s.phase("promoted", objects())

	s.push("1.2.0-errors")
	s.ended(2, v1alpha1.StateAborted)
	still(true)
	rolledOut(false)
	isReady(false)
	s.phase("aborted", objects())
}
