package workload

import (
	"errors"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

const (
	labelsPath      = "/metadata/labels"
	annotationsPath = "/metadata/annotations"
	pausedPath      = "/spec/paused"
	templatePath    = "/spec/template"

	yes = "true"

	// defaultSurge is what the API server writes where spec.strategy.rollingUpdate.maxSurge is not set.
	defaultSurge = "25%"
)

// ErrTemplateWaits means that unpausing would roll out a template that no release has judged.
var ErrTemplateWaits = errors.New("a template waits that does not run yet")

// Replicas is spec.replicas of a Deployment, 1 when unset.
func Replicas(d *appsv1.Deployment) int32 { return ptr.Deref(d.Spec.Replicas, 1) }

// Held says whether a Deployment bears the label of one that is held.
func Held(d *appsv1.Deployment) bool { return d.Labels[v1alpha1.HeldLabel] == yes }

// Hold labels the Deployment as held, and remembers when its owner had paused it himself: paused, not held, and with no other
// template than the running one waiting. Running is the ReplicaSet with pods, nil if there is none. It changes no pods. Where no admission
// policy guards the label, Pause comes with it. Nil when the Deployment is held.
func Hold(d *appsv1.Deployment, running *appsv1.ReplicaSet) patch.Patch {
	if Held(d) {
		return nil
	}
	p := ForgetAuthor(d) // what was written before the hold is nobody's word
	if d.Spec.Paused && judged(d, running) {
		return append(p, setBoth(labelsPath, d.Labels, v1alpha1.HeldLabel, v1alpha1.PausedBeforeLabel)...)
	}
	return append(p, patch.SetIn(labelsPath, d.Labels, v1alpha1.HeldLabel, yes)...)
}

// ForgetAuthor takes the name of who wrote the template from a Deployment that nobody changed since it was read. Nil where it bears none.
func ForgetAuthor(d *appsv1.Deployment) patch.Patch {
	if _, signed := d.Annotations[v1alpha1.ChangedByAnnotation]; !signed {
		return nil
	}
	return append(patch.Patch{patch.Version(d.ResourceVersion)}, patch.UnsetIn(annotationsPath, d.Annotations, v1alpha1.ChangedByAnnotation)...)
}

// Pause stops rollouts but not scaling. It needs no guard, since it can only hold back. Nil when the Deployment is paused.
func Pause(d *appsv1.Deployment) patch.Patch {
	if d.Spec.Paused {
		return nil
	}
	return patch.Patch{patch.Add(pausedPath, true)}
}

// Unpause lets the Deployment roll out by itself again, provided nobody changed it since it was read. Running is the ReplicaSet
// with pods. It returns ErrTemplateWaits when the Deployment's template is another; a Deployment of 0 replicas without pods puts nobody
// at risk and is always unpaused. Nil when the Deployment is not paused.
func Unpause(d *appsv1.Deployment, running *appsv1.ReplicaSet) (patch.Patch, error) {
	if !d.Spec.Paused {
		return nil, nil
	}
	if !judged(d, running) {
		return nil, fmt.Errorf("unpausing Deployment %s/%s: %w", d.Namespace, d.Name, ErrTemplateWaits)
	}
	p := patch.Patch{patch.Version(d.ResourceVersion), patch.Test(pausedPath, true), patch.Remove(pausedPath)}
	return append(p, unset(annotationsPath, d.Annotations, v1alpha1.RefusedAnnotation)...), nil
}

// PutBack gives the Deployment the template of the ReplicaSet that runs, provided nobody changed the Deployment since it was read. The
// ReplicaSet is as the API server has it, so that fields which our types do not know are put back too. An error says what is not there.
func PutBack(d *appsv1.Deployment, running *unstructured.Unstructured) (patch.Patch, error) {
	template, found, err := unstructured.NestedMap(running.Object, "spec", "template")
	if err != nil || !found {
		return nil, errors.Join(fmt.Errorf("ReplicaSet %s/%s has no template", running.GetNamespace(), running.GetName()), err)
	}
	unstructured.RemoveNestedField(template, "metadata", "labels", HashLabel)
	return patch.Patch{patch.Version(d.ResourceVersion), patch.Replace(templatePath, template)}, nil
}

// Unhold takes our labels off the Deployment and leaves spec.paused as its owner had it; only where a template waits that does not
// run does the Deployment stay paused, because letting go must not release anything. Running is the ReplicaSet with pods. Nil when there is nothing of ours on it.
func Unhold(d *appsv1.Deployment, running *appsv1.ReplicaSet) patch.Patch {
	p := unset(labelsPath, d.Labels, v1alpha1.HeldLabel, v1alpha1.PausedBeforeLabel)
	if len(p) == 0 {
		return nil
	}
	switch before := d.Labels[v1alpha1.PausedBeforeLabel] == yes; {
	case before && !d.Spec.Paused:
		p = append(p, patch.Add(pausedPath, true))
	case !before && d.Spec.Paused && judged(d, running):
		p = append(p, patch.Test(pausedPath, true), patch.Remove(pausedPath))
	}
	return append(patch.Patch{patch.Version(d.ResourceVersion)}, p...)
}

// Explain says on a Deployment that is let go and stays paused what it waits for, and whether its template was refused. Nil when it does
// not stay paused because of us.
func Explain(d *appsv1.Deployment, running *appsv1.ReplicaSet, refused string) patch.Patch {
	if !d.Spec.Paused || judged(d, running) {
		return nil
	}
	why, marks := "the template was never released", maps.Clone(d.Annotations)
	if marks == nil {
		marks = map[string]string{}
	}
	var p patch.Patch
	if refused != "" && refused == Hash(&d.Spec.Template) {
		why = "the template was taken back"
		p = patch.SetIn(annotationsPath, maps.Clone(marks), v1alpha1.RefusedAnnotation, refused)
		marks[v1alpha1.RefusedAnnotation] = refused
	} else {
		p = patch.UnsetIn(annotationsPath, maps.Clone(marks), v1alpha1.RefusedAnnotation)
		delete(marks, v1alpha1.RefusedAnnotation)
	}
	why += ", and the Service is no longer managed by Stagger; kubectl rollout resume lets it go to everybody"
	return append(p, patch.SetIn(annotationsPath, marks, v1alpha1.WaitingAnnotation, why)...)
}

// Explained takes back what Explain says to people, when the Deployment is held again. The refusal stays until it is unpaused.
func Explained(d *appsv1.Deployment) patch.Patch {
	return unset(annotationsPath, d.Annotations, v1alpha1.WaitingAnnotation)
}

// Refused is the hash of the Deployment's template if it was refused before the Deployment was let go; empty when not.
func Refused(d *appsv1.Deployment) string {
	hash := d.Annotations[v1alpha1.RefusedAnnotation]
	if hash == "" || hash != Hash(&d.Spec.Template) {
		return ""
	}
	return hash
}

// Probe is a change of the template that unpauses, for a server-side dry run only: where the admission policy guards the
// Deployment, it comes back Guarded.
func Probe(d *appsv1.Deployment) patch.Patch {
	p := patch.SetIn(templatePath+annotationsPath, d.Spec.Template.Annotations, v1alpha1.ProbeAnnotation, d.ResourceVersion)
	p = append(p, patch.Add(pausedPath, false))
	return append(p, patch.SetIn(labelsPath, d.Labels, v1alpha1.HeldLabel, yes)...)
}

// Guarded tells whether the answer to a Probe shows that the API server holds template changes: paused and labelled.
func Guarded(dryRun *appsv1.Deployment) bool {
	return dryRun.Spec.Paused && Held(dryRun)
}

// judged tells whether unpausing starts no pod of a template that is not running.
func judged(d *appsv1.Deployment, running *appsv1.ReplicaSet) bool {
	if running == nil {
		return Replicas(d) == 0
	}
	return SameTemplate(&d.Spec.Template, &running.Spec.Template)
}

// maxReplicas is spec.replicas and the surge of a rolling update, rounded up, as the Deployment controller computes it.
func maxReplicas(d *appsv1.Deployment) (int32, error) {
	if d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		return Replicas(d), nil
	}
	surge := intstr.FromString(defaultSurge)
	if r := d.Spec.Strategy.RollingUpdate; r != nil && r.MaxSurge != nil {
		surge = *r.MaxSurge
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&surge, int(Replicas(d)), true)
	if err != nil {
		return 0, fmt.Errorf("spec.strategy.rollingUpdate.maxSurge of Deployment %s/%s: %w", d.Namespace, d.Name, err)
	}
	return Replicas(d) + int32(n), nil
}

func setBoth(path string, current map[string]string, first, second string) patch.Patch {
	p := patch.SetIn(path, current, first, yes)
	return append(p, patch.SetIn(path, map[string]string{first: yes}, second, yes)...)
}

// unset removes the keys from the map, and the map when nothing else is in it.
func unset(path string, current map[string]string, keys ...string) patch.Patch {
	var p patch.Patch
	left := maps.Clone(current)
	for _, k := range keys {
		p = append(p, patch.UnsetIn(path, left, k)...)
		left = maps.Clone(left) // the patch keeps the map it was made from
		delete(left, k)
	}
	return p
}
