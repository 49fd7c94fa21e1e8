package workload

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/fieldmanager"
)

// ChangeCauseAnnotation on a Deployment says in its owner's words what its template was changed for; kubectl shows it in rollout history.
const ChangeCauseAnnotation = "kubernetes.io/change-cause"

// ImageIDs are the images that containers of a ReplicaSet's template run in pods, with their digests as the nodes name them; each once, in
// the order of the template and of the pods' names. Containers that were added to the pods, such as sidecars, are not the version's.
func ImageIDs(pods []*corev1.Pod, rs *appsv1.ReplicaSet) []string {
	if rs == nil {
		return nil
	}
	var ids []string
	for _, c := range rs.Spec.Template.Spec.Containers {
		for _, p := range pods {
			at := slices.IndexFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
			if at < 0 {
				continue
			}
			if id := p.Status.ContainerStatuses[at].ImageID; id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// ShippedBy is the field manager that wrote the Deployment's pod template last, "" where the API server does not tell.
func ShippedBy(d *appsv1.Deployment) string {
	if w := TemplateWriters(d.ManagedFields); len(w) > 0 {
		return w[0].Manager
	}
	return ""
}

// TemplateWriters are the last writer of a pod template among the managed fields of a Deployment, without the fields but for that one; none
// where the API server does not tell.
func TemplateWriters(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	last := fieldmanager.LastWriter(all, "", "spec", "template")
	if last == nil {
		return nil
	}
	slim := *last
	slim.FieldsV1 = metav1.NewFieldsV1(`{"f:spec":{"f:template":{}}}`)
	return []metav1.ManagedFieldsEntry{slim}
}
