package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLabelsThatComeAlong(t *testing.T) {
	asked := map[string]string{
		"owner": "pay", "team": "till", "app.kubernetes.io/name": "checkout", "app.kubernetes.io/part-of": "shop", "acme.com/cost-center": "7",
		"networking.istio.io/enableAutoMTLS": "true", "topology.kubernetes.io/region": "eu", "nothelm.sh/x": "y", "instance": "a", "release": "prometheus",
	}
	labels := map[string]string{
		"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "checkout", "helm.sh/chart": "checkout-1", "heritage": "Helm",
		"argocd.argoproj.io/instance": "shop", "kustomize.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/name": "shop",
		"kapp.k14s.io/app": "1", "applyset.kubernetes.io/part-of": "a", "objectset.rio.cattle.io/hash": "a", "addonmanager.kubernetes.io/mode": "Reconcile",
		"tanka.dev/environment": "prod", "skaffold.dev/run-id": "1", "olm.owner": "a", "k0s.k0sproject.io/stack": "a", "config.k8s.io/owning-inventory": "a",
		"stagger.dev/narrowed": "6c4f", HashLabel: "6c4f", "controller-revision-hash": "a", "service.kubernetes.io/headless": "",
	}
	for key, value := range asked {
		labels[key] = value
	}
	if d := cmp.Diff(asked, Inherited(labels)); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
}

// The ReplicaSet keeps what the Deployment controller goes by, whatever else is on the Service.
func TestLabelsThatComeAlongKeepTheSelector(t *testing.T) {
	d := edit(checkout(), held, func(d *appsv1.Deployment) {
		d.Spec.Selector.MatchExpressions = append(d.Spec.Selector.MatchExpressions,
			metav1.LabelSelectorRequirement{Key: "dark", Operator: metav1.LabelSelectorOpDoesNotExist})
		d.Labels["owner"] = "pay"
	})
	svc := edit(service(), func(s *corev1.Service) {
		s.Labels["app"], s.Labels["dark"], s.Labels["cost-center"] = "other", "yes", "7"
	})
	rs := ReleaseSet(d, canaryHash, mark7, CanaryService(svc, "checkout-canary", canaryHash, mark7), 1)
	if !takes(d, rs) {
		t.Errorf("the Deployment would not take a ReplicaSet with the labels %v", rs.Labels)
	}
	for key, want := range map[string]string{"owner": "pay", "cost-center": "7", "app": "checkout", "stagger.dev/held": "", ManagedByLabel: ""} {
		if got := rs.Labels[key]; got != want {
			t.Errorf("label %s is %q, want %q", key, got, want)
		}
	}
}
