package shift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/workload"
)

func shopKey(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

// server is the API server behind the caches; no calls are expected where it is nil.
type server struct {
	*caches
	asked int
	err   error
}

func (s *server) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	s.asked++
	if s.err != nil {
		return s.err
	}
	return s.caches.Get(ctx, key, into, opts...)
}

// loading is a loader over caches that may lag behind the server.
type loading struct {
	*loader
	t      *testing.T
	clock  *clocktesting.FakePassiveClock
	cache  *caches
	server *server
}

func newLoading(t *testing.T, objects ...client.Object) *loading {
	t.Helper()
	l := &loading{t: t, clock: clocktesting.NewFakePassiveClock(time.Unix(1_700_000_000, 0)), cache: newCaches(t, objects...)}
	l.server = &server{caches: newCaches(t, objects...)}
	l.loader = newLoader(l.cache, l.server, newWritten(l.clock), Settings{})
	return l
}

// pass loads web-1, past the caches by as many calls as that.
func (l *loading) pass(calls int) cluster.Objects {
	l.t.Helper()
	before := l.server.asked
	o, found, err := l.load(l.t.Context(), shopKey("web-1"))
	if err != nil || !found {
		l.t.Fatalf("found %v, %v", found, err)
	}
	if got := l.server.asked - before; got != calls {
		l.t.Errorf("the API server was asked %d times, want %d", got, calls)
	}
	return o
}

func namesOf[P client.Object](list []P) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.GetName())
	}
	slices.Sort(out)
	return out
}

func TestAPassReadsWhatConcernsItsTrafficShift(t *testing.T) {
	release := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-old", Annotations: map[string]string{v1alpha1.ReleaseAnnotation: "shop/web-1 1"}}}
	release.Spec.Template.Labels = map[string]string{workload.HashLabel: "old"}
	held := route("held", map[string]any{})
	held.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/web-1 1"})
	elsewhere := route("elsewhere", map[string]any{"tcp": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web-1.shop"}}}}}})
	elsewhere.SetNamespace("cart")
	turned := in("cart", rule("turned", "elsewhere"))
	turned.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: "shop/web-1 1"})
	l := newLoading(t, append(town(4), release, held, elsewhere,
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-canary"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-preview"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "again"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web-1", "version": "1"}}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "team"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"team": "a-team-with-a-name"}}},
		&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "rival"}, Spec: v1alpha1.TrafficShiftSpec{Service: v1alpha1.ServiceReference{Name: "again"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "canary-pod", Labels: map[string]string{workload.HashLabel: "v2-web-1"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "old-pod", Labels: map[string]string{workload.HashLabel: "old"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "stranger", Labels: map[string]string{"app": "web-1", "team": "a-team-with-a-name"}}},
		route("web-1-canary", map[string]any{}), route("wild", map[string]any{"hosts": []any{"*.svc.cluster.local"}}), rule("web-1-canary", "elsewhere"), rule("full", "web-1.shop.svc.cluster.local"),
		in("cart", rule("callers", "web-1.shop.svc.cluster.local")), in("cart", rule("part", "*-1.shop.svc.cluster.local")), in("cart", rule("all", "*")),
		in("cart", route("wild-for-itself", map[string]any{"hosts": []any{"*"}, "exportTo": []any{"."}})),
		in("cart", route("wild-for-shop", map[string]any{"hosts": []any{"*"}, "exportTo": []any{"shop"}})),
		in("cart", route("for-itself", map[string]any{"hosts": []any{"web-1.shop.svc.cluster.local"}, "exportTo": []any{"."}})),
		in("cart", rule("theirs", "web-1")), turned, rule("web-1-canary.shop.002", "elsewhere"),
	)...)
	o := l.pass(0)
	got := map[string][]string{
		"rivals": nil, "siblings": namesOf(o.Siblings), "deployments": namesOf(o.Deployments), "sets": namesOf(o.ReplicaSets), "pods": namesOf(o.Pods), "claims": namesOf(o.Claims),
		"routes": namesOf(o.Routes), "rules": namesOf(o.Rules), "others": {o.Shift.Name, o.Policy.Name, o.Namespace.Name, o.Service.Name, o.CanaryService.Name, o.PreviewService.Name},
		"checks": append(namesOf(o.CronJobs), namesOf(o.Jobs)...),
	}
	for _, r := range o.Rivals {
		got["rivals"] = append(got["rivals"], r.Shift.Name+" of "+r.Service.Name)
	}
	want := map[string][]string{
		"rivals": {"rival of again"}, "siblings": {"again", "team"}, "deployments": {"web-1"}, "sets": {"web-1-old", "web-1-v1"},
		"pods": {"canary-pod", "old-pod", "stranger", "web-1-pod"}, "claims": {"web-1-data"},
		"routes": {"elsewhere", "held", "web-1", "web-1-canary", "wild", "wild-for-shop"},
		"rules":  {"callers", "full", "part", "turned", "web-1", "web-1-canary", "web-1-canary.shop.002"},
		"others": {"web-1", "standard-web-1", "shop", "web-1", "web-1-canary", "web-1-preview"},
		"checks": {"web-1-smoke", "web-1-smoke-1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// Only pods of namespaces that are trusted tell what a gateway passed on: anybody can give his pod a gateway's labels.
func TestGatewaysAreReadWhereTheyAreTrusted(t *testing.T) {
	pod := func(namespace, name string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"istio": "ingressgateway"}}}
	}
	gateway := ofKind(gatewayKind)
	gateway.SetNamespace("shop")
	gateway.SetName("gw")
	gateway.Object["spec"] = map[string]any{"selector": map[string]any{"istio": "ingressgateway"}}
	vs := route("web-1-edge", map[string]any{"hosts": []any{"shop.example.com"}, "gateways": []any{"gw", "elsewhere/gone"},
		"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web-1"}}}}}})
	theirs := in("bank", route("bank-edge", map[string]any{"hosts": []any{"bank.example.com"}, "gateways": []any{"bank"},
		"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web-1.shop.svc.cluster.local"}}}}}}))
	for name, c := range map[string]struct {
		pods       []client.Object
		namespaces []string
		want       []cluster.Gateway
	}{
		"all trusted":          {[]client.Object{pod("istio-ingress", "a"), pod("istio-ingress", "b")}, nil, []cluster.Gateway{{Whole: true}}},
		"one is somebody's":    {[]client.Object{pod("istio-ingress", "a"), pod("evil", "b")}, nil, []cluster.Gateway{{}}},
		"others may be hidden": {[]client.Object{pod("istio-ingress", "a")}, []string{"shop"}, []cluster.Gateway{{}}},
		"nobody is one":        {nil, nil, []cluster.Gateway{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoading(t, append(append(town(2), gateway, vs, theirs), c.pods...)...)
			l.namespaces, l.gateways = c.namespaces, []string{"istio-ingress"}
			if c.namespaces != nil {
				l.reader = without{l.reader, "elsewhere"}
			}
			o := l.pass(0)
			if len(o.Gateways) != 2 || o.Gateways[0].Name.String() != "elsewhere/gone" || o.Gateways[0].Whole || o.Gateways[1].Name.String() != "shop/gw" {
				t.Fatalf("gateways %+v", o.Gateways)
			}
			got := o.Gateways[1]
			if got.Whole != c.want[0].Whole || slices.ContainsFunc(got.Pods, func(p *corev1.Pod) bool { return p.Namespace != "istio-ingress" }) {
				t.Errorf("pods %v, whole %v", namesOf(got.Pods), got.Whole)
			}
		})
	}
}

// without is a cache that does not hold a namespace: whoever asks for something there gets an error.
type without struct {
	client.Reader
	namespace string
}

func (w without) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if key.Namespace == w.namespace {
		return fmt.Errorf("unable to get: %v because of unknown namespace for the cache", key)
	}
	return w.Reader.Get(ctx, key, into, opts...)
}

func TestAPassBetweenDestinationsReadsRoutesAndRules(t *testing.T) {
	l := newLoading(t, append(town(2), &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "by-hand"},
		Spec: v1alpha1.TrafficShiftSpec{Destinations: &v1alpha1.Destinations{Stable: v1alpha1.Destination{Host: "web-0"}, Canary: v1alpha1.Destination{Host: "web-1.shop"}}}})...)
	o, found, err := l.load(t.Context(), shopKey("by-hand"))
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	want := []string{"web-0", "web-1"}
	if !slices.Equal(namesOf(o.Routes), want) || !slices.Equal(namesOf(o.Rules), want) || o.Service != nil || len(o.Pods) > 0 {
		t.Errorf("routes %v, rules %v, Service %v, pods %v", namesOf(o.Routes), namesOf(o.Rules), o.Service, namesOf(o.Pods))
	}
}

func TestWithoutItsPolicyAPassKnowsSomeThatThereAre(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.cache.remove(&v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard-web-1"}})
	if o := l.pass(0); o.Policy != nil || !slices.Contains(o.PolicyNames, "standard") {
		t.Errorf("policy %v, names %v", o.Policy, o.PolicyNames)
	}
}

// Only what is known to be gone is gone: an error must not drop what a release has gathered.
func TestAnErrorIsNotAnAbsence(t *testing.T) {
	l := newLoading(t, town(2)...)
	if _, found, err := l.load(t.Context(), shopKey("nobody")); found || err != nil {
		t.Errorf("one that is not there: found %v, %v", found, err)
	}
	l.loader = newLoader(&server{caches: l.cache, err: errors.New("no answer")}, l.server, l.written, Settings{})
	if _, found, err := l.load(t.Context(), shopKey("web-1")); found || err == nil {
		t.Errorf("one that cannot be read: found %v, %v", found, err)
	}
}

func TestAPassLooksAtNoOthers(t *testing.T) {
	looked := map[int]int{}
	for _, n := range []int{100, 2000} {
		l := newLoading(t, town(n)...)
		l.pass(0) // once, to learn which labels many share
		l.cache.handed = 0
		l.pass(0)
		looked[n] = l.cache.handed
	}
	if looked[100] != looked[2000] {
		t.Errorf("among 100 Services %d objects are looked at, among 2000 %d", looked[100], looked[2000])
	}
}

func BenchmarkLoad(b *testing.B) {
	flat(b, func(c *caches) func() {
		l := newLoader(c, c, newWritten(clocktesting.NewFakePassiveClock(time.Unix(0, 0))), Settings{})
		return func() {
			if _, found, err := l.load(b.Context(), shopKey("web-3")); err != nil || !found {
				b.Fatalf("found %v, %v", found, err)
			}
		}
	})
}
