package simulate

import (
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// The cluster has one Deployment in the middle of a change, with as many pods as are wanted, at once.
const (
	name      = "simulated"
	operator  = "stagger"
	replicas  = 10
	namespace = "default"
)

// world is the cluster of a release: a few objects in memory, which the operator's own functions observe and write.
type world struct {
	baseline    *v1alpha1.Baseline
	store       *inmemory.Store
	controllers *inmemory.Controllers
	view        *cluster.View // of the store at that version
	version     int64
	over        v1alpha1.ReleaseState
}

func newWorld(plan v1alpha1.ShiftPolicySpec, baseline *v1alpha1.Baseline, begin time.Time) world {
	w := world{baseline: baseline, store: &inmemory.Store{Now: begin}, controllers: &inmemory.Controllers{}, version: -1}
	labels := map[string]string{"app": name}
	template := func(version string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: version}}}}
	}
	meta := func(labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
	}
	d := &appsv1.Deployment{ObjectMeta: meta(map[string]string{v1alpha1.HeldLabel: "true"}), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](replicas), Paused: true, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template("old")}}
	w.store.Put(d)
	stable := inmemory.SetOf(d, "old")
	stable.Spec.Replicas = ptr.To[int32](replicas)
	w.store.Put(stable)
	pushed := d.DeepCopy()
	pushed.Spec.Template = template("new")
	vs := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": map[string]any{
		"hosts": []any{name}, "http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": name}}}}}}}}
	vs.SetNamespace(namespace)
	vs.SetName(name)
	for _, o := range []cluster.Object{
		pushed, vs,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Service{ObjectMeta: meta(nil), Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}},
		&v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: plan},
		&v1alpha1.TrafficShift{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{v1alpha1.Finalizer}},
			Spec:       v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: name}, Service: v1alpha1.ServiceReference{Name: name}},
		},
	} {
		w.store.Put(o)
	}
	w.controllers.Run(w.store)
	return w
}

// record is what the status says of the release; nil before it began.
func (w *world) record() *v1alpha1.Release {
	return inmemory.Find[*v1alpha1.TrafficShift](w.store, namespace, name).Status.Release
}

// share is what the routes give the canary, in millionths.
func (w *world) share() int64 {
	_, highest, _ := routing.Share(w.store.FindKind("VirtualService", namespace, name), routing.Target{Namespace: namespace, Service: name})
	return highest
}

// observe is the cluster as the operator sees it.
func (w *world) observe(e release.Evidence, now time.Time) *cluster.View {
	if w.version != w.store.Version() {
		objects, _ := w.store.Objects(namespace, name)
		objects.Hold = release.HoldOnChange
		bounds := release.Bounds{Settle: settleBound, Between: evidence.DefaultSlow}
		w.view, w.version = cluster.Observe(objects, cluster.Settings{Bounds: bounds, Manager: operator}, now), w.store.Version()
	}
	w.view.Weigh(e)
	return w.view
}

// write carries out a decision, and says whether anything has changed.
func (w *world) write(v *cluster.View, d release.Decision) (bool, error) {
	before := w.store.Version()
	for _, write := range cluster.Plan(v, d) {
		if write.Kind == cluster.Status {
			shift, err := w.store.PatchStatus(v.Shift, *write.Status)
			if err != nil {
				return false, fmt.Errorf("%s: %w", write, err)
			}
			v.Stored(shift)
			continue
		}
		if err := w.store.Send(&write, operator); err != nil {
			return false, fmt.Errorf("%s: %w", write, err)
		}
		w.controllers.Run(w.store)
	}
	for _, a := range d.Writes() {
		switch a.Verb {
		case release.AbortService, release.AbortRoutes:
			w.over = v1alpha1.StateAborted
		case release.GiveSet:
			w.over = v1alpha1.StatePromoted
		}
	}
	if d.Release != nil {
		status := cluster.StatusOf(v, d, d.Release)
		if !cluster.SameButNumbers(v.Shift.Status, status) {
			shift, err := w.store.PatchStatus(v.Shift, status)
			if err != nil {
				return false, fmt.Errorf("writing the record: %w", err)
			}
			v.Stored(shift)
		}
	}
	return w.store.Version() != before, nil
}

// past is what the hours before the release say, as far back as the operator asks for it: minutes of the stable alone.
func past(s Setup) *v1alpha1.Baseline {
	b := &v1alpha1.Baseline{}
	history := make([][]evidence.Counts, len(s.Traffic.Stable))
	source, config := newSource(s.Traffic, Canary{}, s.Seed^0x5eed), evidence.ConfigOf(s.Plan, nil)
	rate := 0.0
	for _, span := range evidence.Histories() {
		for m := len(history[0]); m < int(span/time.Minute); m++ {
			sum := newArm(len(history))
			for sec := range 60 {
				sum.add(source.make(moment{at: time.Duration(m*60+sec) * second, length: second, callers: 1}).stable)
			}
			for i := range history {
				history[i] = append(history[i], evidence.Counts{Requests: sum.requests, Bad: min(sum.bad[i], sum.requests)})
			}
			if m < 5 {
				rate = max(rate, sum.requests/60)
			}
		}
		b.History = v1alpha1.DurationOf(span)
		if enough(history, config) {
			break
		}
	}
	b.RequestsPerSecond = number(rate)
	for i, o := range s.Plan.Objectives {
		b.Objectives = append(b.Objectives, evidence.Disperse(history[i], config.Objectives[i].Limit).Of(o.Name))
	}
	return b
}

func enough(history [][]evidence.Counts, config evidence.Config) bool {
	for i, o := range config.Objectives {
		if !evidence.Enough(history[i], o.Limit) {
			return false
		}
	}
	return true
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
