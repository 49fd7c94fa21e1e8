package agent

import (
	"context"
	"fmt"
	"log"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// defaultGrace is the time to end of a pod that names none.
const defaultGrace = 30 * time.Second

// podClient is what a pod writes about itself.
type podClient interface {
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, o metav1.PatchOptions, subresources ...string) (*corev1.Pod, error)
	Delete(ctx context.Context, name string, o metav1.DeleteOptions) error
}

// pod is one pod of this node from the moment it is seen until it is gone.
type pod struct {
	namespace, name, ip string
	uid                 types.UID
	revision            string // Its pod-template-hash; header x-revision.
	spec                corev1.PodSpec
	containers          []*container
	client              podClient
	started             metav1.Time

	dirty chan struct{} // Something that the status tells has changed.

	proxy   *proxy
	sidecar *sidecar // In place of the proxy, where the pod asks for one.

	left     atomic.Int32  // Containers that may still run.
	finished chan struct{} // Closed when none is left.

	mu      sync.Mutex
	sick    float64     // Share of its requests that fails by order, 0 to 1.
	object  *corev1.Pod // As last seen.
	ending  chan struct{}
	ended   bool               // Its deletion was asked for.
	overdue bool               // It ran for longer than it may.
	gone    context.CancelFunc // Kills everything: the object does not exist any more.

	conditions map[corev1.PodConditionType]corev1.PodCondition // Only touched by reportLoop.
}

func newPod(object *corev1.Pod, ip string, client podClient, gone context.CancelFunc) *pod {
	p := &pod{
		namespace: object.Namespace, name: object.Name, uid: object.UID, ip: ip, spec: object.Spec, client: client,
		revision: object.Labels[appsv1.DefaultDeploymentUniqueLabelKey], started: metav1.Now(),
		dirty: make(chan struct{}, 1), object: object, ending: make(chan struct{}), finished: make(chan struct{}), gone: gone,
		conditions: map[corev1.PodConditionType]corev1.PodCondition{},
	}
	p.proxy = newProxy(workloadOf(object), p.namespace, canonicalRevision(object))
	if t := object.Status.StartTime; t != nil {
		p.started = *t
	}
	before := map[string]corev1.ContainerStatus{}
	for _, s := range object.Status.ContainerStatuses {
		before[s.Name] = s
	}
	for _, spec := range object.Spec.Containers {
		c := &container{pod: p, spec: spec, state: waiting("ContainerCreating", ""), ready: object.Annotations[serveAnnotation] == "false"}
		if s, ok := before[spec.Name]; ok { // The node was away: its containers start anew.
			c.restarts, c.last = s.RestartCount, s.LastTerminationState
			if s.State.Running != nil {
				c.restarts++
			}
		}
		p.containers = append(p.containers, c)
	}
	p.left.Store(int32(len(p.containers)))
	return p
}

// report has the status written soon. It never blocks.
func (p *pod) report() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

// update takes a newer version of the object.
func (p *pod) update(object *corev1.Pod) {
	p.mu.Lock()
	p.object = object
	if rate, err := strconv.ParseFloat(object.Annotations[errorAnnotation], 64); err == nil {
		p.sick = rate
	}
	if object.DeletionTimestamp != nil && !p.ended {
		p.ended = true
		close(p.ending)
	}
	p.mu.Unlock()
	p.report()
}

// sickness is the share of requests that fails by order.
func (p *pod) sickness() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sick
}

// live runs the pod until it has finished, or its object is deleted, or ctx ends, which means that it is gone. The status is up to date then.
func (p *pod) live(ctx context.Context) error {
	term, terminate := context.WithCancel(context.WithoutCancel(ctx))
	defer terminate()
	kill := make(chan struct{})
	var running, reporting sync.WaitGroup
	over := make(chan struct{})
	reporting.Go(func() { p.reportLoop(ctx, over) })
	p.runContainers(term, kill, &running)
	select {
	case <-ctx.Done():
		close(kill)
		terminate()
	case <-p.finished:
		terminate()
	case <-p.deadline():
		p.mu.Lock()
		p.overdue = true
		p.mu.Unlock()
		p.end(ctx, terminate, kill, &running)
	case <-p.ending:
		p.end(ctx, terminate, kill, &running)
	}
	running.Wait()
	close(over)
	reporting.Wait()
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ctx.Err() != nil || !ended {
		return nil
	}
	zero := int64(0)
	err := p.client.Delete(ctx, p.name, metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: metav1.NewUIDPreconditions(string(p.uid))})
	// The deletion may be seen, and end ctx, before its own answer arrives.
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting pod %s/%s: %w", p.namespace, p.name, err)
	}
	return nil
}

// deadline delivers when the pod has run for as long as it may, or never.
func (p *pod) deadline() <-chan time.Time {
	if p.spec.ActiveDeadlineSeconds == nil {
		return nil
	}
	return time.After(time.Until(p.started.Add(time.Duration(*p.spec.ActiveDeadlineSeconds) * time.Second)))
}

func (p *pod) runContainers(term context.Context, kill <-chan struct{}, running *sync.WaitGroup) {
	if p.object.Annotations[serveAnnotation] == "false" {
		now := metav1.Now()
		for _, c := range p.containers {
			c.set(func() { c.state = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}} })
		}
		return
	}
	var loops []func()
	for _, c := range p.containers {
		loops = append(loops, func() {
			c.loop(term, kill)
			if p.left.Add(-1) == 0 {
				close(p.finished)
			}
		})
	}
	if p.sidecar != nil {
		p.sidecar.around(term, running, loops)
		return
	}
	running.Go(func() { p.proxy.serve(term, p.ip) })
	for _, loop := range loops {
		running.Go(loop)
	}
}

// appIP is where the containers listen and are probed: behind the sidecar, as Istio has the kubelet's probes pass it by.
func (p *pod) appIP() string {
	if p.sidecar != nil {
		return p.sidecar.about.AppIP
	}
	return p.ip
}

// end asks the containers to end, after the longest preStop sleep, and kills what is left when the grace is over.
func (p *pod) end(ctx context.Context, terminate func(), kill chan struct{}, running *sync.WaitGroup) {
	p.mu.Lock()
	grace := defaultGrace
	for _, s := range []*int64{p.spec.TerminationGracePeriodSeconds, p.object.DeletionGracePeriodSeconds} {
		if s != nil {
			grace = time.Duration(*s) * time.Second
		}
	}
	p.mu.Unlock()
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	done := make(chan struct{})
	sleep := time.AfterFunc(preStop(p.spec), terminate)
	defer sleep.Stop()
	go func() {
		running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-deadline.C:
	case <-ctx.Done():
	}
	close(kill)
	terminate()
}

func preStop(spec corev1.PodSpec) time.Duration {
	longest := int64(0)
	for _, c := range spec.Containers {
		if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
			longest = max(longest, c.Lifecycle.PreStop.Sleep.Seconds)
		}
	}
	return time.Duration(longest) * time.Second
}

// reportLoop writes the status whenever it differs from the one written last, and for the last time when the pod is over.
func (p *pod) reportLoop(ctx context.Context, over <-chan struct{}) {
	var written *corev1.PodStatus
	for last := false; !last; {
		select {
		case <-ctx.Done():
			return
		case <-over:
			last = true
		case <-p.dirty:
		}
		p.mu.Lock()
		object := p.object
		p.mu.Unlock()
		status := p.status(object, metav1.Now())
		if written != nil && equality.Semantic.DeepEqual(*written, status) {
			continue
		}
		err := p.write(ctx, status)
		if apierrors.IsNotFound(err) || ctx.Err() != nil {
			return
		}
		if err != nil {
			log.Printf("The status of pod %s/%s: %v", p.namespace, p.name, err)
		}
		if err != nil && !apierrors.IsInvalid(err) { // What is invalid stays so.
			last = false
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
				p.report()
			}
			continue
		}
		written = &status
	}
}

func (p *pod) write(ctx context.Context, status corev1.PodStatus) error {
	patch, err := statusPatch(p.uid, status)
	if err != nil {
		return err
	}
	_, err = p.client.Patch(ctx, p.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
