package workload

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Exclusive says why a second version of a Deployment may not, or cannot, run beside the first: nil when it may. A release runs two for as
// long as it takes. Claims are the PersistentVolumeClaims of its namespace that ClaimsOf names.
func Exclusive(d *appsv1.Deployment, claims []*corev1.PersistentVolumeClaim) *Problem {
	if why, fix := alone(d); why != "" {
		return exclusive(d, why, fix)
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			if isDisk(v) {
				return exclusive(d, "volume "+v.Name+" is a disk that one node alone may attach", "use a volume that several may")
			}
			continue
		}
		name := v.PersistentVolumeClaim.ClaimName
		i := slices.IndexFunc(claims, func(c *corev1.PersistentVolumeClaim) bool { return c.Namespace == d.Namespace && c.Name == name })
		switch {
		case i < 0:
			return problem(ClaimMissing, "volume %s of Deployment %s is PersistentVolumeClaim %s, which is not there: make it, or remove the volume", v.Name, d.Name, name)
		case !shared(claims[i].Spec.AccessModes, v.PersistentVolumeClaim.ReadOnly):
			return exclusive(d, fmt.Sprintf("volume %s is PersistentVolumeClaim %s, whose accessModes are %s", v.Name, name, claims[i].Spec.AccessModes),
				"use a claim with ReadWriteMany")
		}
	}
	return nil
}

// ClaimsOf names the PersistentVolumeClaims that the pods of a template mount.
func ClaimsOf(t *corev1.PodTemplateSpec) []string {
	var names []string
	for _, v := range t.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return names
}

// exclusive is the problem of a Deployment of which two versions cannot run side by side, and its two ways out.
func exclusive(d *appsv1.Deployment, why, fix string) *Problem {
	return problem(MustRunAlone, "Deployment %s: %s, so two versions must not run side by side, as they do in a release: %s, or take the annotation %s off the Service",
		d.Name, why, fix, v1alpha1.PolicyAnnotation)
}

// alone is what the Deployment itself says against a second version, and how to say otherwise; empty when nothing.
func alone(d *appsv1.Deployment) (why, fix string) {
	switch spec := d.Spec.Template.Spec; {
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return "spec.strategy.type is Recreate", "set it to RollingUpdate if they may"
	case !surges(d):
		return "spec.strategy.rollingUpdate.maxSurge is 0", "set it to 1 or more if they may"
	case spec.HostNetwork:
		return "spec.template.spec.hostNetwork is true", "remove it"
	default:
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			for _, p := range c.Ports {
				if p.HostPort != 0 {
					return fmt.Sprintf("container %s has hostPort %d", c.Name, p.HostPort), "remove hostPort and let the Service lead to the container's port"
				}
			}
		}
	}
	return "", ""
}

// surges says whether a rolling update may start a pod before it ends one.
func surges(d *appsv1.Deployment) bool {
	r := d.Spec.Strategy.RollingUpdate
	if r == nil || r.MaxSurge == nil {
		return true
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(r.MaxSurge, int(max(1, Replicas(d))), true)
	return err != nil || n > 0
}

// isDisk says whether a volume is one of those disks that Kubernetes attaches to one node at a time, unless it is only read.
func isDisk(v corev1.Volume) bool {
	switch s := v.VolumeSource; {
	case s.GCEPersistentDisk != nil:
		return !s.GCEPersistentDisk.ReadOnly
	case s.ISCSI != nil:
		return !s.ISCSI.ReadOnly
	case s.FC != nil:
		return !s.FC.ReadOnly
	case s.RBD != nil:
		return !s.RBD.ReadOnly
	default:
		return s.AWSElasticBlockStore != nil || s.AzureDisk != nil || s.Cinder != nil || s.VsphereVolume != nil
	}
}

// shared says whether pods on several nodes may mount a claim.
func shared(modes []corev1.PersistentVolumeAccessMode, readOnly bool) bool {
	return slices.Contains(modes, corev1.ReadWriteMany) || readOnly && slices.Contains(modes, corev1.ReadOnlyMany)
}
