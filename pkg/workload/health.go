package workload

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

const (
	crashLoop  = "CrashLoopBackOff"
	statusLost = "ContainerStatusUnknown" // the node lost sight of the container

	// forgiven is how long a container must run for the kubelet to forget its crashes. Exits within it of the pod's beginning are of its start.
	forgiven = 10 * time.Minute
	// well is how long a container must run and be ready not to count as crashing.
	well = time.Minute
	// usualStarts is how often a container may exit while its pod starts, as one does that is there before its proxy or its database.
	usualStarts = 2
)

// Norm is what is normal for pods. The zero Norm judges all containers, at once.
type Norm struct {
	// Grace is how long a container that has crashed twice must have been running anew before it no longer counts as crashing, and how long
	// what does not serve may take to.
	Grace time.Duration
	// Template is that of the pods' ReplicaSet: its containers can blame a version. Those that were added to the pods, and sidecars (init
	// containers that are always restarted), are helpers and blame nobody. Nil: all but sidecars can.
	Template *corev1.PodTemplateSpec
	// Starts is how often a container of each name may exit while its pod starts; two times where it says less. See StartsOf.
	Starts map[string]int32
}

// StartsOf is how often the containers of pods that run well have exited while the pods started: the most for each name. What has
// exited later is left out, for nobody knows which of the exits were at the start.
func StartsOf(pods []*corev1.Pod) map[string]int32 {
	starts := map[string]int32{}
	for _, p := range pods {
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			exit := c.LastTerminationState.Terminated // c.Ready: it serves, or is an init container that is done
			if c.Ready && exit != nil && exit.FinishedAt.Sub(p.CreationTimestamp.Time) < forgiven {
				starts[c.Name] = max(starts[c.Name], c.RestartCount)
			}
		}
	}
	return starts
}

// Health is what the pods of one arm say about themselves. How many are available is the ReplicaSet's matter.
type Health struct {
	// Crashing blames the version: containers that exit again and again. Sorted by pod and container.
	Crashing []Failure
	// NotStarting blames nobody: pods that do not serve, and why. Sorted by pod.
	NotStarting []Obstacle
}

// Failure is a container that exits again and again.
type Failure struct {
	Pod, Container string
	// Reason is OOMKilled or what else the runtime said of the last exit; where it said nothing of use, CrashLoopBackOff while the
	// container waits and Restarting while it runs again, as after a failed liveness probe.
	Reason   string
	ExitCode int32
	Restarts int32
}

// String is for people.
func (f Failure) String() string {
	return fmt.Sprintf("container %s of pod %s: %s (exit code %d, %d restarts)", f.Container, f.Pod, f.Reason, f.ExitCode, f.Restarts)
}

// Obstacle is what keeps a pod from starting or serving. It holds a release and does not blame it.
type Obstacle struct {
	// On is what it concerns, as "pod a" or "ReplicaSet b".
	On string
	// Reason is one word of the API, as ImagePullBackOff, Unschedulable, FailedCreate.
	Reason string
	// Message is the API's own text; may be empty.
	Message string
}

// String is for people.
func (o Obstacle) String() string {
	if o.Message == "" {
		return fmt.Sprintf("%s: %s", o.On, o.Reason)
	}
	return fmt.Sprintf("%s: %s: %s", o.On, o.Reason, o.Message)
}

// HealthOf looks at the containers of the pods, init containers included. A container is crashing once it has exited twice and its last life
// began at least the norm's grace ago, or once it has exited three times; while its pod starts it may exit as often as the norm says. A
// minute in which it runs and is ready, a life of ten minutes, or ten minutes since, make up for the exits before. Pods that are being
// deleted, were evicted or have ended say nothing. What has not started is an obstacle at once where the API gives a cause, else after grace.
func HealthOf(pods []*corev1.Pod, now time.Time, norm Norm) Health {
	var h Health
	for _, p := range pods {
		if !Present(p) {
			continue
		}
		failures := norm.failing(p, now)
		h.Crashing = append(h.Crashing, failures...)
		if len(failures) > 0 {
			continue
		}
		if o, found := obstacle(p, now, norm.Grace); found {
			h.NotStarting = append(h.NotStarting, o)
		}
	}
	slices.SortFunc(h.Crashing, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Container, b.Container))
	})
	slices.SortFunc(h.NotStarting, func(a, b Obstacle) int { return cmp.Compare(a.On, b.On) })
	return h
}

// Nodes are where pods run, by their names; those that are not placed yet are left out. nil where none is.
func Nodes(pods []*corev1.Pod) map[string]string {
	var nodes map[string]string
	for _, p := range pods {
		if p.Spec.NodeName == "" {
			continue
		}
		if nodes == nil {
			nodes = map[string]string{}
		}
		nodes[p.Name] = p.Spec.NodeName
	}
	return nodes
}

// Blocked is what keeps a ReplicaSet from making its pods: a quota, a limit range, a PodSecurity denial, another admission. False when nothing does.
func Blocked(rs *appsv1.ReplicaSet) (Obstacle, bool) {
	for _, c := range rs.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
			return Obstacle{On: "ReplicaSet " + rs.Name, Reason: c.Reason, Message: c.Message}, true
		}
	}
	return Obstacle{}, false
}

func (n Norm) failing(p *corev1.Pod, now time.Time) []Failure {
	once := runOnce(p)
	var failures []Failure
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		exit := lastExit(&c)
		ends, init := once[c.Name]
		if exit == nil || exit.Reason == statusLost || ends && exit.ExitCode == 0 || init && !ends || !n.owns(c.Name) {
			continue
		}
		if n.repeated(p, &c, exit, now) {
			failures = append(failures, Failure{Pod: p.Name, Container: c.Name, Reason: why(&c, exit), ExitCode: exit.ExitCode, Restarts: c.RestartCount})
		}
	}
	return failures
}

// owns says whether a container is the version's own.
func (n Norm) owns(name string) bool {
	return n.Template == nil || slices.ContainsFunc(slices.Concat(n.Template.Spec.InitContainers, n.Template.Spec.Containers),
		func(c corev1.Container) bool { return c.Name == name })
}

// runOnce says of each init container whether it is meant to end; the others are sidecars.
func runOnce(p *corev1.Pod) map[string]bool {
	once := map[string]bool{}
	for _, c := range p.Spec.InitContainers {
		once[c.Name] = ptr.Deref(c.RestartPolicy, "") != corev1.ContainerRestartPolicyAlways
	}
	return once
}

func lastExit(c *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	switch {
	case c.State.Terminated != nil:
		return c.State.Terminated
	case c.LastTerminationState.Terminated == nil && waiting(c) == crashLoop:
		return &corev1.ContainerStateTerminated{}
	}
	return c.LastTerminationState.Terminated
}

func (n Norm) repeated(p *corev1.Pod, c *corev1.ContainerStatus, exit *corev1.ContainerStateTerminated, now time.Time) bool {
	began, ended := exit.StartedAt.Time, exit.FinishedAt.Time
	if began.Before(p.CreationTimestamp.Time) { // a container that could not be started carries the epoch
		began = ended
	}
	runs := c.State.Running != nil
	exits := c.RestartCount
	if !runs {
		exits++
	}
	switch looping := waiting(c) == crashLoop; {
	case runs && c.Ready && now.Sub(c.State.Running.StartedAt.Time) >= well:
		return false
	case starting(p, began, ended) && exits <= max(usualStarts, n.Starts[c.Name]):
		return false
	case exits < 3 && now.Sub(began) < n.Grace:
		return false
	case looping:
		return true
	}
	return exits >= 2 && ended.Sub(began) < forgiven && (!runs || now.Sub(ended) < forgiven)
}

// starting says whether a life of a container was one before its pod was ready for the first time, as far as that can be seen.
func starting(p *corev1.Pod, began, ended time.Time) bool {
	if age := ended.Sub(p.CreationTimestamp.Time); age < 0 || age >= forgiven {
		return false
	}
	ready := condition(p, corev1.PodReady)
	return ready == nil || ready.Status == corev1.ConditionTrue || !ready.LastTransitionTime.After(began)
}

func why(c *corev1.ContainerStatus, exit *corev1.ContainerStateTerminated) string {
	switch {
	case exit.Reason != "" && exit.Reason != "Error" && exit.Reason != "Completed":
		return exit.Reason
	case c.State.Running != nil:
		return "Restarting"
	}
	return crashLoop
}

func waiting(c *corev1.ContainerStatus) string {
	if c.State.Waiting == nil {
		return ""
	}
	return c.State.Waiting.Reason
}

func obstacle(p *corev1.Pod, now time.Time, grace time.Duration) (Obstacle, bool) {
	on := "pod " + p.Name
	if c := condition(p, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return Obstacle{On: on, Reason: c.Reason, Message: c.Message}, true
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch r := waiting(&c); r {
		case "", crashLoop, "ContainerCreating", "PodInitializing":
		default:
			return Obstacle{On: on, Reason: r, Message: c.State.Waiting.Message}, true
		}
	}
	if p.Status.Phase == corev1.PodPending && now.Sub(p.CreationTimestamp.Time) >= grace {
		return Obstacle{On: on, Reason: string(corev1.PodPending), Message: p.Status.Message}, true
	}
	c := condition(p, corev1.PodReady)
	if p.Status.Phase == corev1.PodRunning && c != nil && c.Status != corev1.ConditionTrue && now.Sub(c.LastTransitionTime.Time) >= grace {
		return Obstacle{On: on, Reason: cmp.Or(c.Reason, "NotReady"), Message: c.Message}, true
	}
	return Obstacle{}, false
}

func condition(p *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == t {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}
