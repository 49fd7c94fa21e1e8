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
		for _, c := range canary {
			less := lacks(&s.Spec, &c.Spec, &was.Spec, &is.Spec)
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

// lacks are the requests and limits that a pod of the stable was given and one of the canary was not.
func lacks(stable, canary, was, is *corev1.PodSpec) []string {
	var out []string
	for _, c := range slices.Concat(stable.InitContainers, stable.Containers) {
		given, said, has, asked := amounts(stable, c.Name), amounts(was, c.Name), amounts(canary, c.Name), amounts(is, c.Name)
		for _, what := range slices.Sorted(maps.Keys(given)) {
			g, s, h, a := given[what], said[what], has[what], asked[what]
			unlimited := strings.HasPrefix(what, "limits.") && h.IsZero()
			if g.Cmp(s) != 0 && h.Cmp(a) == 0 && g.Cmp(h) > 0 && !unlimited {
				out = append(out, fmt.Sprintf("container %s has %s %s, the canary's %s", c.Name, what, g.String(), h.String()))
			}
		}
	}
	return out
}

// amounts are what a container asks for and may have, as "requests.memory".
func amounts(spec *corev1.PodSpec, container string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if c.Name != container {
			continue
		}
		for name, q := range c.Resources.Requests {
			out["requests."+string(name)] = q
		}
		for name, q := range c.Resources.Limits {
			out["limits."+string(name)] = q
		}
	}
	return out
}
