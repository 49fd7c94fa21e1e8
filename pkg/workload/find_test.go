package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestFindSaysWhatIsBehindAServiceOrWhyItCannotBeReleased(t *testing.T) {
	other := edit(checkout(), func(d *appsv1.Deployment) { d.Name, d.UID = "checkout-batch", "other" })
	going := edit(other, func(d *appsv1.Deployment) { d.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) })
	elsewhere := edit(other, func(d *appsv1.Deployment) { d.Namespace = "bank" })
	bare := edit(stableSet(), func(rs *appsv1.ReplicaSet) { delete(rs.Spec.Template.Labels, HashLabel) })
	foreign := edit(ownedSet("1.0.0", "foreign", 9), func(rs *appsv1.ReplicaSet) { rs.OwnerReferences[0].UID = "other" })
	ending := edit(ownedSet("1.3.0", "ending", 0), func(rs *appsv1.ReplicaSet) { rs.Status.Replicas = 1 })
	bound := map[string]string{waypointLabel: "gate"}

	cases := map[string]struct {
		svc         *corev1.Service
		namespace   map[string]string
		deployments []*appsv1.Deployment
		sets        []*appsv1.ReplicaSet
		hashes      []string
		reason      Reason
		says        string // the message contains it
		hash        string // of the stable ReplicaSet
	}{
		"one Deployment, one ReplicaSet with pods": {hash: stableHash},
		"empty ReplicaSets of older versions": {
			sets: []*appsv1.ReplicaSet{ownedSet("1.3.0", "older", 0), stableSet(), ownedSet("1.2.0", "oldest", 0)}, hash: stableHash,
		},
		"the ReplicaSet of a running release is not the Deployment's": {sets: []*appsv1.ReplicaSet{stableSet(), releaseSet(checkout())}, hash: stableHash},
		"the ReplicaSet of another Deployment":                        {sets: []*appsv1.ReplicaSet{stableSet(), foreign}, hash: stableHash},
		"a Deployment that is being deleted beside it":                {deployments: []*appsv1.Deployment{going, checkout()}, hash: stableHash},
		"a Deployment of another namespace":                           {deployments: []*appsv1.Deployment{elsewhere, checkout()}, hash: stableHash},
		"a Service narrowed by a release":                             {svc: edit(service(), narrowedTo(stableHash)), hash: stableHash},
		"a narrowed Service that lost its label, known to the release": {
			svc: edit(service(), func(s *corev1.Service) { s.Spec.Selector[HashLabel] = stableHash }), hashes: []string{stableHash}, hash: stableHash,
		},
		"a Deployment scaled to 0 runs nothing and is no problem": {
			deployments: []*appsv1.Deployment{edit(checkout(), replicas(0))}, sets: []*appsv1.ReplicaSet{ownedSet("1.4.2", stableHash, 0)},
		},
		"replicas that are not set are one": {
			deployments: []*appsv1.Deployment{edit(checkout(), func(d *appsv1.Deployment) { d.Spec.Replicas = nil })},
			sets:        []*appsv1.ReplicaSet{}, reason: NothingRuns, says: "wants 1 replicas",
		},
		"a namespace bound to a waypoint that the Service leaves": {
			svc: edit(service(), func(s *corev1.Service) { s.Labels[waypointLabel] = "none" }), namespace: bound, hash: stableHash,
		},
		"a Service bound to a waypoint": {
			svc: edit(service(), func(s *corev1.Service) { s.Labels[waypointLabel] = "gate" }), reason: Waypoint, says: "Service checkout is bound",
		},
		"a namespace bound to a waypoint": {namespace: bound, reason: Waypoint, says: "remove the label istio.io/use-waypoint"},
		"an ExternalName Service": {
			svc: edit(service(), func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName }), reason: ExternalName, says: "spec.type",
		},
		"a Service without a selector":     {svc: edit(service(), func(s *corev1.Service) { s.Spec.Selector = nil }), reason: NoSelector, says: "spec.selector"},
		"a headless Service without ports": {svc: edit(service(), func(s *corev1.Service) { s.Spec.Ports = nil }), reason: NoPorts, says: "spec.ports"},
		"a Service whose owner pinned it to one version": {
			svc: edit(service(), func(s *corev1.Service) { s.Spec.Selector[HashLabel] = stableHash }), reason: SelectorPinned, says: "remove that key",
		},
		"no Deployment": {deployments: []*appsv1.Deployment{elsewhere}, reason: NoDeployment, says: "app=checkout"},
		"a Deployment that lacks a key of the selector": {
			svc: edit(service(), func(s *corev1.Service) { s.Spec.Selector["edge"] = "yes" }), reason: NoDeployment, says: "app=checkout,edge=yes",
		},
		"only a Deployment that is being deleted":     {deployments: []*appsv1.Deployment{going}, reason: NoDeployment},
		"two Deployments":                             {deployments: []*appsv1.Deployment{other, checkout()}, reason: SeveralDeployments, says: "checkout, checkout-batch"},
		"a rollout in its middle":                     {sets: []*appsv1.ReplicaSet{stableSet(), ownedSet("1.5.0", "newer", 1)}, reason: RolloutRunning, says: "checkout-6c4f678748, checkout-newer"},
		"an old ReplicaSet whose last pod still runs": {sets: []*appsv1.ReplicaSet{stableSet(), ending}, reason: RolloutRunning},
		"a Deployment that has not been rolled out":   {sets: []*appsv1.ReplicaSet{}, reason: NothingRuns, says: "wants 4 replicas"},
		"pods without a hash":                         {sets: []*appsv1.ReplicaSet{bare}, reason: NoHash, says: "no label pod-template-hash"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.svc == nil {
				c.svc = service()
			}
			if c.deployments == nil {
				c.deployments = []*appsv1.Deployment{checkout()}
			}
			if c.sets == nil {
				c.sets = []*appsv1.ReplicaSet{stableSet()}
			}
			w, p := Find(c.svc, c.namespace, c.deployments, c.sets, c.hashes...)
			if c.reason == "" && p != nil {
				t.Fatalf("Find: %v", p)
			}
			if c.reason != "" && (p == nil || p.Reason != c.reason || !strings.Contains(p.Error(), c.says)) {
				t.Fatalf("Find: problem %+v, want reason %s and a message with %q", p, c.reason, c.says)
			}
			if w.StableHash != c.hash || (w.Stable == nil) != (c.hash == "") {
				t.Errorf("StableHash = %q, want %q", w.StableHash, c.hash)
			}
			if p == nil && cmp.Diff(map[string]string{"app": "checkout"}, w.Selector) != "" {
				t.Errorf("Selector = %v, want the user's", w.Selector)
			}
		})
	}
}

func pointers[T any](values []T) []*T {
	var p []*T
	for i := range values {
		p = append(p, &values[i])
	}
	return p
}

func TestFindTellsTheReleaseFromTheDeploymentsOwnAndOrdersThoseByAge(t *testing.T) {
	old := edit(ownedSet("1.3.0", "old", 0), func(rs *appsv1.ReplicaSet) { rs.CreationTimestamp = metav1.NewTime(noon.AddDate(0, 0, -1)) })
	forged := edit(releaseSet(checkout()), func(rs *appsv1.ReplicaSet) { delete(rs.Annotations, v1alpha1.ReleaseAnnotation) })
	w, p := Find(service(), nil, []*appsv1.Deployment{checkout()}, []*appsv1.ReplicaSet{stableSet(), old, releaseSet(checkout()), forged})
	if p != nil {
		t.Fatal(p)
	}
	if got, want := join(w.Owned[:1])+" "+join(w.Owned[1:]), "checkout-old checkout-6c4f678748"; got != want {
		t.Errorf("Owned = %s, want %s", got, want)
	}
	if len(w.Releases) != 1 || w.Releases[0].Annotations[v1alpha1.ReleaseAnnotation] == "" {
		t.Errorf("Releases = %v, want the marked one alone", w.Releases)
	}
}

func TestATemplateWaitsOnlyBesideAnotherThatRuns(t *testing.T) {
	cases := map[string]struct {
		d    *appsv1.Deployment
		sets []*appsv1.ReplicaSet
		want bool
	}{
		"the running template":               {checkout(), []*appsv1.ReplicaSet{stableSet()}, false},
		"another template":                   {edit(checkout(), waits), []*appsv1.ReplicaSet{stableSet()}, true},
		"another template and nothing runs":  {edit(checkout(), waits, replicas(0)), nil, false},
		"another template, pods being ended": {edit(checkout(), waits, replicas(0)), []*appsv1.ReplicaSet{stableSet()}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w, p := Find(service(), nil, []*appsv1.Deployment{c.d}, c.sets)
			if p != nil {
				t.Fatal(p)
			}
			if got := w.TemplateWaits(); got != c.want {
				t.Errorf("TemplateWaits = %t, want %t", got, c.want)
			}
		})
	}
}

func TestOnlyProblemsThatPassByThemselvesPass(t *testing.T) {
	for _, r := range []Reason{ExternalName, NoSelector, NoPorts, SelectorPinned, ReleasedElsewhere, Waypoint, NoDeployment, SeveralDeployments, NothingRuns, RolloutRunning, NoHash, NameTaken} {
		if got, want := problem(r, "").Transient(), r == NothingRuns || r == RolloutRunning; got != want {
			t.Errorf("Transient of %s = %t, want %t", r, got, want)
		}
	}
}

func TestStrangersAreThePodsThatNarrowingWouldTakeOutOfTraffic(t *testing.T) {
	w, p := Find(service(), nil, []*appsv1.Deployment{checkout()}, []*appsv1.ReplicaSet{stableSet(), releaseSet(checkout())})
	if p != nil {
		t.Fatal(p)
	}
	behind := func(name string, owner *appsv1.ReplicaSet, change ...func(*corev1.Pod)) corev1.Pod {
		o := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": "checkout"}}}
		if owner != nil {
			o.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
		}
		return *edit(o, change...)
	}
	stranger := edit(stableSet(), func(rs *appsv1.ReplicaSet) { rs.UID = "a StatefulSet" })
	pods := []corev1.Pod{
		behind("stable", stableSet()),
		behind("canary", releaseSet(checkout())),
		behind("other-kind", stranger),
		behind("bare", nil),
		behind("ended", nil, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		behind("going", nil, func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }),
		behind("unselected", nil, func(p *corev1.Pod) { p.Labels = nil }),
		behind("elsewhere", nil, func(p *corev1.Pod) { p.Namespace = "bank" }),
	}
	if d := cmp.Diff([]string{"bare", "other-kind"}, Strangers(w, pointers(pods))); d != "" {
		t.Errorf("Strangers (-want +got):\n%s", d)
	}
}

func TestSiblingsAreTheOtherServicesOfTheSamePods(t *testing.T) {
	named := func(name string, change ...func(*corev1.Service)) corev1.Service {
		return *edit(service(), append([]func(*corev1.Service){func(s *corev1.Service) { s.Name = name }}, change...)...)
	}
	services := []corev1.Service{
		named("checkout"),
		named("metrics", func(s *corev1.Service) { s.Spec.Selector = map[string]string{"tier": "web"} }),
		named("exact", func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "checkout", "zone": "a"} }),
		named("another-release", narrowedTo(stableHash)),
		named("other-pods", func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "cart"} }),
		named("more-keys", func(s *corev1.Service) { s.Spec.Selector["edge"] = "yes" }),
		named("without-selector", func(s *corev1.Service) { s.Spec.Selector = nil }),
		named("external", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName }),
		named("elsewhere", func(s *corev1.Service) { s.Namespace = "bank" }),
		*canaryService(),
	}
	// The canary Service selects a hash, so only one moved to the template's own labels shows that ours are left out.
	moved := edit(canaryService(), func(s *corev1.Service) { s.Name = "ours"; delete(s.Spec.Selector, HashLabel) })
	d := template("1.4.2")
	got := Siblings(service(), &d, pointers(append(services, *moved)))
	if d := cmp.Diff([]string{"another-release", "exact", "metrics"}, got); d != "" {
		t.Errorf("Siblings (-want +got):\n%s", d)
	}
}

func TestSiblingsAreConfirmedByTheirNames(t *testing.T) {
	siblings := []string{"grpc", "headless", "metrics"}
	for annotation, want := range map[string][]string{
		"": siblings, "headless": {"grpc", "metrics"}, "grpc , metrics,other": {"headless"}, "metrics,grpc,headless": {}, "*": siblings,
	} {
		s := edit(service(), func(s *corev1.Service) { s.Annotations = map[string]string{v1alpha1.SiblingsAnnotation: annotation} })
		if d := cmp.Diff(want, Unconfirmed(s, siblings)); d != "" {
			t.Errorf("%q leaves open (-want +got):\n%s", annotation, d)
		}
	}
}
