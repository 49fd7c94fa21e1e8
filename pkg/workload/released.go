package workload

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Argo Rollouts tells its versions apart by a label on pods, which it also writes into the selectors of Services, and names the Rollout
// in an annotation of each Service and DestinationRule that it writes.
const (
	rolloutHashLabel  = "rollouts-pod-template-hash"
	rolloutAnnotation = "argo-rollouts.argoproj.io/managed-by-rollouts"
)

// ReleasedBy says in a sentence which other tool releases versions by an object, and what to do; empty where none does. Such a tool writes
// back what anybody else changes in the object, and takes away with its own object what it owns. The kind is that of the object, for people.
func ReleasedBy(kind string, o metav1.Object) string {
	what := kind + " " + o.GetName()
	for _, r := range o.GetOwnerReferences() {
		group, _, _ := strings.Cut(r.APIVersion, "/")
		switch group + "/" + r.Kind {
		case "flagger.app/Canary":
			return fmt.Sprintf("%s is run by Canary %s of Flagger, which would write it back: let the Deployment serve by itself again and take "+
				"that Canary away first, in the steps of manifests/docs/coming-from/flagger.md", what, r.Name)
		case "argoproj.io/Rollout":
			return rolloutRuns(what, "Rollout "+r.Name, "")
		}
	}
	if name := o.GetAnnotations()[rolloutAnnotation]; name != "" {
		return rolloutRuns(what, "Rollout "+name, " and the annotation "+rolloutAnnotation)
	}
	if s, is := o.(*corev1.Service); is && s.Spec.Selector[rolloutHashLabel] != "" {
		return rolloutRuns(what, "a Rollout", " and the key "+rolloutHashLabel+" of spec.selector")
	}
	return ""
}

func rolloutRuns(what, rollout, trace string) string {
	return fmt.Sprintf("%s is run by %s of Argo Rollouts, which would write it back: let a Deployment serve, and take that Rollout%s away first, "+
		"in the steps of manifests/docs/coming-from/argo-rollouts.md", what, rollout, trace)
}

// RolloutBehind says in a sentence that pods of Argo Rollouts are behind a Service, and what to do; empty where none are.
func RolloutBehind(svc *corev1.Service, pods []*corev1.Pod) string {
	selector := Selector(svc)
	for _, p := range pods {
		hash, of := p.Labels[rolloutHashLabel]
		if !of || !Present(p) || p.Namespace != svc.Namespace || !covers(selector, p.Labels) {
			continue
		}
		name := "a Rollout"
		if set := metav1.GetControllerOfNoCopy(p); set != nil {
			name = "Rollout " + strings.TrimSuffix(set.Name, "-"+hash)
		}
		return fmt.Sprintf("behind Service %s are pods of %s of Argo Rollouts: let a Deployment serve and take that Rollout away first, "+
			"in the steps of manifests/docs/coming-from/argo-rollouts.md", svc.Name, name)
	}
	return ""
}
