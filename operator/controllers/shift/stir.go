package shift

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// mostStirs is how many changes are remembered.
const mostStirs = 256

// stirs remembers the last changes in the cluster of which istiod tells the proxies as new clusters or other endpoints: Services,
// DestinationRules, and pods that become ready or cease to be. A gateway that was told of something since a moment was told of what changed then,
// if nothing else did.
type stirs struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	last  []stir // oldest first
	lost  time.Time
}

// stir is one change: of an object, or of a pod with a pod-template-hash.
type stir struct {
	at              time.Time
	namespace, name string
	hash            string
	mark            workload.Mark // of a release; empty where it bears none
}

func (s *stirs) note(o client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == mostStirs {
		s.lost = s.last[0].at
		s.last = slices.Delete(s.last, 0, 1)
	}
	mark, _ := workload.MarkOf(o)
	s.last = append(s.last, stir{at: s.clock.Now(), namespace: o.GetNamespace(), name: o.GetName(), hash: o.GetLabels()[workload.HashLabel], mark: mark})
}

// quiet says whether nothing has changed since a time but what is own.
func (s *stirs) quiet(since time.Time, own func(stir) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost.Before(since) {
		return false
	}
	return !slices.ContainsFunc(s.last, func(x stir) bool { return !x.at.Before(since) && !own(x) })
}

// watch has the changes of a cache noted.
func (s *stirs) watch(ctx context.Context, c cache.Cache) error {
	for _, o := range []client.Object{&corev1.Service{}, destinationRule(), &corev1.Pod{}} {
		informer, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err == nil {
			_, err = informer.AddEventHandler(s.handler())
		}
		if err != nil {
			return fmt.Errorf("watching %T: %w", o, err)
		}
	}
	return nil
}

func (s *stirs) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, initial bool) {
			if object, ok := o.(client.Object); ok && !initial && serves(object) {
				s.note(object)
			}
		},
		UpdateFunc: func(before, after any) {
			was, ok := before.(client.Object)
			is, too := after.(client.Object)
			if ok && too && was.GetResourceVersion() != is.GetResourceVersion() && (serves(was) != serves(is) || !isPod(is)) {
				s.note(is)
			}
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if object, ok := o.(client.Object); ok && serves(object) {
				s.note(object)
			}
		},
	}
}

func isPod(o client.Object) bool {
	_, ok := o.(*corev1.Pod)
	return ok
}

// serves says whether proxies know of the object: of a pod they do while it is ready.
func serves(o client.Object) bool {
	pod, ok := o.(*corev1.Pod)
	return !ok || direct.ProxyOf(pod, direct.GatewayPod, "").Ready
}
