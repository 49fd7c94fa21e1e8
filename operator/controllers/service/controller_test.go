package service

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var key = types.NamespacedName{Namespace: "shop", Name: "checkout"}

// world is what the API server holds, and what was told.
type world struct {
	client   client.Client
	recorder *events.FakeRecorder
	writes   []string
	deny     func(client.Object) error // what is made; nil: nobody does
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatalf("registering types: %v", err)
		}
	}
	w := &world{recorder: events.NewFakeRecorder(16)}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			w.wrote("create", o)
			if w.deny != nil {
				if err := w.deny(o); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			w.wrote("update", o)
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			w.wrote("patch", o)
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			w.wrote("delete", o)
			return c.Delete(ctx, o, opts...)
		},
	}).Build()
	return w
}

func (w *world) wrote(verb string, o client.Object) {
	kind := "another kind"
	switch o.(type) {
	case *corev1.Service:
		kind = "Service"
	case *v1alpha1.TrafficShift:
		kind = "TrafficShift"
	}
	w.writes = append(w.writes, verb+" "+kind)
}

func (w *world) pass(t *testing.T) {
	t.Helper()
	w.writes = nil
	r := &reconciler{client: w.client, recorder: w.recorder}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatalf("a pass failed: %v", err)
	}
}

// told are the events since the last call, oldest first.
func (w *world) told() []string {
	var out []string
	for len(w.recorder.Events) > 0 {
		out = append(out, <-w.recorder.Events)
	}
	return out
}

func (w *world) shift(t *testing.T) *v1alpha1.TrafficShift {
	t.Helper()
	var s v1alpha1.TrafficShift
	switch err := w.client.Get(t.Context(), key, &s); {
	case client.IgnoreNotFound(err) != nil:
		t.Fatalf("reading the TrafficShift: %v", err)
	case err != nil:
		return nil
	}
	return &s
}

func service(annotations map[string]string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: key.Name, Namespace: key.Namespace, Annotations: annotations}}
}

func annotated(policy string) *corev1.Service {
	return service(map[string]string{v1alpha1.PolicyAnnotation: policy})
}

func policy(name string) *v1alpha1.ShiftPolicy {
	return &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func written(policy string) *v1alpha1.TrafficShift {
	return &v1alpha1.TrafficShift{
		ObjectMeta: metav1.ObjectMeta{Name: key.Name, Namespace: key.Namespace},
		Spec:       v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: policy}, Service: v1alpha1.ServiceReference{Name: key.Name}},
	}
}

func made(policy string) *v1alpha1.TrafficShift {
	s := written(policy)
	s.Labels = map[string]string{v1alpha1.ServiceLabel: key.Name}
	s.Finalizers = []string{v1alpha1.Finalizer}
	return s
}

func ending(s *v1alpha1.TrafficShift) *v1alpha1.TrafficShift {
	s.DeletionTimestamp = &metav1.Time{Time: metav1.Unix(1_700_000_000, 0).Time}
	return s
}

func leaving(s *corev1.Service) *corev1.Service {
	s.DeletionTimestamp = &metav1.Time{Time: metav1.Unix(1_700_000_000, 0).Time}
	s.Finalizers = []string{"example.com/other"}
	return s
}

func TestPass(t *testing.T) {
	const handMade = "Warning NameTaken annotation stagger.dev/policy has no effect: TrafficShift checkout was written by hand and stays as it is; remove the annotation, or delete the TrafficShift"
	cases := map[string]struct {
		objects []client.Object
		writes  []string
		want    *v1alpha1.TrafficShift // nil: none is left
		told    []string
	}{
		"an annotated Service gets a TrafficShift of its name": {
			objects: []client.Object{annotated("standard"), policy("standard")},
			writes:  []string{"create TrafficShift"}, want: made("standard"),
			told: []string{"Normal Managed releases go by policy standard from now on; see TrafficShift checkout"},
		},
		"one that has it needs nothing": {
			objects: []client.Object{annotated("standard"), made("standard"), policy("standard")}, want: made("standard"),
		},
		"another policy is followed": {
			objects: []client.Object{annotated("fast"), made("standard"), policy("standard"), policy("fast")},
			writes:  []string{"patch TrafficShift"}, want: made("fast"),
			told: []string{"Normal PolicyChanged releases go by policy fast from the next one on, by standard before"},
		},
		"a policy that does not exist is followed and the one that was meant is named": {
			objects: []client.Object{annotated("standart"), made("standard"), policy("standard"), policy("fast")},
			writes:  []string{"patch TrafficShift"}, want: made("standart"),
			told: []string{
				"Normal PolicyChanged releases go by policy standart from the next one on, by standard before",
				`Warning PolicyNotFound annotation stagger.dev/policy is "standart", and no ShiftPolicy has that name; did you mean "standard"?`,
			},
		},
		"templates wait for a value that can be no name": {
			objects: []client.Object{annotated("Standard"), policy("standard"), policy("fast")},
			writes:  []string{"create TrafficShift"}, want: made("Standard"),
			told: []string{"Normal Managed new templates wait from now on, until the annotation names a policy that is there; see TrafficShift checkout",
				`Warning Invalid annotation stagger.dev/policy is "Standard", which cannot be the name of a ShiftPolicy; did you mean "standard"?`},
		},
		"templates wait for an empty value": {
			objects: []client.Object{annotated(""), policy("standard"), policy("fast")},
			writes:  []string{"create TrafficShift"}, want: made("(none)"),
			told: []string{"Normal Managed new templates wait from now on, until the annotation names a policy that is there; see TrafficShift checkout",
				`Warning Invalid annotation stagger.dev/policy is "", which cannot be the name of a ShiftPolicy; use one of fast, standard`},
		},
		"a value that can be no name ends nothing": {
			objects: []client.Object{annotated("fast!"), made("fast"), policy("fast")}, want: made("fast"),
			told: []string{`Warning Invalid annotation stagger.dev/policy is "fast!", which cannot be the name of a ShiftPolicy; did you mean "fast"?`},
		},
		"without any policy people are told to apply one": {
			objects: []client.Object{annotated("standard"), made("standard")}, want: made("standard"),
			told: []string{`Warning PolicyNotFound annotation stagger.dev/policy is "standard", and no ShiftPolicy has that name; there is no ShiftPolicy yet: apply one, such as those of manifests/policies`},
		},
		"a TrafficShift written by hand is not changed": {
			objects: []client.Object{annotated("fast"), written("standard"), policy("standard"), policy("fast")}, want: written("standard"), told: []string{handMade},
		},
		"a TrafficShift written by hand is not deleted with the Service": {
			objects: []client.Object{written("standard"), policy("standard")}, want: written("standard"),
		},
		"a TrafficShift written by hand stays without annotation": {
			objects: []client.Object{service(nil), written("standard"), policy("standard")}, want: written("standard"),
		},
		"a Service without annotation is not managed": {objects: []client.Object{service(nil), policy("standard")}},
		"removing the annotation ends management": {
			objects: []client.Object{service(map[string]string{"other": "kept"}), made("standard"), policy("standard")},
			writes:  []string{"delete TrafficShift"}, want: ending(made("standard")),
			told: []string{"Normal ManagementEnds the annotation is gone: what was touched is restored, and releases are no longer steered"},
		},
		"deleting the Service ends management": {
			objects: []client.Object{made("standard"), policy("standard")},
			writes:  []string{"delete TrafficShift"}, want: ending(made("standard")),
		},
		"a Service that is being deleted ends management": {
			objects: []client.Object{leaving(annotated("standard")), made("standard"), policy("standard")},
			writes:  []string{"delete TrafficShift"}, want: ending(made("standard")),
		},
		"a TrafficShift that is being deleted is not deleted twice": {
			objects: []client.Object{service(nil), ending(made("standard"))}, want: ending(made("standard")),
		},
		"a TrafficShift that is being deleted is left to finish before a new one is made": {
			objects: []client.Object{annotated("fast"), ending(made("standard")), policy("fast")}, want: ending(made("standard")),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.objects...)
			w.pass(t)
			if diff := cmp.Diff(c.writes, w.writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.told, w.told()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			ignore := []cmp.Option{
				cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ResourceVersion"), cmpopts.IgnoreFields(metav1.TypeMeta{}, "Kind", "APIVersion"),
				cmp.Comparer(func(a, b *metav1.Time) bool { return a.IsZero() == b.IsZero() }),
			}
			if diff := cmp.Diff(c.want, w.shift(t), ignore...); diff != "" {
				t.Errorf("TrafficShift (-want +got):\n%s", diff)
			}
			w.pass(t)
			if len(w.writes) > 0 {
				t.Errorf("the second pass wrote %v; nothing had changed", w.writes)
			}
		})
	}
}

// Labels that a policy asks for come along; whoever denies the TrafficShift all the same is named, and a label is enough to try again.
func TestADeniedTrafficShiftIsTold(t *testing.T) {
	svc := annotated("standard")
	svc.Labels = map[string]string{"owner": "pay", "app.kubernetes.io/instance": "shop"}
	w := newWorld(t, svc, policy("standard"))
	w.deny = func(o client.Object) error {
		if o.GetLabels()["cost-center"] == "" {
			return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("trafficshifts").GroupResource(), o.GetName(),
				errors.New(`admission webhook "labels.example.com" denied the request: no cost-center`))
		}
		return nil
	}
	r := &reconciler{client: w.client, recorder: w.recorder}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err == nil {
		t.Error("a denied write is not tried again")
	}
	if told := w.told(); len(told) != 1 || !strings.Contains(told[0], "Warning WriteDenied") || !strings.Contains(told[0], "no cost-center") {
		t.Errorf("told %q", told)
	}
	labelled := svc.DeepCopy()
	labelled.ResourceVersion, labelled.Labels["cost-center"] = "", "7"
	if !managementChanged.Update(event.UpdateEvent{ObjectOld: svc, ObjectNew: labelled}) {
		t.Error("the label wakes nobody")
	}
	if err := w.client.Update(t.Context(), labelled); err != nil {
		t.Fatal(err)
	}
	w.pass(t)
	want := map[string]string{"owner": "pay", "cost-center": "7", v1alpha1.ServiceLabel: key.Name}
	if d := cmp.Diff(want, w.shift(t).Labels); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
}

func TestFollowRefusesATrafficShiftThatHasMoved(t *testing.T) {
	w := newWorld(t, annotated("fast"), made("standard"), policy("fast"))
	r := &reconciler{client: w.client, recorder: w.recorder}
	f, err := r.observe(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	taken := w.shift(t)
	taken.Labels = nil
	if err := w.client.Update(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	if err := r.act(t.Context(), f, decide(f)); err == nil {
		t.Error("a TrafficShift that a person took over was changed")
	}
	if got := w.shift(t).Spec.PolicyRef.Name; got != "standard" {
		t.Errorf("policy is %q, want standard", got)
	}
}

func TestOnlyChangesOfManagementWakeTheController(t *testing.T) {
	cases := map[string]struct {
		was, is *corev1.Service
		want    bool
	}{
		"annotated":          {service(nil), annotated("standard"), true},
		"annotated as empty": {service(nil), annotated(""), true},
		"another policy":     {annotated("standard"), annotated("fast"), true},
		"annotation removed": {annotated("standard"), service(nil), true},
		"being deleted":      {annotated("standard"), leaving(annotated("standard")), true},
		"another annotation": {annotated("standard"), service(map[string]string{v1alpha1.PolicyAnnotation: "standard", "a": "b"}), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := managementChanged.Update(event.UpdateEvent{ObjectOld: c.was, ObjectNew: c.is}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAdviceIsShort(t *testing.T) {
	many := strings.Fields("a1 a2 a3 a4 a5 a6 a7 a8 a9 b1")
	cases := map[string]struct {
		written  string
		policies []string
		want     string
	}{
		"one letter wrong":          {"fats", []string{"fast", "standard"}, `did you mean "fast"?`},
		"spaces around":             {" fast ", []string{"fast", "standard"}, `did you mean "fast"?`},
		"nothing near":              {"canary", []string{"fast", "standard"}, "use one of fast, standard"},
		"a huge value":              {strings.Repeat("fast", 100_000), []string{"fast"}, "use one of fast"},
		"more policies than fit":    {"something-else", many, "use one of a1, a2, a3, a4, a5, a6, a7, a8 and 2 more"},
		"equals go by the alphabet": {"fost", []string{"fist", "fast"}, `did you mean "fast"?`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := advice(c.written, c.policies); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := notAName(strings.Repeat("ü", 500_000), many).message; len(got) > 400 {
		t.Errorf("a value of a megabyte is told back in %d bytes", len(got))
	}
}
