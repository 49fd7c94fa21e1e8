package workload

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	replicasPath = "/spec/replicas"
	ownersPath   = "/metadata/ownerReferences"

	desiredAnnotation = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation     = "deployment.kubernetes.io/max-replicas"
)

// Why a ReplicaSet is not handed over.
var (
	// ErrTemplateMoved means that the Deployment's template is no longer the one that was judged.
	ErrTemplateMoved = errors.New("the Deployment's template is not that of the release")
	// ErrNotSaturated means that the Deployment would start or stop pods of the release by itself.
	ErrNotSaturated = errors.New("the release does not have all of the Deployment's replicas, available")
	// ErrNotOurs means that the ReplicaSet was not made for a release, or that the Deployment would not take it.
	ErrNotOurs = errors.New("the ReplicaSet is not the release's to give")
)

// ReleaseSet is the ReplicaSet that runs the canary: the Deployment's template unchanged, told apart by the hash (see Hash) as its
// pod-template-hash. It is what the Deployment controller would make, but for its owner, the canary Service, which must exist.
// That owner is an object of ours which no other tool prunes, and it makes the Deployment controller look away. Beside the labels of the
// template it has those that come along from the Service and the Deployment: policies that let the Deployment controller make what it
// wants ask us for them.
func ReleaseSet(d *appsv1.Deployment, hash string, mark Mark, canary *corev1.Service, replicas int32) *appsv1.ReplicaSet {
	template := *d.Spec.Template.DeepCopy()
	template.Labels = with(template.Labels, HashLabel, hash)
	selector := &metav1.LabelSelector{}
	if d.Spec.Selector != nil {
		selector = d.Spec.Selector.DeepCopy()
	}
	selector.MatchLabels = with(selector.MatchLabels, HashLabel, hash)
	labels := map[string]string{}
	maps.Copy(labels, Inherited(canary.Labels))
	maps.Copy(labels, Inherited(d.Labels))
	for _, e := range selector.MatchExpressions {
		delete(labels, e.Key) // it may ask for one that is not there
	}
	maps.Copy(labels, template.Labels)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            SetName(d.Name, hash),
			Namespace:       d.Namespace,
			Labels:          labels,
			Annotations:     map[string]string{v1alpha1.ReleaseAnnotation: mark.String()},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(canary, corev1.SchemeGroupVersion.WithKind("Service"))},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        &replicas,
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        selector,
			Template:        template,
		},
	}
}

// SetName is the name of a Deployment's ReplicaSet with that hash, cut to the longest name allowed.
func SetName(deployment, hash string) string {
	if longest := validation.DNS1123SubdomainMaxLength - 1 - len(hash); len(deployment) > longest {
		deployment = strings.TrimRight(text.CutBytes(deployment, longest), "-.")
	}
	return deployment + "-" + hash
}

// Clash looks for a ReplicaSet that has the name of a rendered one and is another. Nil when there is none. One of the same template is
// no clash when it was made for a release, or when it is the Deployment's and empty: it goes before the new one is made, see EmptyTwin.
func Clash(want *appsv1.ReplicaSet, sets []*appsv1.ReplicaSet) *Problem {
	for _, rs := range sets {
		if rs.Namespace != want.Namespace || rs.Name != want.Name {
			continue
		}
		owner := metav1.GetControllerOfNoCopy(rs)
		twin := owner != nil && owner.Kind == "Deployment" && !HasPods(rs)
		if (twin || isRelease(rs)) && SameTemplate(&rs.Spec.Template, &want.Spec.Template) {
			return nil
		}
		return problem(NameTaken, "ReplicaSet %s, whose name the release needs, is another: delete it, or change the pod template of the Deployment", rs.Name)
	}
	return nil
}

// EmptyTwin is a ReplicaSet without pods that the Deployment owns and that has this very template, the oldest if there are
// several; nil if there is none. It must be deleted before a release ReplicaSet of the template is made: of equals the
// Deployment controller prefers the oldest, and would start its pods instead of taking those that were judged.
func EmptyTwin(d *appsv1.Deployment, sets []*appsv1.ReplicaSet, template *corev1.PodTemplateSpec) *appsv1.ReplicaSet {
	var twins []*appsv1.ReplicaSet
	for _, rs := range sets {
		if metav1.IsControlledBy(rs, d) && !HasPods(rs) && SameTemplate(&rs.Spec.Template, template) {
			twins = append(twins, rs)
		}
	}
	if len(twins) == 0 {
		return nil
	}
	return slices.MinFunc(twins, older)
}

// Handover gives the release ReplicaSet to the Deployment in one patch that 409s if the ReplicaSet changed since it was read. The
// annotations are those by which the Deployment controller finds it saturated; what marks it as ours goes. Nil when the
// Deployment owns it. It returns ErrTemplateMoved, ErrNotSaturated or ErrNotOurs when the Deployment controller would not take it as
// it is; the caller looks at fresh objects.
func Handover(rs *appsv1.ReplicaSet, d *appsv1.Deployment) (patch.Patch, error) {
	if metav1.IsControlledBy(rs, d) {
		return nil, nil
	}
	if err := ripe(rs, d); err != nil {
		return nil, fmt.Errorf("handing ReplicaSet %s to Deployment %s/%s: %w", rs.Name, d.Namespace, d.Name, err)
	}
	most, err := maxReplicas(d)
	if err != nil {
		return nil, err
	}
	owners := slices.DeleteFunc(slices.Clone(rs.OwnerReferences), func(o metav1.OwnerReference) bool { return ptr.Deref(o.Controller, false) })
	owners = append(owners, *metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment")))

	p := patch.Patch{patch.Version(rs.ResourceVersion)}
	p = append(p, patch.SetIn(annotationsPath, rs.Annotations, desiredAnnotation, strconv.Itoa(int(Replicas(d))))...)
	p = append(p, patch.SetIn(annotationsPath, rs.Annotations, maxAnnotation, strconv.Itoa(int(most)))...)
	p = append(p, patch.Test(annotationsPath+patch.Pointer(v1alpha1.ReleaseAnnotation), rs.Annotations[v1alpha1.ReleaseAnnotation]),
		patch.Remove(annotationsPath+patch.Pointer(v1alpha1.ReleaseAnnotation)))
	return append(p, patch.Replace(ownersPath, owners)), nil
}

// ripe tells what keeps the Deployment controller from taking the ReplicaSet as its new, saturated one.
func ripe(rs *appsv1.ReplicaSet, d *appsv1.Deployment) error {
	want := Replicas(d)
	switch {
	case !isRelease(rs) || rs.DeletionTimestamp != nil || d.DeletionTimestamp != nil || !takes(d, rs):
		return ErrNotOurs
	case !SameTemplate(&rs.Spec.Template, &d.Spec.Template):
		return ErrTemplateMoved
	case size(rs) != want || rs.Status.AvailableReplicas != want || rs.Status.ObservedGeneration < rs.Generation:
		return ErrNotSaturated
	}
	return nil
}

// takes tells whether the Deployment controller would keep the ReplicaSet if the Deployment owned it: it goes by labels.
func takes(d *appsv1.Deployment, rs *appsv1.ReplicaSet) bool {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	return err == nil && selector.Matches(labels.Set(rs.Labels))
}

// Scale sets the replicas of a ReplicaSet, provided they are still as read. Nil when it has them.
func Scale(rs *appsv1.ReplicaSet, replicas int32) patch.Patch {
	if rs.Spec.Replicas == nil {
		return patch.Patch{patch.Test(replicasPath, nil), patch.Add(replicasPath, replicas)}
	}
	if *rs.Spec.Replicas == replicas {
		return nil
	}
	return patch.Patch{patch.Test(replicasPath, *rs.Spec.Replicas), patch.Replace(replicasPath, replicas)}
}

// HashOf is the pod-template-hash of a ReplicaSet's pods; empty when they have none.
func HashOf(rs *appsv1.ReplicaSet) string { return rs.Spec.Template.Labels[HashLabel] }

// isRelease tells whether a ReplicaSet was made for a release and has not been handed over: ours by its mark and by its owner.
func isRelease(rs *appsv1.ReplicaSet) bool {
	owner := metav1.GetControllerOfNoCopy(rs)
	_, marked := MarkOf(rs)
	return marked && owner != nil && owner.APIVersion == corev1.SchemeGroupVersion.String() && owner.Kind == "Service"
}

func size(rs *appsv1.ReplicaSet) int32 { return ptr.Deref(rs.Spec.Replicas, 1) }

// HasPods tells whether a ReplicaSet wants pods, or has some still.
func HasPods(rs *appsv1.ReplicaSet) bool { return size(rs) > 0 || rs.Status.Replicas > 0 }

func with(m map[string]string, key, value string) map[string]string {
	c := make(map[string]string, len(m)+1)
	maps.Copy(c, m)
	c[key] = value
	return c
}
