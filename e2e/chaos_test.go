package e2e

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/e2e/chaos"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var (
	chaosFor = flag.Duration("chaos", 0, "begin releases in chaos for so long, a seed after the other")
	seeds    = flag.String("seeds", "", "the seeds of the chaos, with spaces between them; empty: from one on that nobody knows")
)

// enduring lasts long enough to be disturbed, and waits longer for pods than any fault lasts.
const enduring = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 5m, drain: 2s},
  steps: [{weight: "10%", hold: 10s}, {weight: "50%", hold: 10s}, {weight: "100%", hold: 10s}],
  objectives: [{name: availability, indicator: Requests, target: "95%"}]}`

// aftermath is how long after a fault requests that it met may still fail: a client waits 10 s for an answer.
const aftermath = 12 * time.Second

// A healthy and a bad release, in a mesh that is killed and paused piece by piece.
func TestReleasesEndAsTheyShouldInChaos(t *testing.T) {
	t.Parallel()
	if !onItsOwnMesh(t) {
		return
	}
	if err := install(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{21, 5} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { inChaos(t, chaos.New(seed)) })
	}
}

// TestChaos tells seed after seed, on a mesh where nothing else is told.
func TestChaos(t *testing.T) {
	if *chaosFor == 0 {
		t.Skip("it breaks the mesh of the other stories: make chaos tells it")
	}
	chosen := strings.Fields(*seeds)
	began, next := time.Now(), uint64(time.Now().Unix())
	for n := 0; time.Since(began) < *chaosFor && (len(chosen) == 0 || n < len(chosen)); n++ {
		seed := next + uint64(n)
		if len(chosen) > 0 {
			var err error
			if seed, err = strconv.ParseUint(chosen[n], 10, 64); err != nil {
				t.Fatalf("-seeds: %q is no whole number", chosen[n])
			}
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { inChaos(t, chaos.New(seed)) })
	}
}

// inChaos tells of the release of a plan.
func inChaos(t *testing.T, p chaos.Plan) {
	t.Logf("%s", p)
	s := tell(t).judgedBy(enduring).faulty()
	s.spreads()
	s.gateway(s.faultyPrometheus(), s.sharedLease())
	s.forgets = slices.ContainsFunc(p.Events, chaos.Event.CostsCounts)
	if p.Bad {
		s.ship("1.1.0", fmt.Sprintf("--error-rate=%g", p.ErrorRate), "--error-after="+p.BadFrom.String())
	} else {
		s.ship("1.1.0")
	}
	var excused []bed.Span
	for _, e := range p.Events {
		s.reaches(e.Phase)
		s.passes(e.After)
		t.Logf("at %s: %s", time.Now().UTC().Format(time.TimeOnly), e)
		from := time.Now()
		if s.bears(e); e.CostsRequests() {
			excused = append(excused, bed.Span{From: from, To: time.Now().Add(aftermath)})
		}
	}
	x := s.within(promotion, "the release has ended", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release != nil && x.Status.Release.State.Ended()
	})
	gone := time.Now().Add(aftermath) // istiod may come back to an API server that was away later than the operator does
	if wrong := p.Wrong(*x.Status.Release.Outcome); wrong != "" {
		t.Error(wrong)
	}
	s.restored()
	version, paused := "", pausedAtRest(t)
	if p.Bad {
		version, paused = "1.1.0", "true"
		s.meets("1.0.0", 3*perSecond, gone)
		s.neverAgain(version, gone)
	}
	waitFor(t, "the Deployment is as it was left", func() (bool, string) { got := s.deployment(); return got == "shop:1.1.0 paused="+paused, got })
	if n := bed.Lost(s.ours(s.began), version, excused...); n > 0 {
		t.Errorf("%d requests failed that no fault met and no bad version answered", n)
		s.tellsLosses()
	}
}

// spreads has the pods of the team's Deployment on both nodes.
func (s *story) spreads() {
	s.t.Helper()
	kubectl(s.t, "-n", s.ns, "patch", "deployment", "checkout", "--type=merge", "-p", `{"spec":{"template":{"spec":{"topologySpreadConstraints":[
  {"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"checkout"}}}]}}}}`)
	kubectl(s.t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=5m")
}

// reaches waits until the release is so far, or has ended before.
func (s *story) reaches(p chaos.Phase) {
	s.t.Helper()
	s.within(promotion, "the release has reached "+p.String(), func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release
		if r == nil {
			return p == chaos.Pushed
		}
		return r.Outcome != nil || map[chaos.Phase]bool{
			chaos.Pushed: true, chaos.First: r.Step >= 1 && r.SettledAt != nil, chaos.Half: r.Step >= 2, chaos.Full: r.Step >= 3,
		}[p]
	})
}

// passes waits for a time to pass, which is what a plan asks for.
func (s *story) passes(d time.Duration) {
	s.t.Helper()
	over := time.Now().Add(d)
	waitWithin(s.t, d+time.Minute, d.String()+" have passed", func() (bool, string) { return time.Now().After(over), "" })
}

// bears has an event happen, and waits until it is over and all that ended by it runs again.
func (s *story) bears(e chaos.Event) {
	s.t.Helper()
	undo := s.disturbs(e)
	over := sync.OnceFunc(func() {
		if err := undo(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Errorf("ending %s: %v", e, err)
		}
	})
	s.t.Cleanup(over) // also of a story that fails meanwhile
	s.passes(e.For)
	over()
	waitFor(s.t, "the API server is ready", func() (bool, string) {
		revived, err := bed.Revive(s.t.Context())
		if len(revived) > 0 {
			s.t.Logf("%v ended by themselves, and were started again", revived)
		}
		if err != nil {
			return false, err.Error()
		}
		out, err := try(s.t.Context(), "", "get", "--raw", "/readyz")
		return err == nil, fmt.Sprint(out, err)
	})
}

// disturbs begins an event, and returns what ends it.
func (s *story) disturbs(e chaos.Event) func(context.Context) error {
	s.t.Helper()
	const writes = "--verb=create,update,patch,delete"
	switch e.Kind {
	case chaos.Pause:
		if e.Of == chaos.Operator {
			s.does(s.op.process.Pause())
			return func(context.Context) error { return s.op.process.Continue() }
		}
		return s.turns(e.Of, "pause", "resume")
	case chaos.Kill:
		if e.Of == chaos.Operator {
			s.op.kill()
			return func(context.Context) error { s.op.start(); return nil }
		}
		return s.turns(e.Of, "kill", "start")
	case chaos.Refuse:
		return s.orders(writes, fmt.Sprintf("--status=%d", e.Status), "--message=refused in chaos")
	case chaos.Slow:
		return s.orders(writes, "--delay="+e.By.String())
	case chaos.Lose:
		return s.orders(writes, "--break")
	case chaos.Hang:
		return s.orders(writes, "--hang")
	case chaos.Stall:
		return s.orders("--verb=watch", "--stall")
	case chaos.Clock:
		s.spoil("--ahead=" + e.By.String())
		return func(ctx context.Context) error { return bed.SpoilPrometheus(ctx, s.ns, "--clear") }
	case chaos.Drain:
		return s.drains(firstNode)
	}
	s.t.Fatalf("nobody knows how to %s", e)
	return nil
}

func (s *story) does(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// turns does one thing to a component now, and another when it is over.
func (s *story) turns(component, now, later string) func(context.Context) error {
	s.t.Helper()
	s.does(bed.Disturb(s.t.Context(), now, component))
	return func(ctx context.Context) error { return bed.Disturb(ctx, later, component) }
}

// orders has a fault come for all requests of the story's operator, in the words of `localmesh fault api`.
func (s *story) orders(rule ...string) func(context.Context) error {
	s.t.Helper()
	f, err := bed.OrderFault(s.t.Context(), rule...)
	s.does(err)
	return f.Clear
}

// firstNode is the one that has the pods which are not spread.
const firstNode = "node-1"

// drains cordons a node and evicts the story's pods from it, and returns what uncordons it.
func (s *story) drains(node string) func(context.Context) error {
	s.t.Helper()
	kubectl(s.t, "cordon", node)
	var pods corev1.PodList
	s.does(adm.client.List(s.t.Context(), &pods, client.InNamespace(s.ns)))
	for _, p := range pods.Items {
		if p.Spec.NodeName == node && p.DeletionTimestamp == nil {
			s.does(client.IgnoreNotFound(evict(s.t.Context(), &p)))
		}
	}
	return func(ctx context.Context) error {
		_, err := try(ctx, "", "uncordon", node)
		return err
	}
}

// evict asks the API server to evict a pod, which a disruption budget may forbid.
func evict(ctx context.Context, p *corev1.Pod) error {
	return adm.client.SubResource("eviction").Create(ctx, p, &policyv1.Eviction{})
}
