package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// tenant is somebody who may edit his namespace, with its routes, and nothing else.
type tenant struct {
	*story
	user   string
	victim string // the namespace of another tenant
}

const (
	// attacks are VirtualServices in a tenant's namespace by which he tries to end, to hold or to spoil releases of another: three have marks of such
	// a release, now or to come, one of them by the megabyte; one covers the other's hosts, for its own callers; one has routes to steal.
	attacks = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: aborted, annotations: {stagger.dev/release: %[2]s/checkout 1, stagger.dev/aborted: %[2]s/checkout 1}}
spec:
  hosts: [aborted-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http: [{route: [{destination: {host: checkout.%[2]s.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: for-ever, annotations: {stagger.dev/aborted: %[2]s/checkout 999999}}
spec:
  hosts: [for-ever-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http: [{route: [{destination: {host: checkout-canary.%[2]s.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: huge, annotations: {stagger.dev/release: %[2]s/checkout 1, stagger.dev/routes: %[3]s}}
spec:
  hosts: [huge-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http: [{route: [{destination: {host: checkout.%[2]s.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: everything}
spec: {hosts: ["*.%[2]s.svc.cluster.local"], exportTo: ["."], http: [{route: [{destination: {host: checkout}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: stolen}
spec:
  hosts: [stolen-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - route:
    - {destination: {host: checkout.%[2]s.svc.cluster.local}, weight: 100}
    - {destination: {host: checkout-canary.%[2]s.svc.cluster.local}, weight: 0}
`
	// offers are VirtualServices that let the other's releases write them, which nobody has asked for: one with the marks of an aborted release, and
	// one with a route to the other's Service that gives weight to a canary which is not there.
	offers = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: offered
  annotations: {stagger.dev/allow: %[2]s, stagger.dev/release: %[2]s/checkout 1, stagger.dev/aborted: %[2]s/checkout 1}
spec: {hosts: [offered-%[1]s.example.com], gateways: [istio-ingress/gw], http: [{route: [{destination: {host: checkout}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: uninvited, annotations: {stagger.dev/allow: %[2]s}}
spec:
  hosts: [uninvited-%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - route:
    - {destination: {host: checkout.%[2]s.svc.cluster.local}, weight: 50}
    - {destination: {host: checkout-canary.%[2]s.svc.cluster.local}, weight: 50}
`
	// impostors are a Service and a ReplicaSet with the marks of the other's release.
	impostors = `
apiVersion: v1
kind: Service
metadata:
  name: impostor
  labels: {app.kubernetes.io/managed-by: stagger, stagger.dev/narrowed: abc123}
  annotations: {stagger.dev/release: %[1]s/checkout 1, stagger.dev/aborted: "1"}
spec: {selector: {app: checkout, pod-template-hash: abc123}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: impostor, annotations: {stagger.dev/release: %[1]s/checkout 1}}
spec:
  replicas: 0
  selector: {matchLabels: {app: impostor}}
  template: {metadata: {labels: {app: impostor}}, spec: {containers: [{name: app, image: "shop:1.0.0"}]}}
`
	// thief is a TrafficShift over the other's Services, commanded and paused in another's name.
	thief = `
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: thief, annotations: {stagger.dev/command: abort 1 t1, ` + forged + `}}
spec:
  control: Paused
  policyRef: {name: %[1]s}
  destinations:
    stable: {host: checkout.%[2]s.svc.cluster.local}
    canary: {host: checkout-canary.%[2]s.svc.cluster.local}
    revision: "1"
`
	// unreadable is a policy with a selector that the API server takes, and Prometheus would not.
	unreadable = `
apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: unreadable-%[1]s}
spec:
  steps: [{weight: "100%%", hold: 1m}]
  objectives:
  - name: orders
    indicator: Custom
    target: "99%%"
    custom: {total: 'orders_total{path=~"*",{{selector}}}', bad: 'orders_total{path=~"*",result="error",{{selector}}}'}
`
)

// neighbour is another tenant of the mesh, who may edit his namespace. He has a Service under load.
func (s *story) neighbour() *tenant {
	s.t.Helper()
	defer turn(s.t)()
	n := &tenant{&story{t: s.t, ns: newNamespace(s.t), api: s.api}, "", s.ns}
	n.user = "mallory-" + n.ns
	n.hasPolicy()
	n.judgedBy(middling)
	n.opens()
	const routes = "--resource=virtualservices.networking.istio.io,destinationrules.networking.istio.io"
	kubectl(s.t, "-n", n.ns, "create", "role", "routes", "--verb=get,list,watch,create,update,patch,delete", routes)
	kubectl(s.t, "-n", n.ns, "create", "rolebinding", "routes", "--role=routes", "--user="+n.user)
	kubectl(s.t, "-n", n.ns, "create", "rolebinding", "edit", "--clusterrole=edit", "--user="+n.user)
	waitFor(s.t, "the bindings count", func() (bool, string) {
		edits, routes := may(s.t, n.user, n.ns, "patch stagger.dev/trafficshifts"), may(s.t, n.user, n.ns, "create networking.istio.io/virtualservices")
		return edits && routes, fmt.Sprint(edits, routes)
	})
	n.rate("gateway", n.ns+".example.com", 20)
	return n
}

// does has the tenant call kubectl in his namespace; it must be done.
func (n *tenant) does(input string, args ...string) {
	n.t.Helper()
	if out, err := try(n.t.Context(), input, append([]string{"--as", n.user, "-n", n.ns}, args...)...); err != nil {
		n.t.Fatalf("kubectl %s as %s: %v %s", strings.Join(args, " "), n.user, err, out)
	}
}

// mayNot has the tenant try what he has no right to.
func (n *tenant) mayNot(input string, args ...string) {
	n.t.Helper()
	if out, err := try(n.t.Context(), input, append([]string{"--as", n.user}, args...)...); err == nil || !strings.Contains(err.Error(), "orbidden") {
		n.t.Errorf("kubectl %s as %s: %v %s; want it forbidden", strings.Join(args, " "), n.user, err, out)
	}
}

// releases has the tenant release a version of his own, which stays at its first step: the other's is asked about in the same questions.
func (n *tenant) releases() {
	n.t.Helper()
	n.does("", "annotate", "service", "checkout", "stagger.dev/policy="+n.ns)
	n.until("the operator has taken charge of the neighbour's Service", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
	n.does("", "set", "image", "deployment/checkout", "app=shop:2.0.0")
	n.live("30%")
}

// lies has a pod of the tenant's tell in its metrics that both versions of the other fail, and of his own Service what no counter can say. The
// sample app cannot, so this program serves them, and Prometheus scrapes it by the labels of such a pod. It says false where nobody is scraped so:
// on another cluster.
func (n *tenant) lies() bool {
	n.t.Helper()
	if bed.Scraped() == "" {
		n.t.Log("no lies are told: on this cluster nobody says whom Prometheus scrapes")
		return false
	}
	began := time.Now()
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seconds := time.Since(began).Seconds()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, err := fmt.Fprintln(w, "# TYPE istio_requests_total counter")
		for _, arm := range []string{"checkout", "checkout-canary"} {
			err = errors.Join(err, claims(w, n.victim, arm, "500", float64(int(100*seconds))), claims(w, n.ns, arm, "200", 1e13*seconds))
		}
		if err != nil {
			n.t.Logf("telling lies: %v", err) // Prometheus went away
		}
	}))
	n.t.Cleanup(pod.Close)
	end, err := bed.Scrape("mallory-"+n.ns, pod.Listener.Addr().String(), map[string]string{"job": "pods", "namespace": n.ns, "pod": "mallory"})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := end(); err != nil {
			n.t.Error(err)
		}
	})
	waitFor(n.t, "the lies are scraped", func() (bool, string) {
		told, err := bed.Ask(n.t.Context(), prometheus(),
			fmt.Sprintf(`istio_requests_total{pod="mallory",namespace=%q,destination_service_namespace=%q}`, n.ns, n.victim))
		return len(told) == 2, fmt.Sprint(told, err)
	})
	return true
}

// claims tells of requests to a Service, as a proxy of their caller would.
func claims(w http.ResponseWriter, namespace, name, code string, requests float64) error {
	_, err := fmt.Fprintf(w, `istio_requests_total{reporter="source",source_workload="mallory",request_protocol="http",response_flags="-",`+
		`destination_service_namespace=%q,destination_service_name=%q,response_code=%q} %g`+"\n", namespace, name, code, requests)
	return err
}

// routes are what has become of the tenant's attacks by them.
func (n *tenant) routes() string {
	n.t.Helper()
	all := kubectl(n.t, "-n", n.ns, "get", "virtualservices", "aborted", "for-ever", "huge", "everything", "stolen", "offered",
		"-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.annotations} {.spec}{"\n"}{end}`)
	all += kubectl(n.t, "-n", n.ns, "get", "virtualservice", "uninvited", // whose mark of an abort comes and goes by its owner
		"-o", `jsonpath={.metadata.annotations.stagger\.dev/release} {.metadata.annotations.stagger\.dev/routes} {.spec}`)
	return strings.ReplaceAll(all, huge, "huge")
}

// huge is nearly all that annotations may hold.
var huge = strings.Repeat("x", 200_000)

// again repeats one of the attacks, so that it wakes whom it should not concern. The first is the mark that would hold the release.
func (n *tenant) again(i int) {
	n.t.Helper()
	now := fmt.Sprintf("t%d", i)
	switch i % 5 {
	case 0:
		n.does("", "annotate", "--overwrite", "virtualservice", "uninvited", "stagger.dev/aborted="+n.victim+"/checkout 1", "turn="+now)
	case 1:
		n.does("", "label", "--overwrite", "virtualservice", "aborted", "turn="+now)
	case 2:
		n.does("", "annotate", "--overwrite", "service", "impostor", "turn="+now)
	case 3:
		n.does("", "annotate", "--overwrite", "trafficshift", "thief", "stagger.dev/commanded-by="+now+" somebody")
	default:
		n.does("", "label", "--overwrite", "virtualservice", "for-ever", "turn="+now)
	}
}

// caught checks what became of what the design names or takes back: the theft, the names in it, and what the impostor selects.
func (n *tenant) caught() {
	n.t.Helper()
	var x v1alpha1.TrafficShift
	waitFor(n.t, "the theft is refused by name", func() (bool, string) {
		x = v1alpha1.TrafficShift{}
		err := adm.client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: "thief"}, &x)
		said := describe(&x)
		return err == nil && strings.Contains(said, "is a Service of namespace "+n.victim), fmt.Sprint(said, err)
	})
	if x.Status.Release != nil {
		n.t.Errorf("the theft has begun: %s", describe(&x))
	}
	by, pausedBy := x.Annotations[v1alpha1.CommandedByAnnotation], x.Annotations[v1alpha1.ControlledByAnnotation]
	if !strings.HasSuffix(by, " "+n.user) || pausedBy != n.user {
		n.t.Errorf("it was commanded by %q and paused by %q; want both by %s", by, pausedBy, n.user)
	}
	impostor := kubectl(n.t, "-n", n.ns, "get", "service", "impostor", "-o", "jsonpath={.metadata.labels} {.spec.selector}")
	if strings.Contains(impostor, "abc123") {
		n.t.Errorf("the impostor is narrowed: %s", impostor)
	}
}

// refused are attempts for which the tenant has no right, and a policy that somebody made for him who had.
func (n *tenant) refused() {
	n.t.Helper()
	policy, name := fmt.Sprintf(unreadable, n.ns), "unreadable-"+n.ns
	n.mayNot("", "-n", n.victim, "annotate", "trafficshift", "checkout", "stagger.dev/command=abort 1 t1")
	n.mayNot("", "-n", n.victim, "label", "service", "checkout", "stagger.dev/narrowed=abc123")
	n.mayNot(policy, "create", "-f", "-")
	apply(n.t, n.ns, policy)
	n.t.Cleanup(func() {
		if _, err := try(context.WithoutCancel(n.t.Context()), "", "delete", "shiftpolicy", name); err != nil {
			n.t.Error(err)
		}
	})
	waitFor(n.t, "the policy is refused by the name of the field", func() (bool, string) {
		said := kubectl(n.t, "get", "shiftpolicy", name, "-o", `jsonpath={.status.conditions[?(@.type=="Accepted")].message}`)
		return strings.Contains(said, "spec.objectives[0]"), said
	})
}

// attack is all that the tenant makes.
func (n *tenant) attack() {
	n.t.Helper()
	n.does(fmt.Sprintf(attacks, n.ns, n.victim, huge), "create", "-f", "-")
	n.does(fmt.Sprintf(offers, n.ns, n.victim), "create", "-f", "-")
	n.does(fmt.Sprintf(impostors, n.victim), "create", "-f", "-")
	n.does(fmt.Sprintf(thief, n.ns, n.victim), "create", "-f", "-")
}

// uncounted waits until it is said that the tenant's own release cannot be counted for what is said in his metrics.
func (n *tenant) uncounted() {
	n.t.Helper()
	x := n.until("the release of who tells lies is not counted", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), "cannot be counted")
	})
	if r := x.Status.Release; r.Weight != "30%" || !r.Running() {
		n.t.Errorf("the release of who tells lies: %s", describe(x))
	}
}

// One operator releases for two tenants. One of them tries what his rights let him try against the other's release, before it and while it
// runs: it is promoted in its time, by its own counts, loses no request and gives everything back. What the design names is named, and the
// tenant's own release suffers alone.
//
// Left out is a question that Prometheus refuses, since no policy that is accepted leads to one.
func TestNoTenantTouchesTheReleaseOfAnother(t *testing.T) {
	t.Parallel()
	s := tell(t, "")
	n := s.neighbour()
	named(t, n.ns)
	s.under("sidecar", "checkout."+s.ns)
	s.manage("namespaces=["+s.ns+", "+n.ns+"]", // believed are the gateways and the client with a sidecar
		fmt.Sprintf("sources=[{name: default, address: %q, reporters: [istio-ingress, shop]}]", prometheus()))
	n.refused()
	n.releases()
	n.attack()
	written, told := n.routes(), n.lies()
	s.until("the marks that count for nothing are named", func(x *v1alpha1.TrafficShift) bool {
		said := describe(x)
		return strings.Contains(said, "the marks on "+n.ns+"/") && strings.Contains(said, " and 3 more count for nothing") &&
			strings.Contains(said, "VirtualService "+n.ns+"/uninvited routes to checkout as well and is left alone")
	})
	if told {
		n.uncounted()
	}
	s.push("1.1.0")
	turns := 0
	s.until("the release has ended, under attack", func(x *v1alpha1.TrafficShift) bool {
		if x.Status.Release.Running() {
			n.again(turns)
			turns++
		}
		return x.Status.Release != nil && x.Status.Release.State.Ended()
	})
	s.ended(1, v1alpha1.StatePromoted)
	if turns == 0 {
		t.Error("nothing was tried while the release ran")
	}
	s.restored()
	s.losesNothing()
	n.caught()
	if told {
		n.uncounted()
	}
	if now := n.routes(); now != written {
		t.Errorf("routes were written that nobody allowed; before:\n%s\nafter:\n%s", written, now)
	}
}
