package workload_test

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/workload"
)

func TestImageIDsAreThoseOfTheTemplatesContainers(t *testing.T) {
	rs := &appsv1.ReplicaSet{}
	rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}, {Name: "helper"}}
	pod := func(ids ...string) *corev1.Pod {
		p := &corev1.Pod{}
		for i, name := range []string{"istio-proxy", "helper", "app"}[:len(ids)] {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, ImageID: ids[i]})
		}
		return p
	}
	pods := []*corev1.Pod{pod("proxy@1", "helper@1", "app@1"), pod("proxy@1", "helper@1", "app@2"), pod("proxy@1", "", ""), pod()}
	if got, want := workload.ImageIDs(pods, rs), []string{"app@1", "app@2", "helper@1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := workload.ImageIDs(pods, nil); got != nil {
		t.Errorf("without a ReplicaSet: %v", got)
	}
}

func TestWhoWroteTheTemplateLastHasShipped(t *testing.T) {
	entry := func(manager, fields, subresource string, minute int) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(time.Date(2026, 3, 4, 12, minute, 0, 0, time.UTC))
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	d := &appsv1.Deployment{}
	d.ManagedFields = []metav1.ManagedFieldsEntry{
		entry("helm", `{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{}}}}`, "", 1),
		entry("kubectl-set", `{"f:spec":{"f:template":{"f:spec":{}}}}`, "", 2),
		entry("stagger", `{"f:spec":{"f:paused":{}}}`, "", 3),
		entry("kube-controller-manager", `{"f:status":{}}`, "status", 4),
	}
	if got := workload.ShippedBy(d); got != "kubectl-set" {
		t.Errorf("shipped by %q", got)
	}
	d.ManagedFields = workload.TemplateWriters(d.ManagedFields)
	if got := workload.ShippedBy(d); got != "kubectl-set" || len(d.ManagedFields) != 1 {
		t.Errorf("of what the cache keeps: %q, %d entries", got, len(d.ManagedFields))
	}
	if got := workload.ShippedBy(&appsv1.Deployment{}); got != "" {
		t.Errorf("where nothing is told: %q", got)
	}
}
