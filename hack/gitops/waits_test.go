package gitops

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"helm.sh/helm/v4/pkg/kube"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubectl/pkg/polymorphichelpers"
	"sigs.k8s.io/yaml"
)

// tool says what it thinks of an object in a word; "" when it has nothing to say.
type tool struct {
	name  string
	judge func(*testing.T, *unstructured.Unstructured) string
}

func TestWhatToolsThinkOfARelease(t *testing.T) {
	const deployment, shift, service, routes = "Deployment", "TrafficShift", "Service", "VirtualService"
	want := map[string]map[string]map[string]string{ // by tool, kind and phase
		"kstatus": {
			deployment: {"at-rest": "Current", "pushed": "InProgress", "releasing": "InProgress", "promoted": "Current", "aborted": "InProgress"},
			shift:      {"at-rest": "Current", "releasing": "InProgress", "promoted": "Current", "aborted": "Failed"},
			service:    {"at-rest": "Current", "releasing": "Current", "promoted": "Current", "aborted": "Current"},
			routes:     {"at-rest": "Current", "releasing": "Current", "promoted": "Current", "aborted": "Current"},
		},
		"Flux's healthCheckExprs": {
			deployment: {"at-rest": "Current", "pushed": "InProgress", "releasing": "Current", "promoted": "Current", "aborted": "Current"},
		},
		"Argo CD": {
			deployment: {"at-rest": "Healthy", "pushed": "Suspended", "releasing": "Suspended", "promoted": "Healthy", "aborted": "Suspended"},
			shift:      {"at-rest": "", "releasing": "", "promoted": "", "aborted": ""},
			service:    {"at-rest": "Healthy", "releasing": "Healthy", "promoted": "Healthy", "aborted": "Healthy"},
			routes:     {"at-rest": "", "releasing": "", "promoted": "", "aborted": ""},
		},
		"Argo CD's Lua": {
			deployment: {"at-rest": "Healthy", "pushed": "Healthy", "releasing": "Healthy", "promoted": "Healthy", "aborted": "Healthy"},
		},
		"Helm": {
			deployment: {"at-rest": "ready", "pushed": "ready", "releasing": "ready", "promoted": "ready", "aborted": "ready"},
		},
		"kubectl rollout status": {
			deployment: {"at-rest": "done", "pushed": "waits", "releasing": "waits", "promoted": "done", "aborted": "waits"},
		},
	}
	tools := []tool{
		{"kstatus", kstatus}, {"Flux's healthCheckExprs", exprs(t)}, {"Argo CD", argo}, {"Argo CD's Lua", argoLua(t)}, {"Helm", helm},
		{"kubectl rollout status", rolloutStatus},
	}
	for _, x := range tools {
		got := map[string]map[string]string{}
		for kind := range want[x.name] {
			got[kind] = map[string]string{}
		}
		for _, phase := range []string{"at-rest", "pushed", "releasing", "promoted", "aborted"} {
			for _, o := range objects(t, phase) {
				if own := o.GetName() == "checkout"; own && got[o.GetKind()] != nil {
					got[o.GetKind()][phase] = x.judge(t, &o)
				}
			}
		}
		if diff := cmp.Diff(want[x.name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
}

// What the README sets changes nothing for Deployments that Stagger does not hold.
func TestOtherDeploymentsAreJudgedAsBefore(t *testing.T) {
	both := map[string][2]func(*testing.T, *unstructured.Unstructured) string{"Flux": {kstatus, exprs(t)}, "Argo CD": {argo, argoLua(t)}}
	cases := map[string]func(d *appsv1.Deployment){
		"rolled out":             func(*appsv1.Deployment) {},
		"not seen yet":           func(d *appsv1.Deployment) { d.Generation++ },
		"no pod is new":          func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 0 },
		"old pods end":           func(d *appsv1.Deployment) { d.Status.Replicas++ },
		"new pods are not there": func(d *appsv1.Deployment) { d.Status.AvailableReplicas, d.Status.ReadyReplicas = 1, 1 },
		"scaled to none": func(d *appsv1.Deployment) {
			d.Spec.Replicas, d.Status = new(int32), appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Conditions: d.Status.Conditions}
		},
		"the deadline has passed": func(d *appsv1.Deployment) {
			d.Status.UpdatedReplicas, d.Status.Conditions[1].Reason = 1, "ProgressDeadlineExceeded"
		},
	}
	for name, change := range cases {
		var d appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects(t, "promoted")[0].Object, &d); err != nil {
			t.Fatal(err)
		}
		delete(d.Labels, "stagger.dev/held")
		if d.Status.Conditions[1].Type != appsv1.DeploymentProgressing {
			t.Fatalf("the second condition is %s", d.Status.Conditions[1].Type)
		}
		change(&d)
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&d)
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{Object: content}
		for tool, judges := range both {
			if before, now := judges[0](t, o), judges[1](t, o); before != now {
				t.Errorf("%s, %s: %s instead of %s", tool, name, now, before)
			}
		}
	}
}

func objects(t *testing.T, phase string) []unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", phase+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list unstructured.UnstructuredList
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items { // JSON's whole numbers, as a client has them
		text, err := json.Marshal(list.Items[i].Object)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.Items[i].UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
	}
	return list.Items
}

func kstatus(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	r, err := status.Compute(o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status.String()
}

// page is the block of code in manifests/docs/how-to/gitops.md that begins so.
func page(t *testing.T, language, begins string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "manifests", "docs", "how-to", "gitops.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```" + language + "\n(" + regexp.QuoteMeta(begins) + ".*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatalf("the page has no %s that begins with %q", language, begins)
	}
	return string(block[1])
}

func exprs(t *testing.T) func(*testing.T, *unstructured.Unstructured) string {
	t.Helper()
	var set struct {
		HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
	}
	if err := yaml.UnmarshalStrict([]byte(page(t, "yaml", "healthCheckExprs:")), &set); err != nil {
		t.Fatal(err)
	}
	of := set.HealthCheckExprs[0]
	if of.APIVersion != "apps/v1" || of.Kind != "Deployment" {
		t.Fatalf("it is about %s of %s", of.Kind, of.APIVersion)
	}
	judge, err := cel.NewStatusEvaluator(&of.HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, o *unstructured.Unstructured) string {
		t.Helper()
		r, err := judge.Evaluate(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r.Status.String()
	}
}

func argo(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	h, err := health.GetResourceHealth(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h == nil {
		return ""
	}
	return string(h.Status)
}

// argoLua runs the script as Argo CD does: the object is obj, and a table with a status comes back.
func argoLua(t *testing.T) func(*testing.T, *unstructured.Unstructured) string {
	t.Helper()
	script := page(t, "lua", "local hs")
	return func(t *testing.T, o *unstructured.Unstructured) string {
		t.Helper()
		l := lua.NewState()
		defer l.Close()
		l.SetGlobal("obj", table(l, o.Object))
		if err := l.DoString(script); err != nil {
			t.Fatal(err)
		}
		return l.GetField(l.Get(-1), "status").String()
	}
}

func table(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		x := l.NewTable()
		for name, field := range v {
			x.RawSetString(name, table(l, field))
		}
		return x
	case []any:
		x := l.NewTable()
		for _, item := range v {
			x.Append(table(l, item))
		}
		return x
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// helm is what --wait asks: of the object in the cluster, whether it is ready.
func helm(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
		t.Fatal(err)
	}
	set := &appsv1.ReplicaSet{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: appsv1.ReplicaSetSpec{Template: d.Spec.Template}}
	set.Name, set.Namespace = d.Name+"-1", d.Namespace
	set.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	set.Status.ReadyReplicas = d.Status.UpdatedReplicas
	c := kube.NewReadyChecker(fake.NewClientset(&d, set), kube.PausedAsReady(true))
	is, err := c.IsReady(t.Context(), &resource.Info{Namespace: d.Namespace, Name: d.Name, Object: &d})
	if err != nil {
		t.Fatal(err)
	}
	if is {
		return "ready"
	}
	return "waits"
}

func rolloutStatus(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	viewer, err := polymorphichelpers.StatusViewerFor(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	if err != nil {
		t.Fatal(err)
	}
	_, done, err := viewer.Status(o, 0)
	if err != nil {
		return fmt.Sprint("fails: ", err)
	}
	if done {
		return "done"
	}
	return "waits"
}
