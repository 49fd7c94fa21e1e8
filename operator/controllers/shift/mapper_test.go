package shift

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// mapped is the function that maps events of an object like this one.
func (m mapper) mapped(o client.Object) handler.MapFunc {
	return map[string]handler.MapFunc{
		"TrafficShift": m.neighbours, "Service": m.service, "Deployment": m.deployment, "ReplicaSet": m.replicaSet, "Pod": m.pod,
		"PersistentVolumeClaim": m.claim, "Job": m.job, "CronJob": m.cronJob,
		"VirtualService": m.route, "DestinationRule": m.destinationRule, "ShiftPolicy": m.policy,
	}[kindName(o)]
}

// woken are the names of the TrafficShifts that an event of the object wakes.
func (m mapper) woken(t testing.TB, o client.Object) []string {
	t.Helper()
	var out []string
	for _, r := range m.mapped(o)(t.Context(), o) {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestAnEventWakesThoseItConcernsAndLooksAtNoOthers(t *testing.T) {
	for _, o := range house("web-3") {
		t.Run(kindName(o), func(t *testing.T) {
			looked := map[int]int{}
			for _, n := range []int{100, 2000} {
				c := newCaches(t, town(n)...)
				m := newMapper(c, "")
				m.woken(t, o) // once, to learn which labels many share
				c.handed = 0
				if got := m.woken(t, o); !slices.Equal(got, []string{"web-3"}) {
					t.Errorf("of %d, %v were woken", n, got)
				}
				looked[n] = c.handed
			}
			if looked[100] != looked[2000] {
				t.Errorf("among 100 Services %d objects are looked at, among 2000 %d", looked[100], looked[2000])
			}
		})
	}
}

func TestWhoIsWoken(t *testing.T) {
	marked := func(o client.Object, key, value string) client.Object {
		o.SetAnnotations(map[string]string{key: value})
		return o
	}
	allowing := func(namespace string, o client.Object) client.Object {
		annotations := o.GetAnnotations()
		annotations[v1alpha1.AllowAnnotation] = namespace
		o.SetAnnotations(annotations)
		return o
	}
	cases := map[string]struct {
		event client.Object
		want  []string
	}{
		"a new Service in front of the pods of another": {&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "again"},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web-1"}}}, []string{"web-1"}},
		"a Service in front of the pods of all": {&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all"},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"team": "a-team-with-a-name"}}}, []string{"web-0", "web-1", "web-2"}},
		"a CronJob of no check":          {&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "nightly"}}, nil},
		"a CronJob for a longer name":    {&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-load-test"}}, []string{"web-1"}},
		"a CronJob of another namespace": {&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "web-1-load-test"}}, nil},
		"a Job of nobody's":              {&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-smoke-2"}}, nil},
		"a Service of another namespace": {&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "web-1"},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web-1"}}}, nil},
		"somebody's Service with the canary's name": {&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-2-canary"}}, []string{"web-2"}},
		"a canary's Service": {marked(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}},
			v1alpha1.ReleaseAnnotation, "shop/web-1 1"), []string{"web-1"}},
		"a Service with the mark of another namespace": {marked(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "x"}},
			v1alpha1.ReleaseAnnotation, "shop/web-1 1"), nil},
		"a ReplicaSet with the mark of another namespace": {marked(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "cart", Name: "x"}},
			v1alpha1.ReleaseAnnotation, "shop/web-1 1"), nil},
		"a ReplicaSet of a release": {marked(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}},
			v1alpha1.ReleaseAnnotation, "shop/web-1 1"), []string{"web-1"}},
		"a pod of a running release that no Service selects": {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x",
			Labels: map[string]string{workload.HashLabel: "v2-web-1"}}}, []string{"web-1"}},
		"a pod of nobody":                 {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}}, nil},
		"a wildcard":                      {route("x", map[string]any{"hosts": []any{"*.shop.svc.cluster.local"}}), []string{"web-0", "web-1", "web-2"}},
		"a wildcard at a gateway":         {route("x", map[string]any{"hosts": []any{"*"}, "gateways": []any{"in"}}), nil},
		"a wildcard of another namespace": {route("x", map[string]any{"hosts": []any{"*.cart.svc.cluster.local"}}), nil},
		"a wildcard that others see":      {in("cart", route("x", map[string]any{"hosts": []any{"*"}, "exportTo": []any{".", "pay"}})), nil},
		"a wildcard for the namespace": {in("cart", route("x", map[string]any{"hosts": []any{"*"}, "exportTo": []any{".", "shop"}})),
			[]string{"web-0", "web-1", "web-2"}},
		"a host that others see":      {in("cart", route("x", map[string]any{"hosts": []any{"web-1.shop.svc.cluster.local"}, "exportTo": []any{"."}})), nil},
		"a mark without a route":      {marked(route("x", map[string]any{}), v1alpha1.ReleaseAnnotation, "shop/web-2 1"), []string{"web-2"}},
		"a mark in another namespace": {marked(in("cart", route("x", map[string]any{})), v1alpha1.ReleaseAnnotation, "shop/web-2 1"), nil},
		"a mark in another namespace that allows it": {allowing("shop", marked(in("cart", route("x", map[string]any{})), v1alpha1.ReleaseAnnotation, "shop/web-2 1")),
			[]string{"web-2"}},
		"a destination":                   {rule("x", "legacy"), []string{"by-hand"}},
		"the canary's rule":               {rule("web-1-canary", "elsewhere"), []string{"web-1"}},
		"a rule of callers elsewhere":     {in("cart", rule("x", "web-1.shop.svc.cluster.local")), []string{"web-1"}},
		"a rule for another Service":      {in("cart", rule("x", "web-1")), nil},
		"a rule for some of a namespace":  {in("cart", rule("x", "*-1.shop.svc.cluster.local")), []string{"web-0", "web-1", "web-2"}},
		"a rule for all of a namespace":   {in("cart", rule("x", "*.shop.svc.cluster.local")), nil},
		"a copy that somebody has turned": {marked(in("cart", rule("x", "nowhere")), v1alpha1.ReleaseAnnotation, "shop/web-1 1"), []string{"web-1"}},
		"a policy":                        {&v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard-web-0"}}, []string{"web-0"}},
		"one that wanted the same Service is gone": {&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other"},
			Spec: v1alpha1.TrafficShiftSpec{Service: v1alpha1.ServiceReference{Name: "web-1"}}}, []string{"web-1"}},
		"one that wanted the same Deployment is gone": {&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other"},
			Spec: v1alpha1.TrafficShiftSpec{Service: v1alpha1.ServiceReference{Name: "same-pods"}}}, []string{"web-2"}},
	}
	c := newCaches(t, town(3)...)
	c.add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "same-pods"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web-2"}}},
		&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "by-hand"}, Spec: v1alpha1.TrafficShiftSpec{Destinations: &v1alpha1.Destinations{
			Stable: v1alpha1.Destination{Host: "legacy"}, Canary: v1alpha1.Destination{Host: "modern.shop.svc.cluster.local"}}}})
	m := newMapper(c, "")
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			if got := m.woken(t, test.event); !slices.Equal(got, test.want) {
				t.Errorf("%q were woken, want %q", got, test.want)
			}
		})
	}
}

// sizes are the numbers of Services over which what a pass or an event costs must not grow.
func sizes() []int { return []int{100, 1000, 10_000} }

// flat measures f over all sizes and reports, for each, how many times as long it takes as for the smallest.
func flat(b *testing.B, prepare func(c *caches) (f func())) {
	var first float64
	for _, n := range sizes() {
		b.Run(fmt.Sprint("services=", n), func(b *testing.B) {
			f := prepare(newCaches(b, town(n)...))
			f()
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			took := b.Elapsed().Seconds() / float64(b.N)
			if n == sizes()[0] {
				first = took
			}
			b.ReportMetric(took/first, "x")
		})
	}
}

func BenchmarkEvent(b *testing.B) {
	for _, o := range house("web-3") {
		b.Run(kindName(o), func(b *testing.B) {
			flat(b, func(c *caches) func() {
				m := newMapper(c, "")
				f := m.mapped(o)
				return func() { f(b.Context(), o) }
			})
		})
	}
}

// The first events after a start are one of each object that there is.
func BenchmarkStart(b *testing.B) {
	var first float64
	for _, n := range sizes() {
		b.Run(fmt.Sprint("services=", n), func(b *testing.B) {
			objects := town(n)
			c := newCaches(b, objects...)
			for b.Loop() {
				m := newMapper(c, "")
				for _, o := range objects {
					if f := m.mapped(o); f != nil {
						f(b.Context(), o)
					}
				}
			}
			each := b.Elapsed().Seconds() / float64(b.N) / float64(len(objects))
			if n == sizes()[0] {
				first = each
			}
			b.ReportMetric(each*1e9, "ns/event")
			b.ReportMetric(each/first, "x/event")
		})
	}
}

// The caches of an operator for some namespaces hold the gateways' pods too, and no Services there to look among.
func TestPodsOfGatewaysElsewhereWakeNobody(t *testing.T) {
	pod := func(namespace string) event.CreateEvent {
		return event.CreateEvent{Object: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}}
	}
	for _, c := range []struct {
		namespaces []string
		of         string
		want       bool
	}{{nil, "istio-ingress", true}, {[]string{"shop", "mail"}, "mail", true}, {[]string{"shop", "mail"}, "istio-ingress", false}} {
		if got := ofNamespaces(c.namespaces).Create(pod(c.of)); got != c.want {
			t.Errorf("an operator for %v takes note of a pod of %s: %t, want %t", c.namespaces, c.of, got, c.want)
		}
	}
}
