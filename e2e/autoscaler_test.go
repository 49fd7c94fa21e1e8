package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Each request takes 10 ms of a cpu, each pod asks for 200m, and the autoscaler wants pods to use half of that: a pod for every ten
// requests a second. Of memory a pod always holds half of what it asks for.
const (
	using = `{"spec":{"template":{"spec":{"containers":[{"name":"app","args":["--cpu=10ms","--memory=16Mi"],
  "resources":{"requests":{"cpu":"200m","memory":"32Mi"}}}]}}}}`
	autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: checkout}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: checkout}
  minReplicas: 2
  maxReplicas: %d
  metrics: [{type: Resource, resource: {name: %s, target: {type: Utilization, averageUtilization: %d}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 10}}
`
	justified = perSecond / 10
)

// autoscaled is a story whose number of pods is what an autoscaler has found.
func autoscaled(t *testing.T, most int, resource string, target, found int) *story {
	t.Helper()
	s := tell(t)
	kubectl(t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p", using)
	s.serve(4)
	s.under("gateway", s.ns+".example.com")
	apply(t, s.ns, fmt.Sprintf(autoscaler, most, resource, target))
	s.scaled("what it has found", found-1, found+1)
	return s
}

// scaled waits until an autoscaler wants so many pods, and they serve.
func (s *story) scaled(what string, least, most int) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("the autoscaler wants %s, %d to %d pods", what, least, most), func() (bool, string) {
		out := kubectl(s.t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.spec.replicas} {.status.availableReplicas}")
		wants, serve, _ := strings.Cut(out, " ")
		n, err := strconv.Atoi(wants)
		return err == nil && wants == serve && least <= n && n <= most, out + "; " +
			kubectl(s.t, "-n", s.ns, "get", "hpa", "checkout", "-o", "jsonpath={.status.conditions[*].message}")
	})
}

// most watches the pods from now on, and tells how many there were at once at most, those that end left aside.
func (s *story) most() func() int {
	s.t.Helper()
	w, err := adm.client.Watch(s.t.Context(), &corev1.PodList{}, client.InNamespace(s.ns))
	if err != nil {
		s.t.Fatalf("watching pods: %v", err)
	}
	s.t.Cleanup(w.Stop)
	var mu sync.Mutex
	most, there := 0, map[string]bool{}
	go func() {
		for event := range w.ResultChan() {
			p, ok := event.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			mu.Lock()
			if event.Type == watch.Deleted || p.DeletionTimestamp != nil {
				delete(there, p.Name)
			} else {
				there[p.Name] = true
			}
			most = max(most, len(there))
			mu.Unlock()
		}
	}()
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return most
	}
}

// crowds lets one story at a time have dozens of pods: several of them leave too little of a small machine for answers within their time.
var crowds sync.Mutex

func crowded(t *testing.T) {
	t.Helper()
	crowds.Lock()
	t.Cleanup(crowds.Unlock)
}

// An autoscaler counts the pods of both versions, which carry the same labels. While the load is the same, neither it nor the release makes
// more of them than each version needs to carry all of it.
func TestAnAutoscalerThatCountsBothVersionsDoesNotFeedBack(t *testing.T) {
	t.Parallel()
	crowded(t)
	s := autoscaled(t, 40, "cpu", 50, justified)
	s.manage()
	most := s.most()
	s.push("1.1.0")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.scaled("the same as before", justified-1, justified+1)
	t.Logf("%d pods at most, for a load that needs %d of one version", most(), justified)
	if n := most(); n > 2*(justified+1) {
		t.Errorf("there were %d pods, want at most %d for each version", n, justified+1)
	}
	s.losesNothing()
}

// In the middle of a release the load becomes four times what it was and falls back, and the autoscaler follows it both ways. It wants no more
// than the load needs with the canary's pods counted in.
func TestAnAutoscalerFollowsTheLoadInTheMiddle(t *testing.T) {
	t.Parallel()
	crowded(t)
	s := autoscaled(t, 40, "cpu", 50, justified).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`)
	s.manage()
	most := s.most()
	s.push("1.1.0")
	s.live("50%")
	more, err := bed.StartLoad(t.Context(), filepath.Join(t.TempDir(), "more.jsonl"), "gateway", s.ns+".example.com", 3*perSecond)
	if err != nil {
		t.Fatal(err)
	}
	s.loads = append(s.loads, more)
	s.scaled("as many for four times the load", 3*justified-1, 4*justified+2)
	if err := more.Stop(); err != nil {
		t.Fatalf("stopping the load: %v", err)
	}
	s.scaled("as many as before", justified-1, justified+1)
	if x := s.live("50%"); x.Status.Release.State != v1alpha1.StateShifting {
		t.Errorf("the release did not stay where it was: %s", describe(x))
	}
	s.people(true, "release 1 told to leave 50%", "promote", "checkout", "--reason", "the load has gone")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.scaled("the same as before", justified-1, justified+1)
	t.Logf("%d pods at most, for a load that needed %d of one version", most(), 4*justified)
	if n := most(); n > 5*(justified+1) {
		t.Errorf("there were %d pods: more than the load needs of the stable, and of the canary as many as before", n)
	}
	s.losesNothing()
}

// What a pod holds of memory does not get less by more pods. An autoscaler that goes by it wants more of them for each pod of the canary, up to
// its own bound and no further; the release is promoted all the same, and afterwards there are as many as before.
func TestAnAutoscalerByMemoryEndsWhereItBegan(t *testing.T) {
	t.Parallel()
	crowded(t)
	const bound = 12
	s := autoscaled(t, bound, "memory", 60, 4)
	s.manage()
	most := s.most()
	s.push("1.1.0")
	s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	s.scaled("no more than before", 4, 5)
	t.Logf("%d pods at most, of an autoscaler that may want %d", most(), bound)
	if n := most(); n > 2*bound {
		t.Errorf("there were %d pods, want at most %d for each version", n, bound)
	}
	s.losesNothing()
}
