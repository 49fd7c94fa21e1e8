package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// takeover is within which another operator works in the place of one that is gone.
const takeover = 15 * time.Second

// sharedLease is the setting by which all operators of the story share a Lease, which is kept and renewed as shipped.
func (s *story) sharedLease() string {
	return fmt.Sprintf("leaderElection={id: %s, namespace: %s}", s.ns, operatorNamespace)
}

// leader is which of the operators that share the Lease leads.
func (s *story) leader() string {
	s.t.Helper()
	var lease coordinationv1.Lease
	if err := adm.client.Get(s.t.Context(), client.ObjectKey{Namespace: operatorNamespace, Name: s.ns}, &lease); err != nil {
		s.t.Fatalf("reading the Lease: %v", err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// shares watches the routes from now on, and tells which percentages of the traffic were given to the canary, in order.
func (s *story) shares() func() []int64 {
	s.t.Helper()
	var routes unstructured.UnstructuredList
	routes.SetGroupVersionKind(schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualServiceList"})
	w, err := adm.client.Watch(s.t.Context(), &routes, client.InNamespace(s.ns))
	if err != nil {
		s.t.Fatalf("watching routes: %v", err)
	}
	s.t.Cleanup(w.Stop)
	var mu sync.Mutex
	all := []int64{0}
	go func() {
		for event := range w.ResultChan() {
			o, ok := event.Object.(*unstructured.Unstructured)
			if !ok || event.Type == watch.Deleted { // what is deleted gives nothing any more, whatever it said last
				continue
			}
			mu.Lock()
			if share := canaryShare(o); share != all[len(all)-1] {
				all = append(all, share)
			}
			mu.Unlock()
		}
	}()
	return func() []int64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// canaryShare is the percentage of its traffic that the first route of a VirtualService gives to the canary.
func canaryShare(o *unstructured.Unstructured) int64 {
	routes, _, _ := unstructured.NestedSlice(o.Object, "spec", "http")
	if len(routes) == 0 {
		return 0
	}
	first, ok := routes[0].(map[string]any)
	if !ok {
		return 0
	}
	var canary, whole int64
	destinations, _, _ := unstructured.NestedSlice(first, "route")
	for _, d := range destinations {
		to, ok := d.(map[string]any)
		if !ok {
			continue
		}
		weight, _, _ := unstructured.NestedInt64(to, "weight")
		host, _, _ := unstructured.NestedString(to, "destination", "host")
		if whole += weight; strings.HasPrefix(host, "checkout-canary") {
			canary += weight
		}
	}
	return canary * 100 / max(whole, 1)
}

// lapse is what happens to the operator that leads, while one of its writes is under way.
type lapse struct {
	stopped time.Duration // by SIGSTOP, and it goes on; 0: it is killed
	of      string        // the resource that is written, as in a role; empty: any
	skip    int           // how many writes of it come first
	tag     string        // of the version that is released
	shares  []int64       // that the canary is given
}

func (l lapse) String() string {
	how := "killed"
	if l.stopped > 0 {
		how = "stopped for " + l.stopped.String()
	}
	return fmt.Sprintf("%s at write %d of %s, %s", how, l.skip, l.of, l.tag)
}

const (
	good = "1.1.0"
	bad  = "1.1.0-errors"
)

var (
	promotedOnce = []int64{0, 10, 50, 100, 0}
	abortedOnce  = []int64{0, 10, 0}
)

// Of two operators the one that leads is lost in the middle of a write: the other goes on in its time. A write of one that was only stopped
// arrives when the other has gone on. Each weight is given once, and the release ends as it should.
func TestAnotherOperatorGoesOnWhereALeaderIsLost(t *testing.T) {
	t.Parallel()
	for _, l := range []lapse{
		{of: "virtualservices", tag: good, shares: promotedOnce},
		{stopped: 8 * time.Second, of: "virtualservices", skip: 1, tag: good, shares: promotedOnce},
		{stopped: 20 * time.Second, of: "virtualservices", tag: good, shares: promotedOnce},
		{stopped: 20 * time.Second, of: "virtualservices", skip: 1, tag: bad, shares: abortedOnce},
	} {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			if !l.tell(t) {
				t.Error("the release ended before that write")
			}
		})
	}
}

// TestSoakTheLeaderIsLostBetweenAnyTwoWrites tells it for one write after the other, until a release has no more of them.
func TestSoakTheLeaderIsLostBetweenAnyTwoWrites(t *testing.T) {
	if !*soak {
		t.Skip("it takes hours: -soak tells it")
	}
	for tag, shares := range map[string][]int64{good: promotedOnce, bad: abortedOnce} {
		stops := []time.Duration{0, 20 * time.Second, 8 * time.Second, time.Minute}
		for skip, more := 0, true; more; skip++ {
			l := lapse{stopped: stops[skip%len(stops)], skip: skip, tag: tag, shares: shares}
			t.Run(l.String(), func(t *testing.T) { more = l.tell(t) })
		}
	}
}

// tell tells the story of a lapse, and says whether the release had that write.
func (l lapse) tell(t *testing.T) bool {
	t.Helper()
	s := tell(t).faulty()
	s.gateway(s.sharedLease())
	startOperatorBy(t, s.api, s.ns, s.sharedLease()) // waits to lead
	shares, first := s.shares(), s.leader()
	rule := []string{"--namespace=" + s.ns, "--verb=create,update,patch,delete", fmt.Sprintf("--skip=%d", l.skip), "--count=1", "--delay=1h"}
	if l.of != "" {
		rule = append(rule, "--resource="+l.of)
	}
	held, err := bed.OrderFault(t.Context(), rule...)
	s.does(err)
	arrive := sync.OnceFunc(func() {
		if err := held.Clear(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(arrive)
	s.push(l.tag)
	met := s.meetsOrEnds(held)
	if met {
		l.happens(s, arrive, first)
	}
	end := v1alpha1.StatePromoted
	if l.tag == bad {
		end = v1alpha1.StateAborted
	}
	s.ended(1, end)
	s.restored()
	waitFor(t, "each weight is given once", func() (bool, string) { got := shares(); return slices.Equal(got, l.shares), fmt.Sprint(got) })
	if n := bed.Lost(s.ours(s.began), bad); n > 0 {
		t.Errorf("%d requests failed that no bad version answered", n)
		s.tellsLosses()
	}
	s.silence()
	return met
}

// meetsOrEnds waits until a write is held, and says whether that was before the end of the release.
func (s *story) meetsOrEnds(held *bed.Fault) (met bool) {
	s.t.Helper()
	s.within(promotion, "the write is under way", func(x *v1alpha1.TrafficShift) bool {
		n, err := held.Struck(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		met = n > 0
		return met || x.Status.Release != nil && x.Status.Release.State.Ended() && x.Status.Release.Counted.Final
	})
	return met
}

// happens loses the first leader, whose write is held until it may arrive, and waits for what shall follow.
func (l lapse) happens(s *story, arrive func(), first string) {
	s.t.Helper()
	lost := time.Now()
	if l.stopped == 0 {
		s.op.kill()
	} else {
		s.does(s.op.process.Pause())
	}
	if l.stopped == 0 || l.stopped > takeover {
		waitWithin(s.t, takeover, "the other operator leads", func() (bool, string) {
			now := s.leader()
			return now != first && now != "", now
		})
		s.t.Logf("%s: another leads after %s", l, time.Since(lost).Round(100*time.Millisecond))
	}
	if l.stopped == 0 {
		s.op.start()
		return
	}
	s.passes(l.stopped - time.Since(lost))
	arrive()
	s.does(s.op.process.Continue())
}
