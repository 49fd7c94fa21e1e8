package agent

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// container runs one container of a pod, again and again.
type container struct {
	pod  *pod
	spec corev1.Container

	mu       sync.Mutex
	state    corev1.ContainerState
	last     corev1.ContainerState
	meter    *meter // Of its newest run.
	restarts int32
	ready    bool
	done     bool // It will not run again.
	failed   bool // Its last exit code was not 0.
}

// set changes the container under its lock and has the pod report.
func (c *container) set(change func()) {
	c.mu.Lock()
	change()
	c.mu.Unlock()
	c.pod.report()
}

// loop runs the container until ctx ends or its restart policy says that it has run often enough.
func (c *container) loop(ctx context.Context, kill <-chan struct{}) {
	if imageMissing(c.spec.Image) {
		c.set(func() {
			c.state = waiting("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q", c.spec.Image))
		})
		<-ctx.Done()
		c.end(corev1.ContainerStateTerminated{
			ExitCode: killed, Reason: "ContainerStatusUnknown", Message: "The container could not be located when the pod was terminated",
		})
		return
	}
	var b backOff
	for {
		begun := metav1.Now()
		e := c.once(ctx, kill, begun)
		ended := corev1.ContainerStateTerminated{
			ExitCode: int32(e.code), Reason: e.reason, Message: e.text, StartedAt: begun, FinishedAt: metav1.Now(),
		}
		if ctx.Err() != nil || !restartsAfter(c.pod.spec.RestartPolicy, e.code) {
			c.end(ended)
			return
		}
		state := corev1.ContainerState{Terminated: &ended}
		if wait := b.wait(time.Since(begun.Time)); wait > 0 {
			c.set(func() {
				c.last, c.ready = state, false
				c.state = waiting("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
					wait, c.spec.Name, c.pod.name, c.pod.namespace, c.pod.uid))
			})
			select {
			case <-ctx.Done():
				c.end(ended)
				return
			case <-time.After(wait):
			}
		}
		c.mu.Lock() // What follows reports.
		c.last, c.state, c.restarts, c.ready = state, state, c.restarts+1, false
		c.mu.Unlock()
	}
}

// end is the container's last state.
func (c *container) end(last corev1.ContainerStateTerminated) {
	c.set(func() {
		c.state = corev1.ContainerState{Terminated: &last}
		c.ready, c.done, c.failed = false, true, last.ExitCode != 0
	})
}

// once is one run. The container is running, and ready where it has no readiness probe, before this reports.
func (c *container) once(ctx context.Context, kill <-chan struct{}, begun metav1.Time) exit {
	b, err := ParseBehaviour(c.spec)
	if err != nil {
		return exit{code: 2, reason: "Error", text: err.Error()}
	}
	listeners, err := listen(c.pod.appIP(), c.spec, b)
	if err != nil {
		return exit{code: 128, reason: "ContainerCannotRun", text: err.Error()}
	}
	used := &meter{cpu: b.CPU, memory: b.Memory}
	a := &app{b: b, pod: c.pod.name, revision: c.pod.revision, started: begun.Time, sick: c.pod.sickness, proxy: c.pod.proxy, meter: used}
	c.set(func() {
		c.meter = used
		c.state = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: begun}}
		c.ready = c.spec.ReadinessProbe == nil
	})
	probing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if c.spec.ReadinessProbe != nil {
			c.probe(probing, c.spec.ReadinessProbe)
		}
	})
	e := a.run(ctx, kill, listeners)
	stop()
	wg.Wait()
	return e
}

func restartsAfter(policy corev1.RestartPolicy, code int) bool {
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return code != 0
	default:
		return true
	}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// status is the container's part of the pod's status.
func (c *container) status() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	started := c.state.Running != nil
	return corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: imageID(c.spec.Image), State: c.state, LastTerminationState: c.last,
		RestartCount: c.restarts, Ready: c.ready, Started: &started,
	}
}

// imageID is an image as a node names it, by its digest. There is nothing of an image here but its name, so that is what is digested.
func imageID(image string) string {
	return fmt.Sprintf("localmesh.invalid/%s@sha256:%x", strings.Split(image, ":")[0], sha256.Sum256([]byte(image)))
}
