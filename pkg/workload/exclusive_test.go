package workload

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func surge(by intstr.IntOrString) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &by}}
	}
}

func volume(source corev1.VolumeSource) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: source}}
	}
}

func mounts(claim string, readOnly bool) func(*appsv1.Deployment) {
	return volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: readOnly}})
}

func hostPort(init bool) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		c := []corev1.Container{{Name: "web", Ports: []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}}}
		if init {
			d.Spec.Template.Spec.InitContainers = c
		} else {
			d.Spec.Template.Spec.Containers = c
		}
	}
}

func TestADeploymentWhoseVersionsMustNotRunSideBySideIsRefused(t *testing.T) {
	claims := []*corev1.PersistentVolumeClaim{}
	for name, mode := range map[string]corev1.PersistentVolumeAccessMode{"once": corev1.ReadWriteOnce, "one-pod": corev1.ReadWriteOncePod, "many": corev1.ReadWriteMany, "read": corev1.ReadOnlyMany} {
		claims = append(claims, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{mode}}})
	}
	elsewhere := claims[0].DeepCopy()
	elsewhere.Namespace, elsewhere.Name = "other", "far"
	claims = append(claims, elsewhere)
	cases := map[string]struct {
		change func(*appsv1.Deployment)
		says   []string // empty: it is released
	}{
		"as usual": {func(*appsv1.Deployment) {}, nil},
		"all at once": {func(d *appsv1.Deployment) { d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType },
			[]string{"spec.strategy.type is Recreate", "RollingUpdate"}},
		"no pod more":               {surge(intstr.FromInt32(0)), []string{"maxSurge is 0", "1 or more"}},
		"no percentage more":        {surge(intstr.FromString("0%")), []string{"maxSurge is 0"}},
		"a percentage more":         {surge(intstr.FromString("1%")), nil},
		"more, at 0 replicas":       {func(d *appsv1.Deployment) { surge(intstr.FromString("25%"))(d); d.Spec.Replicas = ptr.To[int32](0) }, nil},
		"the node's network":        {func(d *appsv1.Deployment) { d.Spec.Template.Spec.HostNetwork = true }, []string{"hostNetwork"}},
		"a port of the node":        {hostPort(false), []string{"container web has hostPort 8080", "remove hostPort"}},
		"a port of a sidecar":       {hostPort(true), []string{"hostPort 8080"}},
		"a claim of one node":       {mounts("once", false), []string{"PersistentVolumeClaim once", "ReadWriteOnce", "ReadWriteMany"}},
		"the same, only read":       {mounts("once", true), []string{"PersistentVolumeClaim once"}},
		"a claim of one pod":        {mounts("one-pod", false), []string{"ReadWriteOncePod"}},
		"a claim of many":           {mounts("many", false), nil},
		"a claim that many read":    {mounts("read", true), nil},
		"a claim that is written":   {mounts("read", false), []string{"ReadOnlyMany"}},
		"a claim that is not there": {mounts("none", false), []string{"PersistentVolumeClaim none, which is not there"}},
		"a claim of elsewhere":      {mounts("far", false), []string{"not there"}},
		"a claim for each pod":      {volume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}), nil},
		"a disk":                    {volume(corev1.VolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{}}), []string{"volume data is a disk"}},
		"a disk that is read":       {volume(corev1.VolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{ReadOnly: true}}), nil},
		"a directory":               {volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := edit(checkout(), c.change)
			p := Exclusive(d, claims)
			if (p != nil) != (len(c.says) > 0) {
				t.Fatalf("the problem is %v", p)
			}
			for _, words := range c.says {
				if !strings.Contains(p.Message, words) || !strings.Contains(p.Message, d.Name) {
					t.Errorf("%q does not say %q", p.Message, words)
				}
			}
		})
	}
}
