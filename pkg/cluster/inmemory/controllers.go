package inmemory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/workload"
)

// desiredAnnotation is how the Deployment controller notes the size that a ReplicaSet was scaled for.
const desiredAnnotation = "deployment.kubernetes.io/desired-replicas"

// Fault is what is wrong with pods.
type Fault string

// The faults that pods can have.
const (
	// Crash: their container exits again and again. Unready: they run and never become ready.
	Crash   Fault = "crash"
	Unready Fault = "unready"
	// CrashOne: the container of one of them exits again and again. Stumble: each exits twice at its start, and runs then.
	CrashOne Fault = "crash one"
	Stumble  Fault = "stumble"
	// Quota: they are not made. Fail: one of them is not ready.
	Quota Fault = "quota"
	Fail  Fault = "fail"
)

// Controllers are those of a cluster. They act when Run is called, until nothing is left to do at that moment.
type Controllers struct {
	// Startup is how long a pod needs to become ready, Crashes how long until one that crashes has done so often enough to be noticed,
	// Collecting after which time pods are deleted whose ReplicaSet is gone, and Ending how long these then take to end.
	Startup, Crashes, Collecting, Ending time.Duration
	// Started is told of a ReplicaSet that a Deployment begins to scale up for its template; nil: nobody is.
	Started func(*appsv1.ReplicaSet)

	checks map[string]Outcome // by the label of checks on Jobs
	faults map[string]Fault   // by the image of the first container

	ran    int64 // the version of the store and the time when nothing was left to do
	ranAt  time.Time
	rolled int64 // the version at which the Deployments were looked at last: of them nothing depends on the time
}

// Hurt says what is wrong with the pods whose first container has an image; nothing any more with an empty fault.
func (c *Controllers) Hurt(image string, f Fault) {
	if c.faults == nil {
		c.faults = map[string]Fault{}
	}
	c.faults[image], c.ran = f, -1
}

// Run lets all controllers do what they do at once.
func (c *Controllers) Run(s *Store) {
	if c.ran == s.version && c.ranAt.Equal(s.Now) {
		return
	}
	c.collect(s)
	c.jobs(s)
	c.kubelet(s)
	if c.rolled != s.version {
		c.rolled = s.version
		c.deployments(s)
		c.kubelet(s)
	}
	c.ran, c.ranAt = s.version, s.Now
}

// deployments is the Deployment controller.
func (c *Controllers) deployments(s *Store) {
	for _, d := range List[*appsv1.Deployment](s) {
		adopt(s, d)
		if d.Spec.Paused {
			whilePaused(s, d)
		} else {
			c.rollOut(s, d)
		}
	}
}

// collect removes ReplicaSets whose owner is gone, and pods after a while.
func (c *Controllers) collect(s *Store) {
	for _, rs := range List[*appsv1.ReplicaSet](s) {
		if owner := metav1.GetControllerOfNoCopy(rs); owner != nil && !s.exists(owner, rs.Namespace) {
			s.Remove(rs)
		}
	}
	for _, p := range List[*corev1.Pod](s) {
		owner := metav1.GetControllerOfNoCopy(p)
		if owner == nil || s.exists(owner, p.Namespace) {
			continue
		}
		switch since, err := time.Parse(time.RFC3339Nano, p.Annotations[orphanedAnnotation]); {
		case p.DeletionTimestamp != nil:
			if !s.Now.Before(p.DeletionTimestamp.Time) {
				s.Remove(p)
			}
		case err != nil:
			left := p.DeepCopy()
			left.Annotations = map[string]string{orphanedAnnotation: s.Now.Format(time.RFC3339Nano)}
			s.Put(left)
		case s.Now.Sub(since) >= c.Collecting && c.Ending > 0:
			left, end := p.DeepCopy(), metav1.NewTime(s.Now.Add(c.Ending))
			left.DeletionTimestamp = &end
			s.Put(left)
		case s.Now.Sub(since) >= c.Collecting:
			s.Remove(p)
		}
	}
}

// orphanedAnnotation notes since when a pod's owner is gone.
const orphanedAnnotation = "inmemory/orphaned"

// exists says whether an owner is there.
func (s *Store) exists(owner *metav1.OwnerReference, namespace string) bool {
	o, found := s.objects[ref{owner.Kind, namespace, owner.Name}]
	return found && o.GetUID() == owner.UID
}

// Owned are the ReplicaSets of a Deployment, oldest first.
func (s *Store) Owned(d *appsv1.Deployment) []*appsv1.ReplicaSet {
	all := slices.DeleteFunc(List[*appsv1.ReplicaSet](s), func(rs *appsv1.ReplicaSet) bool { return !metav1.IsControlledBy(rs, d) })
	slices.SortStableFunc(all, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return all
}

// current is the oldest ReplicaSet of a Deployment with its template; nil when there is none.
func (s *Store) current(d *appsv1.Deployment) *appsv1.ReplicaSet {
	for _, rs := range s.Owned(d) {
		if workload.SameTemplate(&rs.Spec.Template, &d.Spec.Template) {
			return rs
		}
	}
	return nil
}

// adopt gives a Deployment the ReplicaSets that nobody has and that it selects.
func adopt(s *Store, d *appsv1.Deployment) {
	selector := labels.SelectorFromSet(d.Spec.Selector.MatchLabels)
	for _, rs := range List[*appsv1.ReplicaSet](s) {
		if rs.Namespace == d.Namespace && metav1.GetControllerOfNoCopy(rs) == nil && !selector.Empty() && selector.Matches(labels.Set(rs.Labels)) {
			taken := rs.DeepCopy()
			taken.OwnerReferences = append(taken.OwnerReferences, *metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment")))
			s.Put(taken)
		}
	}
}

// whilePaused is the Deployment controller with spec.paused: it scales and starts nothing.
func whilePaused(s *Store, d *appsv1.Deployment) {
	want, owned, current := workload.Replicas(d), s.Owned(d), s.current(d)
	var active []*appsv1.ReplicaSet
	for _, rs := range owned {
		if ptr.Deref(rs.Spec.Replicas, 1) > 0 {
			active = append(active, rs)
		}
	}
	saturated := current != nil && ptr.Deref(current.Spec.Replicas, 1) == want && current.Annotations[desiredAnnotation] == strconv.Itoa(int(want)) &&
		current.Status.AvailableReplicas == want
	switch {
	case want == 0 || saturated:
		for _, rs := range active {
			if rs != current || want == 0 {
				resize(s, rs, 0, want)
			}
		}
	case len(active) == 1:
		resize(s, active[0], want, want)
	case len(active) == 0 && len(owned) > 0:
		resize(s, cmp.Or(current, owned[len(owned)-1]), want, want)
	}
}

// rollOut is the Deployment controller without spec.paused: a native rollout.
func (c *Controllers) rollOut(s *Store, d *appsv1.Deployment) {
	want, current := workload.Replicas(d), s.current(d)
	if current == nil {
		current = SetOf(d, nativeHash(d))
		s.Put(current)
	}
	if ptr.Deref(current.Spec.Replicas, 1) < want || want == 0 {
		if c.Started != nil {
			c.Started(current)
		}
	}
	current = resize(s, current, want, want)
	if current.Status.AvailableReplicas < want {
		return
	}
	for _, rs := range s.Owned(d) {
		if rs.Name != current.Name {
			resize(s, rs, 0, want)
		}
	}
}

// nativeHash is the pod-template-hash that the Deployment controller gives a template; it is another than ours.
func nativeHash(d *appsv1.Deployment) string { return workload.Hash(&d.Spec.Template) + "-native" }

// SetOf is an empty ReplicaSet of a Deployment's own with its template, by this hash.
func SetOf(d *appsv1.Deployment, hash string) *appsv1.ReplicaSet {
	template := *d.Spec.Template.DeepCopy()
	labels := map[string]string{workload.HashLabel: hash}
	for k, v := range template.Labels {
		labels[k] = v
	}
	template.Labels = labels
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: workload.SetName(d.Name, hash), Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](0), Template: template, Selector: &metav1.LabelSelector{MatchLabels: labels}},
	}
}

// resize scales a ReplicaSet, and notes what for.
func resize(s *Store, rs *appsv1.ReplicaSet, replicas, desired int32) *appsv1.ReplicaSet {
	noted := strconv.Itoa(int(desired))
	if ptr.Deref(rs.Spec.Replicas, 1) == replicas && rs.Annotations[desiredAnnotation] == noted {
		return rs
	}
	sized := rs.DeepCopy()
	sized.Spec.Replicas = &replicas
	sized.Generation++
	if replicas > 0 {
		if sized.Annotations == nil {
			sized.Annotations = map[string]string{}
		}
		sized.Annotations[desiredAnnotation] = noted
	}
	s.Put(sized)
	return sized
}

// kubelet makes and ends pods, and says how they are.
func (c *Controllers) kubelet(s *Store) {
	pods := List[*corev1.Pod](s)
	for _, rs := range List[*appsv1.ReplicaSet](s) {
		var own []*corev1.Pod
		for _, p := range pods {
			if metav1.IsControlledBy(p, rs) {
				own = append(own, p)
			}
		}
		slices.SortFunc(own, func(a, b *corev1.Pod) int { return cmp.Compare(ordinal(a), ordinal(b)) })
		c.tend(s, rs, own)
	}
}

// ordinal is the number at the end of a pod's name.
func ordinal(p *corev1.Pod) int {
	n, err := strconv.Atoi(p.Name[strings.LastIndexByte(p.Name, '-')+1:])
	if err != nil {
		return 0 // not one of ours
	}
	return n
}

// tend makes the pods of a ReplicaSet as many as it wants, and its status what they are.
func (c *Controllers) tend(s *Store, rs *appsv1.ReplicaSet, own []*corev1.Pod) {
	want, fault, next := int(ptr.Deref(rs.Spec.Replicas, 1)), c.faults[Image(&rs.Spec.Template)], 1
	if len(own) > 0 {
		next = ordinal(own[len(own)-1]) + 1
	}
	own = slices.DeleteFunc(own, func(p *corev1.Pod) bool { return !workload.Present(p) })
	for len(own) > want {
		s.Remove(own[len(own)-1])
		own = own[:len(own)-1]
	}
	for ; len(own) < want && fault != Quota; next++ {
		p := podOf(rs, next)
		s.Put(p)
		own = append(own, p)
	}
	status := appsv1.ReplicaSetStatus{Replicas: int32(len(own)), ObservedGeneration: rs.Generation}
	for i, p := range own {
		state := c.stateOf(s, p, fault, i)
		if state.Phase == corev1.PodRunning && state.Conditions[0].Status == corev1.ConditionTrue {
			status.ReadyReplicas++
			status.AvailableReplicas++
		}
		if !sameState(p.Status, state) {
			changed := p.DeepCopy()
			changed.Status = state
			s.Put(changed)
		}
	}
	if fault == Quota && len(own) < want {
		status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota: pods"}}
	}
	if !sameCounts(rs.Status, status) {
		changed := rs.DeepCopy()
		changed.Status = status
		s.Put(changed)
	}
}

func sameState(a, b corev1.PodStatus) bool {
	return a.Phase == b.Phase && len(a.Conditions) == len(b.Conditions) && a.Conditions[0].Status == b.Conditions[0].Status &&
		a.ContainerStatuses[0].RestartCount == b.ContainerStatuses[0].RestartCount
}

func sameCounts(a, b appsv1.ReplicaSetStatus) bool {
	return a.Replicas == b.Replicas && a.AvailableReplicas == b.AvailableReplicas && a.ObservedGeneration == b.ObservedGeneration && len(a.Conditions) == len(b.Conditions)
}

// Image is that of the first container of a template, which tells versions apart here.
func Image(t *corev1.PodTemplateSpec) string {
	if len(t.Spec.Containers) == 0 {
		return ""
	}
	return t.Spec.Containers[0].Image
}

func podOf(rs *appsv1.ReplicaSet, n int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rs.Namespace, Name: fmt.Sprintf("%s-%d", rs.Name, n), Labels: rs.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: corev1.PodSpec{Containers: rs.Spec.Template.Spec.Containers},
	}
}

// stateOf is how a pod is now.
func (c *Controllers) stateOf(s *Store, p *corev1.Pod, fault Fault, index int) corev1.PodStatus {
	age := s.Now.Sub(p.CreationTimestamp.Time)
	running := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}}}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: p.CreationTimestamp}
	if fault == CrashOne && index == 0 {
		fault = Crash
	}
	switch {
	case fault == Stumble:
		began := p.CreationTimestamp.Add(time.Second)
		exit := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: metav1.NewTime(began), FinishedAt: metav1.NewTime(began.Add(time.Second))}
		running.LastTerminationState = corev1.ContainerState{Terminated: exit}
		if age < c.Startup {
			running.RestartCount, running.State = 1, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			break
		}
		running.RestartCount, running.Ready, ready.Status = 2, true, corev1.ConditionTrue
	case fault == Crash && age >= c.Crashes:
		exit := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: p.CreationTimestamp, FinishedAt: p.CreationTimestamp}
		running.RestartCount, running.State = 3, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		running.LastTerminationState = corev1.ContainerState{Terminated: exit}
	case age < c.Startup, fault == Crash, fault == Unready, fault == Fail && index == 0:
	default:
		ready.Status = corev1.ConditionTrue
		running.Ready = true
	}
	return corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{ready}, ContainerStatuses: []corev1.ContainerStatus{running}}
}
