package workload

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// outstayed is how long after the end of its grace a pod that is being deleted may still be there because it ends. After that its node has
// ended its containers, or is lost; nobody takes its object away then before the node is back or is given up.
const outstayed = time.Minute

// Present says whether a pod can be an endpoint, now or later: it has not ended, as one that was evicted has, and is not being deleted. A
// ReplicaSet counts the same pods as its own, and never takes away those that have ended.
func Present(p *corev1.Pod) bool { return p.DeletionTimestamp == nil && !ended(p) }

// Serving says whether a pod can answer now: it is present, and ready.
func Serving(p *corev1.Pod) bool {
	c := condition(p, corev1.PodReady)
	return Present(p) && c != nil && c.Status == corev1.ConditionTrue
}

// Lingers says whether a pod may still be answering requests that it was sent before: it is present, or it is being deleted and has not
// outstayed its grace by more than a minute.
func Lingers(p *corev1.Pod, now time.Time) bool {
	return !ended(p) && (p.DeletionTimestamp == nil || now.Before(p.DeletionTimestamp.Add(outstayed)))
}

// Behind are the pods that one of the selectors covers; all where there is no selector. One whose labels were changed so that Services leave it
// out, as somebody does who wants to look at it, meets no requests any more, and only a person ends it.
func Behind(pods []*corev1.Pod, selectors ...map[string]string) []*corev1.Pod {
	if len(selectors) == 0 {
		return pods
	}
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool {
		return !slices.ContainsFunc(selectors, func(s map[string]string) bool { return covers(s, p.Labels) })
	})
}

// ended says that all containers of a pod have ended and none is started again.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}
