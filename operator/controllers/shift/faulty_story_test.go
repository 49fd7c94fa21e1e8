package shift

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// story is a release from its push to its end, told in the virtual time of a bubble.
type story struct {
	name string
	turn func(*tale) // what happens in the middle of the release: nil: nothing does
	over func(*tale) bool
}

const (
	// middle of a release: its first weight has been live for so long.
	middleOf = 15 * time.Second
	// longest is how long a story may take.
	longest = 20 * time.Minute
)

func stories() []story {
	ended := func(state v1alpha1.ReleaseState, number int64) func(*tale) bool {
		return func(x *tale) bool {
			r := x.record()
			return r != nil && r.Number == number && r.State == state && r.Settled()
		}
	}
	command := func(text string) func(*tale) { return func(x *tale) { x.command(text) } }
	return []story{
		{"promoted", nil, ended(v1alpha1.StatePromoted, 1)},
		{"aborted by command", command("abort 1 t why"), ended(v1alpha1.StateAborted, 1)},
		{"aborted by counts", (*tale).turnBad, ended(v1alpha1.StateAborted, 1)},
		{"undone", command("undo 1 t why"), ended(v1alpha1.StateAborted, 1)},
		{"superseded", func(x *tale) { x.push("v3") }, ended(v1alpha1.StatePromoted, 2)},
		{"let go", (*tale).letGo, func(x *tale) bool { return x.shift() == nil }},
	}
}

// tale is what happens in a story, and what there is to see of it.
type tale struct {
	*faulty
	story
	began, pushed, turned time.Time
	bad                   time.Time   // since when the canary's answers are bad; zero: they are not
	shares                []weighed   // of the canary, at each change
	steered               []time.Time // when the canary's Service was seen to lead to the stable
	said                  []saying    // by the conditions, at each change
	ended                 bool
}

// weighed is a share of the canary since a time.
type weighed struct {
	at    time.Time
	share int64
}

// saying is what the conditions say since a time.
type saying struct {
	at   time.Time
	text string
}

// tell tells a story by an API server whose writes fail as that says; nil: none does.
func (s story) tell(t *testing.T, fails func(x *tale, a attempt) (fault string), l lag, beside ...cluster.Object) *tale {
	t.Helper()
	var x *tale
	synctest.Test(t, func(t *testing.T) {
		x = &tale{story: s, faulty: newFaulty(serving("shop"), l), began: time.Now()}
		for _, o := range beside {
			if c, ok := o.DeepCopyObject().(cluster.Object); ok {
				x.store.Put(c)
			}
		}
		x.watch = x.look
		if fails != nil {
			x.fails = func(a attempt) string { return fails(x, a) }
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		x.operate(ctx, t, &all)
		for time.Sleep(time.Second / 4); time.Since(x.began) < longest && !x.ended; x.ended = x.isOver() { // never when a slice of counts is over
			time.Sleep(time.Second)
			x.happens()
		}
		stop()
		all.Wait()
	})
	return x
}

// happens lets happen what is due: the push when the Deployment is looked after, and what happens in the middle of its release.
func (x *tale) happens() {
	var adopted, middle bool
	x.edit(func(s *inmemory.Store) {
		shift := x.shift()
		d := inmemory.Find[*appsv1.Deployment](s, "shop", "web")
		adopted = shift != nil && shift.Status.Stable.Revision != "" && workload.Held(d) && d.Spec.Paused
		n := len(x.shares)
		middle = n > 0 && x.shares[n-1].share > 0 && time.Since(x.shares[n-1].at) >= middleOf
	})
	switch now := time.Now(); {
	case x.pushed.IsZero() && adopted && now.Sub(x.began) >= 5*time.Second:
		x.pushed = now
		x.push("v2")
	case x.turned.IsZero() && middle && x.turn != nil:
		x.note(func() { x.turned = now })
		x.turn(x)
	}
}

func (x *tale) note(what func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	what()
}

// isOver says whether the story has come to its end, and nothing is sent any more.
func (x *tale) isOver() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over(x) && time.Since(x.attempts[len(x.attempts)-1].at) > refusedLast
}

// operate runs the operator's controllers and its loop of questions, until the context ends.
func (x *tale) operate(ctx context.Context, t *testing.T, all *sync.WaitGroup) {
	t.Helper()
	loop, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: "Counts", Counter: counts{tale: x}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := newReconciler(asks{faulty: x.faulty}, asks{faulty: x.faulty, direct: true}, &events.FakeRecorder{}, Settings{Loop: loop, Hold: "Always", FastTick: 5 * time.Second,
		SlowTick: 15 * time.Second, Bounds: release.Bounds{Push: 2 * time.Second, Settle: 10 * time.Second, Between: 10 * time.Second}}, false)
	want := func() { r.lanes.add(priorityqueue.AddOpts{}, request("shop", "web")) }
	x.changed = want
	for name, urgent := range map[string]bool{"shift": false, "abort": true} {
		o := r.lanes.options(urgent)
		o.Reconciler, o.SkipNameValidation = r.lanes.reconciler(urgent, r.Reconcile), new(true)
		c, err := controller.NewUnmanaged(name, o)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := c.Start(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if err := loop.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		for {
			select {
			case <-loop.Events():
				want()
			case <-ctx.Done():
				return
			}
		}
	})
	want()
}

// serving is a namespace with one Service that serves version v1, in the middle of nothing.
func serving(namespace string) *inmemory.Store {
	s := &inmemory.Store{Now: time.Now()}
	at := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	d := &appsv1.Deployment{ObjectMeta: at("web"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2),
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: templateOf("v1")}}
	s.Put(d)
	stable := inmemory.SetOf(d, "v1")
	stable.Spec.Replicas = ptr.To[int32](2)
	p := plan()
	p.Spec.Steps = []v1alpha1.Step{{Weight: "10%", Hold: shortHold}, {Weight: "100%", Hold: shortHold}}
	p.Spec.Workload.Drain = "5s"
	vs := route("web", map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "web"}}}}}})
	for _, o := range []cluster.Object{
		stable, p, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, in(namespace, vs), in(namespace, rule("web", "web")),
		&corev1.Service{ObjectMeta: at("web"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "web"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}},
		&v1alpha1.TrafficShift{ObjectMeta: at("web"), Spec: v1alpha1.TrafficShiftSpec{
			PolicyRef: v1alpha1.PolicyReference{Name: "standard"}, Service: v1alpha1.ServiceReference{Name: "web"}, Control: v1alpha1.ControlAuto}},
	} {
		s.Put(o)
	}
	return s
}

// shortHold is that of each step.
const shortHold = "15s"

func templateOf(version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "web:" + version}}}}
}

// edit changes something as somebody else than the operator does.
func (x *tale) edit(what func(*inmemory.Store)) {
	_ = x.change(func(s *inmemory.Store) error { // nothing is asked of the API server that could fail
		what(s)
		return nil
	})
}

func (x *tale) push(version string) {
	x.edit(func(s *inmemory.Store) {
		d := inmemory.Find[*appsv1.Deployment](s, "shop", "web").DeepCopy()
		d.Spec.Template, d.Generation = templateOf(version), d.Generation+1
		s.Put(d)
	})
}

func (x *tale) command(text string) {
	x.edit(func(s *inmemory.Store) {
		shift := inmemory.Find[*v1alpha1.TrafficShift](s, "shop", "web").DeepCopy()
		shift.Annotations = map[string]string{v1alpha1.CommandAnnotation: text}
		s.Put(shift)
	})
}

func (x *tale) turnBad() { x.note(func() { x.bad = time.Now() }) }

func (x *tale) letGo() {
	x.edit(func(s *inmemory.Store) {
		shift := inmemory.Find[*v1alpha1.TrafficShift](s, "shop", "web").DeepCopy()
		shift.DeletionTimestamp = ptr.To(metav1.Now())
		s.Put(shift)
	})
}

func (x *tale) shift() *v1alpha1.TrafficShift {
	return inmemory.Find[*v1alpha1.TrafficShift](x.store, "shop", "web")
}

func (x *tale) record() *v1alpha1.Release {
	if s := x.shift(); s != nil {
		return s.Status.Release
	}
	return nil
}

// look notes what is to be seen after a change.
func (x *tale) look() {
	now := time.Now()
	_, share, _ := routing.Share(x.store.FindKind("VirtualService", "shop", "web"), routing.Target{Namespace: "shop", Service: "web"})
	if n := len(x.shares); n == 0 && share > 0 || n > 0 && x.shares[n-1].share != share {
		x.shares = append(x.shares, weighed{now, share})
	}
	if c := inmemory.Find[*corev1.Service](x.store, "shop", "web-canary"); c != nil && c.Annotations[v1alpha1.AbortedAnnotation] != "" {
		x.steered = append(x.steered, now)
	}
	var text []string
	if s := x.shift(); s != nil {
		for _, c := range s.Status.Conditions {
			text = append(text, c.Reason+": "+c.Message)
		}
	}
	if all := strings.Join(text, "\n"); len(x.said) == 0 || x.said[len(x.said)-1].text != all {
		x.said = append(x.said, saying{now, all})
	}
}

// end is what is left of a release for its owner, and how it ended.
func (x *tale) end() map[string]string {
	e := map[string]string{}
	for _, kind := range []string{"TrafficShift", "Deployment", "ReplicaSet", "Service", "VirtualService", "DestinationRule"} {
		for _, o := range all(x.store, kind) {
			if o.GetNamespace() == "shop" {
				e[kind+" "+o.GetName()] = fmt.Sprint(o.GetLabels(), o.GetAnnotations(), left(o))
			}
		}
	}
	return e
}

// left is what of an object beside its labels and annotations is somebody's matter when a release is over.
func left(o client.Object) any {
	switch o := o.(type) {
	case *corev1.Service:
		return o.Spec.Selector
	case *appsv1.Deployment:
		return fmt.Sprint(inmemory.Image(&o.Spec.Template), o.Spec.Paused, *o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return fmt.Sprint(inmemory.Image(&o.Spec.Template), ownerOf(o), *o.Spec.Replicas, o.Status.AvailableReplicas)
	case *unstructured.Unstructured:
		return o.Object["spec"]
	case *v1alpha1.TrafficShift:
		said := o.Status.Refused
		if r := o.Status.Release; r != nil {
			said += fmt.Sprint(" ", r.Number, r.State)
		}
		for _, p := range o.Status.History {
			said += fmt.Sprint(" ", p.Number, p.Outcome, p.Reason)
		}
		return said
	}
	return nil
}

func ownerOf(o metav1.Object) string {
	if owner := metav1.GetControllerOf(o); owner != nil {
		return owner.Kind
	}
	return "nobody"
}

// log is what was sent and said, for a test that fails.
func (x *tale) log() string {
	var lines []string
	for _, a := range x.attempts {
		lines = append(lines, fmt.Sprintf("%8s %s %d %s", a.at.Sub(x.began), a.name, a.nth, a.fault))
	}
	for _, s := range x.said {
		lines = append(lines, fmt.Sprintf("%8s says %s", s.at.Sub(x.began), s.text))
	}
	return strings.Join(lines, "\n")
}
