package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// shop is what an application team has: a Deployment, a Service, and a VirtualService with settings of its own.
const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, labels: {team: payments}}
spec:
  replicas: 4
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: shop:1.0.0
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: checkout, labels: {team: payments}}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80, targetPort: http}]}
`

// route is the team's VirtualService at the gateway, for a host of the namespace's own.
const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout, annotations: {team: payments}}
spec:
  hosts: [%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - name: checkout
    timeout: 3s
    headers: {response: {add: {x-shop: "yes"}}}
    route:
    - destination: {host: checkout, port: {number: 80}}
`

// policy is quick: small objectives and short holds, for a load of a few dozen requests per second.
const policy = `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: %[1]s}
spec:
  steps:
  - {weight: "10%%", hold: 5s}
  - {weight: "50%%", hold: 5s}
  - {weight: "100%%", hold: 5s}
  pace: {type: Fixed}
  objectives: [{name: availability, indicator: Requests, target: "95%%"}]
  warmup: 1s
  workload: {readyWithin: %[2]s, drain: 2s}
`

// perSecond is the load of a story.
const perSecond = 60

// story is one team's Service on the mesh, under load and under management.
type story struct {
	t       *testing.T
	ns      string
	api     *rest.Config // the operator's way to the API server
	op      *operator
	loads   []*bed.Load
	others  bool // more is counted for the canary than its pods answer in the loads' records
	excused int  // the requests that a bystander lost as well, as told
	forgets bool // less than all may be counted for the canary, although the record says so of no time
	began   time.Time
	before  bed.Snapshot
}

// tell sets the story up: the objects as a team applies them, load, the annotation, and the operator that takes charge.
func tell(t *testing.T, extra ...string) *story {
	t.Helper()
	defer turn(t)()
	s := &story{t: t, ns: newNamespace(t), api: adm.config}
	s.hasPolicy()
	s.opens(extra...)
	return s
}

// hasPolicy makes the story's policy.
func (s *story) hasPolicy() {
	s.t.Helper()
	apply(s.t, s.ns, fmt.Sprintf(policy, s.ns, "60s"))
	s.t.Cleanup(func() { _ = exec.Command("kubectl", "delete", "shiftpolicy", s.ns).Run() }) // another story has another name
}

// opens applies the team's objects, and waits until the shop is open.
func (s *story) opens(extra ...string) {
	s.t.Helper()
	standsBy(s.t)
	if len(extra) == 0 {
		extra = []string{fmt.Sprintf(route, s.ns)}
	}
	apply(s.t, s.ns, shop+"\n---\n"+strings.Join(extra, "\n---\n"))
	waitFor(s.t, "the stable pods are ready", func() (bool, string) {
		out := kubectl(s.t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.status.availableReplicas}")
		return out == "4", out
	})
}

// under sends the story's load, by the gateway or by the client's sidecar, and waits until it is answered.
func (s *story) under(by, host string) {
	s.t.Helper()
	s.rate(by, host, perSecond)
}

// rate is under at another rate.
func (s *story) rate(by, host string, perSecond int) {
	s.t.Helper()
	load, err := bed.StartLoad(s.t.Context(), filepath.Join(s.t.TempDir(), "load.jsonl"), by, host, perSecond)
	if err != nil {
		s.t.Fatal(err)
	}
	s.loads = append(s.loads, load)
	s.t.Cleanup(func() {
		if err := load.Stop(); err != nil {
			s.t.Errorf("stopping the load: %v", err)
		}
		if s.t.Failed() && !s.began.IsZero() {
			n, by := s.lost()
			s.t.Logf("of the clients' requests since the operator took charge %d failed: %v", n, by)
			s.tellsLosses()
		}
	})
	waitFor(s.t, "the load is answered", func() (bool, string) {
		all := s.seconds(time.Now().Add(-3 * time.Second))
		return len(all) > 1 && all[len(all)-1].OK >= perSecond/2, fmt.Sprint(all)
	})
}

// manage annotates the Service and waits until the operator has taken charge.
func (s *story) manage(settings ...string) {
	s.t.Helper()
	s.before = s.snapshot()
	s.op = startOperatorBy(s.t, s.api, s.ns, settings...)
	kubectl(s.t, "-n", s.ns, "annotate", "service", "checkout", "stagger.dev/policy="+s.ns)
	s.until("the operator has taken charge", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	s.before = s.snapshot()
	s.began = time.Now()
	s.t.Cleanup(s.tellsTheTruth)
}

// gateway is the usual beginning: load by the gateway, then the annotation.
func (s *story) gateway(settings ...string) *story {
	s.t.Helper()
	s.under("gateway", s.ns+".example.com")
	s.manage(settings...)
	return s
}

// silence ends the load.
func (s *story) silence() {
	s.t.Helper()
	for _, load := range s.loads {
		if err := load.Stop(); err != nil {
			s.t.Errorf("stopping the load: %v", err)
		}
	}
}

// ship changes the image and the sample app's arguments in one write.
func (s *story) ship(tag string, args ...string) {
	s.t.Helper()
	patch := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"shop:%s","args":["%s"]}]}}}}`, tag, strings.Join(args, `","`))
	if len(args) == 0 {
		patch = fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"shop:%s","args":null}]}}}}`, tag)
	}
	kubectl(s.t, "-n", s.ns, "patch", "deployment", "checkout", "--type=strategic", "-p", patch)
}

// judgedBy replaces the story's policy.
func (s *story) judgedBy(spec string) *story {
	s.t.Helper()
	apply(s.t, s.ns, fmt.Sprintf("apiVersion: stagger.dev/v1alpha1\nkind: ShiftPolicy\nmetadata: {name: %s}\nspec: %s\n", s.ns, spec))
	return s
}

// push changes the image, as a team ships.
func (s *story) push(tag string) {
	s.t.Helper()
	kubectl(s.t, "-n", s.ns, "set", "image", "deployment/checkout", "app=shop:"+tag)
}

func (s *story) snapshot() bed.Snapshot {
	s.t.Helper()
	all, err := bed.TakeSnapshot(s.t.Context(), s.ns)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// seconds is what the clients saw from a time on, a load after the other.
func (s *story) seconds(from time.Time) []bed.Second {
	s.t.Helper()
	var all []bed.Second
	for _, load := range s.loads {
		seconds, err := load.Seconds(from)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, seconds...)
	}
	return all
}

// until waits for a fact of the TrafficShift.
func (s *story) until(what string, fact func(*v1alpha1.TrafficShift) bool) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.within(3*time.Minute, what, fact)
}

// promotion is how long a healthy version may take by proof.
const promotion = 20 * time.Minute

// within is until with a limit of its own.
func (s *story) within(limit time.Duration, what string, fact func(*v1alpha1.TrafficShift) bool) *v1alpha1.TrafficShift {
	s.t.Helper()
	x := &v1alpha1.TrafficShift{}
	waitWithin(s.t, limit, what, func() (bool, string) {
		x = &v1alpha1.TrafficShift{}
		if err := adm.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "checkout"}, x); err != nil {
			return false, err.Error()
		}
		return fact(x), describe(x)
	})
	return x
}

// ended waits for the end of a release.
func (s *story) ended(number int64, state v1alpha1.ReleaseState) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until(fmt.Sprintf("release %d is %s", number, state), func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release
		if r != nil && r.Number == number && r.State.Ended() && r.State != state {
			s.t.Fatalf("release %d ended %s", number, describe(x))
		}
		return r != nil && r.Number == number && r.State == state
	})
}

// step waits until a release has reached a step.
func (s *story) step(number int64, step int32) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until(fmt.Sprintf("release %d is at step %d", number, step), func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release
		return r != nil && r.Number == number && r.Step >= step
	})
}

// live waits until a weight is what the proxies do.
func (s *story) live(weight string) *v1alpha1.TrafficShift {
	s.t.Helper()
	return s.until(weight+" of the traffic is live", func(x *v1alpha1.TrafficShift) bool {
		r := x.Status.Release
		return r != nil && string(r.Weight) == weight && r.SettledAt != nil
	})
}

// meets waits until clients have met a version so often since a time.
func (s *story) meets(version string, times int, from time.Time) {
	s.t.Helper()
	waitWithin(s.t, 3*time.Minute, fmt.Sprintf("clients have met %s %d times", version, times), func() (bool, string) {
		met := bed.Met(s.seconds(from))
		return met[version] >= times, fmt.Sprint(met)
	})
}

func ready(x *v1alpha1.TrafficShift) string {
	if c := meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return string(c.Status)
	}
	return ""
}

func describe(x *v1alpha1.TrafficShift) string {
	out := "ready " + ready(x)
	for _, c := range x.Status.Conditions {
		out += fmt.Sprintf("; %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	if r := x.Status.Release; r != nil {
		out += fmt.Sprintf("; release %d %s step %d %s, %d requests counted, outcome %+v", r.Number, r.State, r.Step, r.Weight, r.Exposed, r.Outcome)
	}
	return out
}

// restored checks that everything but the Deployment is as the user wrote it, and that nothing of ours is left.
func (s *story) restored() {
	s.t.Helper()
	waitFor(s.t, "the user's objects are as before", func() (bool, string) {
		now, was := s.snapshot(), s.before
		delete(now, "Deployment/checkout")
		was = clone(was)
		delete(was, "Deployment/checkout")
		diff := was.Diff(now)
		return diff == "", diff
	})
}

func clone(a bed.Snapshot) bed.Snapshot {
	out := bed.Snapshot{}
	for k, v := range a {
		out[k] = v
	}
	return out
}

// deployment is the Deployment's image and whether it is paused.
func (s *story) deployment() string {
	s.t.Helper()
	return kubectl(s.t, "-n", s.ns, "get", "deployment", "checkout", "-o", "jsonpath={.spec.template.spec.containers[0].image} paused={.spec.paused}")
}

// pods are the names of the pods that are there.
func (s *story) pods() map[string]bool {
	s.t.Helper()
	var pods corev1.PodList
	if err := adm.client.List(s.t.Context(), &pods, client.InNamespace(s.ns)); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			out[p.Name] = true
		}
	}
	return out
}

// lost is how many requests failed since the operator took charge, of which versions.
func (s *story) lost() (int, map[string]int) {
	s.t.Helper()
	return bed.Failed(s.ours(s.began))
}

// losesNothing checks that no request has failed since the operator took charge.
func (s *story) losesNothing() {
	s.t.Helper()
	n, by := s.lost()
	if n == 0 {
		return
	}
	s.t.Errorf("%d requests failed: %v", n, by)
}

// tellsLosses logs the first seconds in which requests failed, with the answers by code and by version.
func (s *story) tellsLosses() {
	s.t.Helper()
	told := 0
	for _, second := range s.seconds(s.began) {
		if second.Failed > 0 && told < 10 {
			told++
			s.t.Logf("at %s: %+v", time.Unix(second.T, 0).UTC().Format(time.TimeOnly), second)
		}
	}
}

// people calls the plugin, and checks what it says, with its exit status, and whether it is content.
func (s *story) people(ok bool, want string, args ...string) {
	s.t.Helper()
	if out, err := plugin(s.t, s.ns, args...); !strings.Contains(fmt.Sprint(out, err), want) || (err == nil) != ok {
		s.t.Fatalf("kubectl stagger %s: %v, %s", strings.Join(args, " "), err, out)
	}
}

// neverAgain checks, from the clients' own record, that a version got no traffic from a time on.
func (s *story) neverAgain(version string, from time.Time) {
	s.t.Helper()
	for _, second := range s.seconds(from) {
		if c, met := second.ByVersion[version]; met && c.OK+c.Failed > 0 {
			s.t.Errorf("%d requests met version %s at %d, after its abort", c.OK+c.Failed, version, second.T)
		}
	}
}
