package agent

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// hostIP is the node's address.
const hostIP = "10.244.0.1"

// status is the pod's whole status at now, but for the conditions of others.
func (p *pod) status(object *corev1.Pod, now metav1.Time) corev1.PodStatus {
	s := corev1.PodStatus{
		ObservedGeneration: object.Generation,
		PodIP:              p.ip, PodIPs: []corev1.PodIP{{IP: p.ip}},
		HostIP: hostIP, HostIPs: []corev1.HostIP{{IP: hostIP}},
		StartTime: &p.started,
	}
	var unready []string
	done, failed := 0, false
	for _, c := range p.containers {
		cs := c.status()
		s.ContainerStatuses = append(s.ContainerStatuses, cs)
		if !cs.Ready {
			unready = append(unready, cs.Name)
		}
		c.mu.Lock()
		if c.done {
			done++
			failed = failed || c.failed
		}
		c.mu.Unlock()
	}
	p.mu.Lock()
	overdue := p.overdue
	p.mu.Unlock()
	s.Phase = phase(s.ContainerStatuses, done == len(p.containers), failed || overdue)
	if overdue && s.Phase == corev1.PodFailed {
		s.Reason, s.Message = "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
	}
	s.Conditions = p.conditionsAt(object, s.Phase, unready, now)
	return s
}

func phase(statuses []corev1.ContainerStatus, done, failed bool) corev1.PodPhase {
	switch {
	case done && failed:
		return corev1.PodFailed
	case done:
		return corev1.PodSucceeded
	}
	for _, s := range statuses {
		if s.State.Waiting != nil && s.LastTerminationState.Terminated == nil {
			return corev1.PodPending
		}
	}
	return corev1.PodRunning
}

// conditionsAt are the conditions that a kubelet owns. Their transition times are those of the last change.
func (p *pod) conditionsAt(object *corev1.Pod, phase corev1.PodPhase, unready []string, now metav1.Time) []corev1.PodCondition {
	containers := corev1.PodCondition{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}
	switch {
	case phase == corev1.PodSucceeded:
		containers.Status, containers.Reason = corev1.ConditionFalse, "PodCompleted"
	case phase == corev1.PodFailed:
		containers.Status, containers.Reason = corev1.ConditionFalse, "PodFailed"
	case len(unready) > 0:
		containers.Status, containers.Reason = corev1.ConditionFalse, "ContainersNotReady"
		containers.Message = fmt.Sprintf("containers with unready status: %v", unready)
	}
	ready := containers
	ready.Type = corev1.PodReady
	if ready.Status == corev1.ConditionTrue {
		for _, gate := range p.spec.ReadinessGates {
			if !isTrue(object.Status.Conditions, gate.ConditionType) {
				ready.Status, ready.Reason = corev1.ConditionFalse, "ReadinessGatesNotReady"
				ready.Message = fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist or is not true.", gate.ConditionType)
			}
		}
	}
	initialized := corev1.PodCondition{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}
	out := []corev1.PodCondition{initialized, containers, ready}
	for i := range out {
		c := &out[i]
		c.ObservedGeneration = object.Generation
		c.LastTransitionTime = now
		if before, ok := p.conditions[c.Type]; ok && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
		p.conditions[c.Type] = *c
	}
	return out
}

func isTrue(conditions []corev1.PodCondition, kind corev1.PodConditionType) bool {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// statusPatch is the strategic merge patch that writes status to the pod of that uid and to no other of its name. Conditions are merged
// by type, so what a condition has no more must be said.
func statusPatch(uid types.UID, status corev1.PodStatus) ([]byte, error) {
	conditions := make([]map[string]any, 0, len(status.Conditions))
	for _, c := range status.Conditions {
		data, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("encoding a condition: %w", err)
		}
		fields := map[string]any{"reason": nil, "message": nil}
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, fmt.Errorf("encoding a condition: %w", err)
		}
		conditions = append(conditions, fields)
	}
	status.Conditions = nil
	data, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("encoding a status: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("encoding a status: %w", err)
	}
	fields["conditions"] = conditions
	return json.Marshal(map[string]any{"metadata": map[string]any{"uid": uid}, "status": fields})
}
