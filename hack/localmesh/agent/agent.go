package agent

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Annotations of pods that the agent reads.
const (
	ipAnnotation    = "localmesh.stagger.dev/ip"         // The address the pod wants.
	serveAnnotation = "localmesh.stagger.dev/serve"      // "false": only an address; some program beside the mesh is the pod.
	errorAnnotation = "localmesh.stagger.dev/error-rate" // A share of this pod's requests that fails from now on, 0 to 1.
)

const workers = 16

// Agent is all nodes of the mesh.
type Agent struct {
	client     kubernetes.Interface
	nodes      []string
	lister     listers.PodLister
	nodeLister listers.NodeLister
	queue      workqueue.TypedRateLimitingInterface[string]
	ips        addresses

	binding sync.Mutex
	bound   map[types.UID]string // The nodes of pods that do not show theirs yet. Guarded by binding.

	mu   sync.Mutex
	pods map[types.UID]*pod
	wg   sync.WaitGroup

	targets targets // Guarded by mu.
	envoy   string
}

// New returns nodes of these names, which keep a file of their pods' metrics for Prometheus; an empty path: none. The program envoy is the
// sidecar of pods that ask for one; empty: none has one.
func New(client kubernetes.Interface, targetsPath, envoy string, nodes ...string) *Agent {
	return &Agent{
		targets: targets{path: targetsPath, pods: map[string]target{}}, envoy: envoy,
		client: client, nodes: nodes, pods: map[types.UID]*pod{}, ips: addresses{taken: map[string]string{}},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
}

// Run registers the nodes and runs their pods until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	for _, node := range a.nodes {
		if err := register(ctx, a.client, node); err != nil {
			return err
		}
	}
	factory := informers.NewSharedInformerFactory(a.client, 0)
	informer := factory.Core().V1().Pods()
	a.lister = informer.Lister()
	if _, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: a.enqueue, UpdateFunc: func(_, o any) { a.enqueue(o) }, DeleteFunc: a.forget,
	}); err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	nodes := factory.Core().V1().Nodes()
	a.nodeLister = nodes.Lister()
	if _, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, o any) { a.uncordoned(o) }}); err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced, nodes.Informer().HasSynced) {
		return errors.New("the pods and nodes could not be listed")
	}
	all, err := a.lister.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	for _, p := range all {
		if p.Status.PodIP != "" && !over(p) {
			a.ips.reserve(p.Status.PodIP, string(p.UID))
		}
	}
	for range workers {
		a.wg.Go(func() { a.work(ctx) })
	}
	log.Printf("Nodes %v run", a.nodes)
	err = a.serveMetrics(ctx)
	a.queue.ShutDown()
	a.wg.Wait()
	return err
}

func (a *Agent) enqueue(o any) {
	if key, err := cache.MetaNamespaceKeyFunc(o); err == nil {
		a.queue.Add(key)
	}
}

// forget kills a pod whose object has gone.
func (a *Agent) forget(o any) {
	if t, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = t.Obj
	}
	object, ok := o.(*corev1.Pod)
	if !ok {
		return
	}
	a.mu.Lock()
	p := a.pods[object.UID]
	a.mu.Unlock()
	if p != nil {
		p.gone()
	}
}

func (a *Agent) work(ctx context.Context) {
	for {
		key, quit := a.queue.Get()
		if quit {
			return
		}
		if err := a.sync(ctx, key); err != nil {
			log.Printf("Pod %s: %v", key, err)
			a.queue.AddRateLimited(key)
		} else {
			a.queue.Forget(key)
		}
		a.queue.Done(key)
	}
}

// sync binds a pod that has no node, starts one that is new here, and tells the others of their newest version.
func (a *Agent) sync(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	object, err := a.lister.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if object.Spec.NodeName == "" {
		return a.bind(ctx, object)
	}
	if !slices.Contains(a.nodes, object.Spec.NodeName) || over(object) {
		return a.finish(ctx, object)
	}
	a.mu.Lock()
	p := a.pods[object.UID]
	a.mu.Unlock()
	if p == nil {
		if p, err = a.start(ctx, object); err != nil {
			return err
		}
	}
	p.update(object)
	return nil
}

// over says whether a pod's containers have run for the last time.
func over(object *corev1.Pod) bool {
	return object.Status.Phase == corev1.PodSucceeded || object.Status.Phase == corev1.PodFailed
}

// finish deletes a pod that has ended, or is nobody's, once somebody wants it deleted.
func (a *Agent) finish(ctx context.Context, object *corev1.Pod) error {
	a.mu.Lock()
	p := a.pods[object.UID]
	a.mu.Unlock()
	if p != nil {
		p.update(object)
		return nil
	}
	if object.DeletionTimestamp == nil || !slices.Contains(a.nodes, object.Spec.NodeName) {
		return nil
	}
	zero := int64(0)
	err := a.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name,
		metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: metav1.NewUIDPreconditions(string(object.UID))})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// start gives a pod its address and its life.
func (a *Agent) start(ctx context.Context, object *corev1.Pod) (*pod, error) {
	ip := object.Status.PodIP
	if ip == "" {
		ip = object.Annotations[ipAnnotation]
	}
	if ip == "" {
		var err error
		if ip, err = a.ips.take(string(object.UID)); err != nil {
			return nil, err
		}
	}
	a.ips.reserve(ip, string(object.UID))
	ctx, gone := context.WithCancel(ctx)
	p := newPod(object, ip, a.client.CoreV1().Pods(object.Namespace), gone)
	if a.envoy != "" && wantsSidecar(object) {
		p.sidecar = newSidecar(a.envoy, object, ip)
	}
	a.mu.Lock()
	a.pods[object.UID] = p
	if err := a.targets.add(object, ip); err != nil {
		log.Printf("Pod %s/%s: %v", object.Namespace, object.Name, err)
	}
	a.mu.Unlock()
	a.wg.Go(func() {
		defer gone()
		if err := p.live(ctx); err != nil {
			log.Printf("Ending: %v", err)
		}
		a.ips.release(ip, string(p.uid))
		a.mu.Lock()
		delete(a.pods, p.uid)
		if err := a.targets.remove(string(p.uid)); err != nil {
			log.Printf("Pod %s/%s: %v", p.namespace, p.name, err)
		}
		a.mu.Unlock()
		a.queue.AddRateLimited(p.namespace + "/" + p.name) // Should its deletion have failed, it is tried again.
	})
	return p, nil
}
