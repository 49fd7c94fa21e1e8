package workload

import (
	"maps"
	"slices"
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Inherited are the labels that come along from an object of the user's to those that Stagger makes for it, so that policies which ask for
// an owner, a team or a cost center find them there too. Those stay behind by which a tool finds its own objects (it would prune ours, or
// call them drift), those that say who made the object, and those that tell ReplicaSets apart.
func Inherited(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	maps.DeleteFunc(out, func(key, _ string) bool { return personal(key) })
	return out
}

// personal reports whether a label is about the very object that it is on.
func personal(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found {
		return slices.Contains([]string{HashLabel, "controller-revision-hash", "heritage"}, key) || strings.HasPrefix(key, "olm.")
	}
	return slices.Contains([]string{ManagedByLabel, "app.kubernetes.io/instance", "service.kubernetes.io/headless"}, key) ||
		slices.ContainsFunc(trackers(), func(t string) bool { return domain == t || strings.HasSuffix(domain, "."+t) })
}

// trackers are the domains of the labels by which tools tell the objects that they look after.
func trackers() []string {
	return []string{
		v1alpha1.GroupVersion.Group,
		"argocd.argoproj.io", "fluxcd.io", "helm.sh", // Argo CD, Flux, Helm
		"applyset.kubernetes.io", "addonmanager.kubernetes.io", "config.kubernetes.io", "config.k8s.io", "cli-utils.sigs.k8s.io", // kubectl, add-ons, kpt
		"configsync.gke.io", "configmanagement.gke.io", // Config Sync
		"k14s.io", "tanka.dev", "skaffold.dev", "werf.io", "kots.io", // Carvel kapp, Tanka, Skaffold, werf, KOTS
		"cattle.io", "k0sproject.io", "projectsveltos.io", // Rancher and k3s, k0s, Sveltos
		"karmada.io", "kubefed.io", "open-cluster-management.io", // several clusters
		"operators.coreos.com", "crossplane.io", "oam.dev", // OLM, Crossplane, KubeVela
	}
}
