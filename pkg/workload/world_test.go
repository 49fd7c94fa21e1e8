package workload

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

var update = flag.Bool("update", false, "write the golden files")

// noon is when every test takes place.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

var mark7 = Mark{Namespace: "shop", Shift: "checkout", Number: 7}

const (
	stableHash = "6c4f678748"
	canaryHash = "hjkqrtvwxz"
)

// edit makes a copy of the object and changes it, so that cases say only what is special about them.
func edit[T interface{ DeepCopy() T }](o T, change ...func(T)) T {
	c := o.DeepCopy()
	for _, f := range change {
		f(c)
	}
	return c
}

func checkout() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "checkout", Namespace: "shop", UID: "d-uid", ResourceVersion: "100", Labels: map[string]string{"team": "till"}},
		Spec: appsv1.DeploymentSpec{
			Replicas:        ptr.To[int32](4),
			MinReadySeconds: 5,
			Selector: &metav1.LabelSelector{
				MatchLabels:      map[string]string{"app": "checkout"},
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"web"}}},
			},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromString("30%"))},
			},
			Template: template("1.4.2"),
		},
	}
}

func template(version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "checkout", "tier": "web", "zone": "a"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Image: "checkout:" + version,
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}},
		}}},
	}
}

func waits(d *appsv1.Deployment) { d.Spec.Template = template("1.5.0") }

func pause(d *appsv1.Deployment) { d.Spec.Paused = true }

func held(d *appsv1.Deployment) { d.Labels[v1alpha1.HeldLabel] = "true" }

func replicas(n int32) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { d.Spec.Replicas = &n }
}

// stableSet is the ReplicaSet of the Deployment, with all its replicas available.
func stableSet() *appsv1.ReplicaSet { return ownedSet("1.4.2", stableHash, 4) }

func ownedSet(version, hash string, n int32) *appsv1.ReplicaSet {
	t := template(version)
	t.Labels[HashLabel] = hash
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: "checkout-" + hash, Namespace: "shop", UID: types.UID("uid-" + hash), ResourceVersion: "200", Labels: t.Labels,
			CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
			OwnerReferences:   []metav1.OwnerReference{*metav1.NewControllerRef(checkout(), appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec:   appsv1.ReplicaSetSpec{Replicas: &n, Template: t},
		Status: appsv1.ReplicaSetStatus{Replicas: n, AvailableReplicas: n},
	}
}

// releaseSet is the canary's ReplicaSet, as the API server would store it, ready to be handed over.
func releaseSet(d *appsv1.Deployment) *appsv1.ReplicaSet {
	rs := ReleaseSet(d, canaryHash, mark7, canaryService(), Replicas(d))
	rs.UID, rs.ResourceVersion, rs.Generation = "uid-release", "300", 3
	rs.Status = appsv1.ReplicaSetStatus{Replicas: Replicas(d), AvailableReplicas: Replicas(d), ObservedGeneration: 3}
	return rs
}

func service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: "checkout", Namespace: "shop", UID: "s-uid", ResourceVersion: "400",
			Labels:      map[string]string{"team": "till", "networking.istio.io/enableAutoMTLS": "true"},
			Annotations: map[string]string{v1alpha1.PolicyAnnotation: "standard", "networking.istio.io/exportTo": "."},
		},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.0.0.7", ClusterIPs: []string{"10.0.0.7"}, HealthCheckNodePort: 30100,
			Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, TargetPort: intstr.FromString("web"), NodePort: 30080, AppProtocol: ptr.To("http"), Protocol: corev1.ProtocolTCP},
			},
			Selector:        map[string]string{"app": "checkout"},
			SessionAffinity: corev1.ServiceAffinityClientIP,
			SessionAffinityConfig: &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](60)},
			},
			IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
			InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyLocal), ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
			TrafficDistribution: ptr.To("PreferClose"), PublishNotReadyAddresses: true,
		},
	}
}

func narrowedTo(hash string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.Selector[HashLabel], s.Labels[v1alpha1.NarrowedLabel] = hash, hash }
}

func canaryService() *corev1.Service {
	s := CanaryService(service(), "checkout-canary", canaryHash, mark7)
	s.UID, s.ResourceVersion = "c-uid", "500"
	return s
}

// apply does to a copy of the object what the API server does with a JSON patch.
func apply[T any](t *testing.T, o *T, p patch.Patch) (*T, error) {
	t.Helper()
	before, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(p) == 0 {
		ops = []byte("[]")
	}
	decoded, err := jsonpatch.DecodePatch(ops)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decoded.Apply(before)
	if err != nil {
		return nil, err
	}
	changed := new(T)
	if err := json.Unmarshal(after, changed); err != nil {
		t.Fatal(err)
	}
	return changed, nil
}

func mustApply[T any](t *testing.T, o *T, p patch.Patch) *T {
	t.Helper()
	changed, err := apply(t, o, p)
	if err != nil {
		t.Fatalf("the patch %v does not apply: %v", p, err)
	}
	return changed
}

// diff compares exactly: a map that is empty is not one that is missing.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ResourceVersion"))
}

func golden(t *testing.T, name string, o any) {
	t.Helper()
	got, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}
