package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// VPAAnnotation is on pods whose resources a VerticalPodAutoscaler has set.
const VPAAnnotation = "vpaUpdates"

// Unequal says what pods of the stable were given beyond their template that those of the canary, whose template is the second, were not:
// what goes by the owner of pods, as a VerticalPodAutoscaler does, knows the canary's only once they are the Deployment's. It is one
// sentence, empty when there is nothing. What both were given, as by a LimitRange, is no difference, nor is what the templates themselves
// say.
func Unequal(stable, canary []*corev1.Pod, was, is *corev1.PodTemplateSpec) string {
	for _, s := range stable {
		given := beyond(&s.Spec, &was.Spec)
		if len(given) == 0 {
			continue
		}
		for _, c := range canary {
			less := lacks(given, &c.Spec, &is.Spec)
			if len(less) == 0 {
				continue
			}
			by := "something that goes by the owner of pods"
			if s.Annotations[VPAAnnotation] != "" {
				by = "a VerticalPodAutoscaler"
			}
			return fmt.Sprintf("pods of the stable were given more than their template says, by %s, and the canary's were not: %s; "+
				"write what they need into the template", by, strings.Join(less, ", "))
		}
	}
	return ""
}

// given is a request or a limit that a container was given.
type given struct {
	container, what string
	amount          resource.Quantity
}

// beyond are the requests and limits of a pod that are not those of its template.
func beyond(pod, template *corev1.PodSpec) []given {
	var out []given
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for _, c := range containers {
			has, said := amounts(pod, c.Name), amounts(template, c.Name)
			for _, what := range slices.Sorted(maps.Keys(has)) {
				if h, s := has[what], said[what]; h.Cmp(s) != 0 {
					out = append(out, given{c.Name, what, h})
				}
			}
		}
	}
	return out
}

// lacks are the requests and limits that a pod of the stable was given and one of the canary was not.
func lacks(all []given, canary, is *corev1.PodSpec) []string {
	var out []string
	for _, g := range all {
		has, asked := amounts(canary, g.container)[g.what], amounts(is, g.container)[g.what]
		unlimited := strings.HasPrefix(g.what, "limits.") && has.IsZero()
		if has.Cmp(asked) == 0 && g.amount.Cmp(has) > 0 && !unlimited {
			out = append(out, fmt.Sprintf("container %s has %s %s, the canary's %s", g.container, g.what, g.amount.String(), has.String()))
		}
	}
	return out
}

// amounts are what a container asks for and may have, as "requests.memory".
func amounts(spec *corev1.PodSpec, container string) map[string]resource.Quantity {
	var out map[string]resource.Quantity
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range containers {
			if c.Name != container || len(c.Resources.Requests)+len(c.Resources.Limits) == 0 {
				continue
			}
			if out == nil {
				out = map[string]resource.Quantity{}
			}
			for name, q := range c.Resources.Requests {
				out["requests."+string(name)] = q
			}
			for name, q := range c.Resources.Limits {
				out["limits."+string(name)] = q
			}
		}
	}
	return out
}
