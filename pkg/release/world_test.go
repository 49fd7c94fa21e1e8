package release_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
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
	"github.com/stagger-dev/stagger/pkg/workload"
)

// Times of the cluster.
const (
	tick      = 5 * time.Second
	startup   = 10 * time.Second
	crashes   = 15 * time.Second
	ending    = 5 * time.Second
	proofTime = 30 * time.Second
)

// Names of what is in it, and of who writes.
const (
	namespace = "shop"
	web       = "web"
	policy    = "standard"
	operator  = "stagger"
	gitops    = "argocd"
)

// epoch is when every scenario begins.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster of real objects, what the counts say, and what the operator's process has in memory.
type world struct {
	store       *inmemory.Store
	controllers *inmemory.Controllers
	bounds      release.Bounds
	mode        release.HoldMode
	again       bool // the Service is annotated anew while it is still being let go
	stopped     bool // no process of the operator runs

	counts, stale string
	proxies       string // what the proxies say that are read; empty: none is read
	told          bool   // the gateways have been told of the canary
	clientErrors  release.ClientErrors
	ofPods        evidence.ByPod   // what the pods of a suspected canary report
	met           evidence.Counts  // the requests that the canary met and that can be counted
	known         evidence.Counts  // those of them that are counted
	counted       v1alpha1.Counted // up to when they are counted
	rate          float64          // requests per second
	drift         int64            // the measured share, when it is not the wanted one; 0: it is
	pastUnknown   bool
	phi           string // how the stable's bad requests came; empty: nobody has looked
	memory, saved memory // of the process, and what of it the status remembers

	pusher    string          // who changes the template now; empty: no admission policy names him
	succeeded map[string]bool // Jobs that have succeeded, by UID and the revision that they checked

	order    *rand.Rand // in which lists are read
	compared int64      // the version of the store at which two passes were compared last

	written    writes
	failed     bool                 // a write of the last pass was refused
	faults     map[release.Verb]int // how many writes of a verb are going to be refused
	deny       error                // with what; nil: by an error of the server
	denied     *release.Denial      // what the process knows of it
	deniedVerb release.Verb
	death      death
	onGive     func(*world) // what happens in the instant of the handover
	watch      *watch
	out        transcript
	volumes    []corev1.Volume   // of the templates that are pushed
	alias      map[string]string // templates by their hash, for people
}

// memory is what dies with the process.
type memory struct {
	seen    bool
	covered time.Duration
	step    string
	told    cluster.Told
}

// death says after which write the operator is killed.
type death struct {
	verb   release.Verb
	writes int // counts down; 0 is never
	made   int // all writes that were made
}

func newWorld() *world {
	w := &world{
		store: &inmemory.Store{Now: epoch}, bounds: release.Bounds{Push: 10 * time.Second, Settle: time.Minute, Between: 30 * time.Second},
		mode: release.HoldOnChange, rate: 100, counts: "good", faults: map[release.Verb]int{}, succeeded: map[string]bool{}, order: rand.New(rand.NewPCG(1, 1)), watch: &watch{}, alias: map[string]string{},
	}
	w.controllers = &inmemory.Controllers{Startup: startup, Crashes: crashes, Collecting: ending,
		Started: func(rs *appsv1.ReplicaSet) { w.watch.native(w, rs) }}
	w.store.Admit = []func(*inmemory.Request) error{w.hold}
	w.store.Put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	w.setPolicy("1%/1m", "25%/1m", "100%/1m")
	w.store.Put(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: web, Annotations: map[string]string{v1alpha1.PolicyAnnotation: policy}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": web},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	})
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: web},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](4), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": web}},
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType}, Template: w.template("v1")},
	}
	w.store.Put(d)
	stable := inmemory.SetOf(d, "v1")
	stable.Spec.Replicas = ptr.To[int32](4)
	stable.Annotations = map[string]string{"deployment.kubernetes.io/desired-replicas": "4"}
	w.store.Put(stable)
	w.store.Put(virtualService(web, destination(web, 0)))
	w.store.Put(w.newShift())
	w.controllers.Run(w.store)
	w.store.Now = epoch.Add(startup)
	w.controllers.Run(w.store)
	w.count()
	w.watch.begin("v1")
	w.out.world = w
	return w
}

// template is the pod template of a version.
func (w *world) template(version string) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": web}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image(version)}}, Volumes: w.volumes},
	}
	w.alias[workload.Hash(&t)] = version
	return t
}

func image(version string) string { return "web:" + version }

// version is that of a template.
func version(t *corev1.PodTemplateSpec) string { return strings.TrimPrefix(inmemory.Image(t), "web:") }

func virtualService(name string, destinations ...any) *unstructured.Unstructured {
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"spec": map[string]any{"hosts": []any{name}, "http": []any{map[string]any{"route": destinations}}},
	}}
	vs.SetNamespace(namespace)
	vs.SetName(name)
	return vs
}

// destination is one of a route; a weight of 0 is left out.
func destination(host string, weight int64) any {
	d := map[string]any{"destination": map[string]any{"host": host}}
	if weight > 0 {
		d["weight"] = weight
	}
	return d
}

func (w *world) newShift() *v1alpha1.TrafficShift {
	return &v1alpha1.TrafficShift{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: web, Finalizers: []string{v1alpha1.Finalizer}},
		Spec: v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: policy}, Service: v1alpha1.ServiceReference{Name: web},
			Control: v1alpha1.ControlAuto},
	}
}

func (w *world) setPolicy(steps ...string) {
	w.store.Put(&v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: policy}, Spec: *release.PlanOf(steps...)})
}

// hold is the admission policy of the manifests: a held Deployment is paused in the write that changes its template.
func (w *world) hold(r *inmemory.Request) error {
	was, before := r.Old.(*appsv1.Deployment)
	is, after := r.Object.(*appsv1.Deployment)
	if before && after && w.mode == release.HoldOnChange && was.Labels[v1alpha1.HeldLabel] == "true" &&
		!workload.SameTemplate(&was.Spec.Template, &is.Spec.Template) {
		is.Spec.Paused = true
	}
	if before && after && w.mode == release.HoldOnChange && was.Labels[v1alpha1.HeldLabel] == "true" && r.Manager != operator {
		is.Annotations = w.sign(was.Annotations, is.Annotations, !workload.SameTemplate(&was.Spec.Template, &is.Spec.Template))
	}
	return nil
}

// edit changes an object as somebody else than the operator does, through admission where it is a Deployment.
func edit[T interface {
	cluster.Object
	DeepCopy() T
}](w *world, o T, change func(T)) {
	changed := o.DeepCopy()
	change(changed)
	r := &inmemory.Request{Old: o, Object: changed, Manager: "kubectl"}
	if err := w.hold(r); err != nil {
		panic(err)
	}
	if o.GetGeneration() > 0 {
		changed.SetGeneration(o.GetGeneration() + 1)
	}
	w.store.Put(changed)
}

func (w *world) shift() *v1alpha1.TrafficShift {
	return inmemory.Find[*v1alpha1.TrafficShift](w.store, namespace, web)
}

func (w *world) record() *v1alpha1.Release {
	if s := w.shift(); s != nil {
		return s.Status.Release
	}
	return nil
}

func (w *world) forgotten() bool { return w.shift() == nil }

func (w *world) managed() bool { s := w.shift(); return s != nil && s.DeletionTimestamp.IsZero() }

func (w *world) deployment() *appsv1.Deployment {
	return inmemory.Find[*appsv1.Deployment](w.store, namespace, web)
}

func (w *world) service() *corev1.Service {
	return inmemory.Find[*corev1.Service](w.store, namespace, web)
}

func (w *world) canaryService() *corev1.Service {
	return inmemory.Find[*corev1.Service](w.store, namespace, web+"-canary")
}

// narrowed is the pod-template-hash that the Service selects, and whether it bears our label.
func (w *world) narrowed() (hash string, marked bool) {
	svc := w.service()
	if svc == nil {
		return "", false
	}
	return svc.Spec.Selector[workload.HashLabel], svc.Labels[v1alpha1.NarrowedLabel] != ""
}

// rules counts the DestinationRules of users and those of the operator's.
func (w *world) rules() (users, copies int) {
	for _, dr := range w.store.ListKind("DestinationRule") {
		if dr.GetLabels()[workload.ManagedByLabel] == workload.ManagedBy {
			copies++
		} else {
			users++
		}
	}
	return users, copies
}

func (w *world) copied() bool {
	_, copies := w.rules()
	return copies > 0
}

// target is whose traffic is moved, and which way.
func (w *world) target() routing.Target {
	s := w.shift()
	if s == nil {
		s = w.newShift()
	}
	return cluster.TargetOf(s, "")
}

// route is what a VirtualService that takes part gives the canary.
type route struct {
	name                  string
	share                 int64
	marked, aborted, made bool
}

func (w *world) routes() []route {
	var all []route
	for _, vs := range w.store.ListKind("VirtualService") {
		if !w.takesPart(vs) {
			continue
		}
		_, high, found := routing.Share(vs, w.target())
		r := route{name: vs.GetNamespace() + "/" + vs.GetName(), share: high, made: vs.GetLabels()[workload.ManagedByLabel] == workload.ManagedBy}
		for _, m := range routing.Marks(vs) {
			r.marked, r.aborted = true, m.Aborted
		}
		if w.target().Arms != nil && !r.marked {
			r.share = 0 // weights without our mark are their owner's
		}
		if found || r.marked {
			all = append(all, r)
		}
	}
	return all
}

// set is a ReplicaSet; owner is "deployment", "release" or "" when nobody has it any more.
type set struct {
	name, hash, owner, version string
	replicas, available, pods  int32
	serves                     int // pods that can answer
	*appsv1.ReplicaSet
}

func (w *world) sets() []set {
	var all []set
	for _, rs := range inmemory.List[*appsv1.ReplicaSet](w.store) {
		s := set{name: rs.Name, hash: workload.HashOf(rs), version: version(&rs.Spec.Template), replicas: ptr.Deref(rs.Spec.Replicas, 1),
			available: rs.Status.AvailableReplicas, pods: rs.Status.Replicas, ReplicaSet: rs}
		for _, p := range inmemory.List[*corev1.Pod](w.store) {
			if metav1.IsControlledBy(p, rs) && workload.Serving(p) {
				s.serves++
			}
		}
		switch owner := metav1.GetControllerOf(rs); {
		case owner == nil:
		case owner.Kind == "Deployment":
			s.owner = "deployment"
		default:
			s.owner = "release"
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b set) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(string(a.UID), string(b.UID)))
	})
	return all
}

func (w *world) owned() []set {
	return slices.DeleteFunc(w.sets(), func(s set) bool { return s.owner != "deployment" })
}

func (w *world) ours() (set, bool) {
	all := w.sets()
	i := slices.IndexFunc(all, func(s set) bool { return s.owner == "release" })
	if i < 0 {
		return set{}, false
	}
	return all[i], true
}

// serving counts the pods of a hash that can be endpoints.
func (w *world) serving(hash string) int32 {
	var n int32
	for _, p := range inmemory.List[*corev1.Pod](w.store) {
		if p.Labels[workload.HashLabel] == hash && p.Labels["app"] == web && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodFailed {
			n++
		}
	}
	return n
}

// waits says whether the Deployment's template is another than the one that runs.
func (w *world) waits() bool {
	for _, s := range w.owned() {
		if s.replicas > 0 && s.version == version(&w.deployment().Spec.Template) {
			return false
		}
	}
	return true
}
