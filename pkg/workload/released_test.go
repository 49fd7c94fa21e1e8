package workload

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func ownedBy(apiVersion, kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: "other"}}
}

func TestWhatAnotherToolReleasesIsNamedWithWhatToDo(t *testing.T) {
	cases := map[string]struct {
		change func(*corev1.Service)
		says   []string // empty: nobody does
	}{
		"nobody":                       {change: func(*corev1.Service) {}},
		"owned by an application":      {change: func(s *corev1.Service) { s.OwnerReferences = ownedBy("app.k8s.io/v1beta1", "Application", "shop") }},
		"a Canary of somebody else":    {change: func(s *corev1.Service) { s.OwnerReferences = ownedBy("example.com/v1", "Canary", "checkout") }},
		"a Canary of Flagger":          {func(s *corev1.Service) { s.OwnerReferences = ownedBy("flagger.app/v1beta1", "Canary", "till") }, []string{"Canary till of Flagger", "flagger.md"}},
		"a Canary of a later Flagger":  {func(s *corev1.Service) { s.OwnerReferences = ownedBy("flagger.app/v1", "Canary", "till") }, []string{"Canary till of Flagger"}},
		"a Rollout":                    {func(s *corev1.Service) { s.OwnerReferences = ownedBy("argoproj.io/v1alpha1", "Rollout", "till") }, []string{"Rollout till of Argo Rollouts", "argo-rollouts.md"}},
		"a Workflow of the same group": {change: func(s *corev1.Service) { s.OwnerReferences = ownedBy("argoproj.io/v1alpha1", "Workflow", "till") }},
		"annotated for a Rollout": {func(s *corev1.Service) { s.Annotations = map[string]string{rolloutAnnotation: "till"} },
			[]string{"Rollout till of Argo Rollouts", "the annotation argo-rollouts.argoproj.io/managed-by-rollouts"}},
		"narrowed for a Rollout": {func(s *corev1.Service) { s.Spec.Selector[rolloutHashLabel] = "79d8" },
			[]string{"a Rollout of Argo Rollouts", "the key rollouts-pod-template-hash of spec.selector"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			svc := edit(service(), c.change)
			_, p := Find(svc, nil, []*appsv1.Deployment{checkout()}, []*appsv1.ReplicaSet{stableSet()})
			switch {
			case len(c.says) == 0 && (ReleasedBy("Service", svc) != "" || p != nil):
				t.Errorf("it is said that %q, and Find says %v", ReleasedBy("Service", svc), p)
			case len(c.says) == 0:
			case p == nil || p.Reason != ReleasedElsewhere || p.Message != ReleasedBy("Service", svc):
				t.Errorf("Find says %+v", p)
			default:
				for _, want := range append(c.says, "Service checkout is run by") {
					if !strings.Contains(p.Message, want) {
						t.Errorf("%q does not say %q", p.Message, want)
					}
				}
			}
		})
	}
}

// The copy that serves in place of the Deployment is refused by its owner, also behind a Service that nobody owns.
func TestACopyOfADeploymentIsNotReleased(t *testing.T) {
	primary := edit(checkout(), func(d *appsv1.Deployment) {
		d.Name, d.OwnerReferences = "checkout-primary", ownedBy("flagger.app/v1beta1", "Canary", "checkout")
	})
	w, p := Find(service(), nil, []*appsv1.Deployment{primary}, []*appsv1.ReplicaSet{stableSet()})
	if p == nil || p.Reason != ReleasedElsewhere || !strings.Contains(p.Message, "Deployment checkout-primary is run by Canary checkout") || w.Deployment != nil {
		t.Errorf("Find says %+v, of Deployment %v", p, w.Deployment)
	}
}

func TestPodsOfARolloutBehindAServiceAreNamed(t *testing.T) {
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: service().Namespace, Name: "checkout-79d8-x",
			Labels: map[string]string{"app": "checkout", rolloutHashLabel: "79d8"}, OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "till-79d8"}}}}
		isTrue := true
		p.OwnerReferences[0].Controller = &isTrue
		change(p)
		return p
	}
	cases := map[string]struct {
		change func(*corev1.Pod)
		says   string
	}{
		"of a Rollout":                   {func(*corev1.Pod) {}, "pods of Rollout till of Argo Rollouts"},
		"of a ReplicaSet that let it go": {func(p *corev1.Pod) { p.OwnerReferences = nil }, "pods of a Rollout of Argo Rollouts"},
		"that ends":                      {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }, ""},
		"that has ended":                 {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, ""},
		"that is behind another Service": {func(p *corev1.Pod) { p.Labels["app"] = "cart" }, ""},
		"of another namespace":           {func(p *corev1.Pod) { p.Namespace = "bank" }, ""},
		"of a Deployment":                {func(p *corev1.Pod) { delete(p.Labels, rolloutHashLabel) }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := RolloutBehind(service(), []*corev1.Pod{pod(c.change)})
			if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("it is said that %q, want %q", got, c.says)
			}
		})
	}
}
