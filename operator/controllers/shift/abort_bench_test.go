package shift

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// The fleet of the benchmark: as many releases run, and so many of them are condemned at once.
const (
	fleetRuns, fleetBad = 734, 50
	fleetQPS            = 50
)

// fleet is an API server that keeps objects, patches them and tells its watchers. It notes when a lever came.
type fleet struct {
	mu       sync.Mutex
	objects  map[string]map[string]any // by resource and key
	version  int
	watchers map[string][]chan []byte
	first    map[string]time.Time // when a lever of a kind first came to a namespace
	looked   map[string]bool      // namespaces whose status was written
	levers   chan struct{}
}

func (f *fleet) put(o client.Object) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		panic(err)
	}
	u := &unstructured.Unstructured{Object: content}
	kind := kindName(o)
	u.SetKind(kind)
	u.SetAPIVersion(map[string]string{"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "TrafficShift": "stagger.dev/v1alpha1", "ShiftPolicy": "stagger.dev/v1alpha1", "VirtualService": "networking.istio.io/v1"}[kind])
	if u.GetAPIVersion() == "" {
		u.SetAPIVersion("v1")
	}
	f.store(resource(o), u.Object)
}

func (f *fleet) store(plural string, o map[string]any) {
	f.version++
	u := &unstructured.Unstructured{Object: o}
	u.SetResourceVersion(strconv.Itoa(f.version))
	f.objects[plural+"/"+u.GetNamespace()+"/"+u.GetName()] = o
	body, err := json.Marshal(map[string]any{"type": "MODIFIED", "object": o})
	if err != nil {
		panic(err)
	}
	for _, w := range f.watchers[plural] {
		w <- append(body, '\n')
	}
}

// patch applies a patch of whatever kind, and is the object then.
func (f *fleet) patch(plural, namespace, name string, body []byte, kind string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.objects[plural+"/"+namespace+"/"+name]
	was, err := json.Marshal(old)
	if err == nil && kind == string(types.JSONPatchType) {
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch(body); err == nil {
			was, err = p.Apply(was)
		}
	} else if err == nil {
		was, err = jsonpatch.MergePatch(was, body)
	}
	is := map[string]any{}
	if err == nil {
		err = json.Unmarshal(was, &is)
	}
	if old == nil || err != nil {
		return nil
	}
	f.store(plural, is)
	switch {
	case plural == "trafficshifts":
		f.looked[namespace] = true
	case f.first[plural+"/"+namespace].IsZero() && strings.Contains(string(body), "aborted"):
		f.first[plural+"/"+namespace] = time.Now()
		f.levers <- struct{}{}
	}
	return is
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	parts := strings.Split(strings.Trim(strings.TrimSuffix(r.URL.Path, "/status"), "/"), "/")
	switch {
	case r.Method == http.MethodPatch:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o := f.patch(parts[len(parts)-2], parts[len(parts)-3], parts[len(parts)-1], body, r.Header.Get("Content-Type"))
		if o == nil {
			w.WriteHeader(http.StatusNotFound)
			reply(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: 404})
			return
		}
		reply(w, o)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		if _, err := io.Copy(w, r.Body); err != nil {
			return
		}
	case r.URL.Query().Has("sendInitialEvents"):
		w.WriteHeader(http.StatusUnprocessableEntity)
		reply(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: 422})
	case r.URL.Query().Has("watch"):
		f.watch(w, r)
	default:
		f.list(w, r)
	}
}

func (f *fleet) watch(w http.ResponseWriter, r *http.Request) {
	events, plural := make(chan []byte, 1<<16), path.Base(r.URL.Path)
	f.mu.Lock()
	f.watchers[plural] = append(f.watchers[plural], events)
	f.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	for flush, _ := w.(http.Flusher); ; {
		flush.Flush()
		select {
		case e := <-events:
			if _, err := w.Write(e); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fleet) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plural, items := path.Base(r.URL.Path), []any{}
	for key, o := range f.objects {
		if strings.HasPrefix(key, plural+"/") {
			items = append(items, o)
		}
	}
	_, group, _ := strings.Cut(path.Dir(r.URL.Path), "/api")
	group = strings.TrimPrefix(strings.TrimPrefix(group, "s"), "/")
	singular := map[string]string{"services": "Service", "deployments": "Deployment", "replicasets": "ReplicaSet", "pods": "Pod", "trafficshifts": "TrafficShift", "shiftpolicies": "ShiftPolicy",
		"namespaces": "Namespace", "virtualservices": "VirtualService", "destinationrules": "DestinationRule", "gateways": "Gateway", "persistentvolumeclaims": "PersistentVolumeClaim", "jobs": "Job", "cronjobs": "CronJob"}[plural]
	reply(w, map[string]any{"kind": singular + "List", "apiVersion": group, "metadata": map[string]any{"resourceVersion": strconv.Itoa(f.version)}, "items": items})
}

// ship puts a namespace there with one Service in the middle of a release, whose evidence is not there yet.
func (f *fleet) ship(namespace string) {
	at := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name), Generation: 1, CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour))}
	}
	template := func(version string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "web:" + version}}}}
	}
	d := &appsv1.Deployment{ObjectMeta: at("web"), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](1), Paused: true, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: template("2")}}
	d.Labels = map[string]string{v1alpha1.HeldLabel: "true"}
	old := template("1")
	stable := &appsv1.ReplicaSet{ObjectMeta: at("web-old"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1), Template: old}}
	stable.Labels = map[string]string{"app": "web", workload.HashLabel: "old"}
	stable.Spec.Template.Labels = stable.Labels
	stable.Spec.Selector = &metav1.LabelSelector{MatchLabels: stable.Labels}
	stable.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	stable.Status = appsv1.ReplicaSetStatus{Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	hash, mark := workload.Hash(&d.Spec.Template), workload.Mark{Namespace: namespace, Shift: "web", Number: 1}
	svc := &corev1.Service{ObjectMeta: at("web"), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web", workload.HashLabel: "old"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
	svc.Labels = map[string]string{v1alpha1.NarrowedLabel: "old"}
	second := workload.CanaryService(svc, "web-canary", hash, mark)
	second.UID = types.UID(namespace + "second")
	canary := workload.ReleaseSet(d, hash, mark, second, 1)
	canary.UID, canary.Status = types.UID(namespace+"canary"), stable.Status
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	vs := route("web", map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{"route": []any{
		to("web", 990_000), to("web-canary."+namespace+".svc.cluster.local", 10_000)}}}})
	vs.SetNamespace(namespace)
	vs.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: mark.String()})
	began := metav1.NewTime(time.Now().Add(-time.Minute))
	s := &v1alpha1.TrafficShift{ObjectMeta: at("web"), Spec: v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: "standard"}, Service: v1alpha1.ServiceReference{Name: "web"}}}
	s.Finalizers = []string{v1alpha1.Finalizer}
	s.Status.Release = &v1alpha1.Release{
		Number: 1, Revision: hash, Stable: "old", State: v1alpha1.StateShifting, Step: 1, Weight: "1%", Plan: plan().Spec, Policy: "standard", StartedAt: began, StepStartedAt: &began,
		SettledAt: &began, Moves: 1, Baseline: &v1alpha1.Baseline{RequestsPerSecond: "100"}, Weights: []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: began}},
		Workload: v1alpha1.ReleaseWorkload{Deployment: "web", Base: 1},
	}
	all := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, d, stable, canary, svc, second, vs, s}
	for _, rs := range []*appsv1.ReplicaSet{stable, canary} {
		pod := &corev1.Pod{ObjectMeta: at(rs.Name + "-1"), Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
		pod.Labels, pod.OwnerReferences = rs.Spec.Template.Labels, []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
		all = append(all, pod)
	}
	for _, o := range all {
		f.put(o)
	}
}

func plan() *v1alpha1.ShiftPolicy {
	return &v1alpha1.ShiftPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard"}, Spec: v1alpha1.ShiftPolicySpec{
		Steps:        []v1alpha1.Step{{Weight: "1%", Hold: "1m"}, {Weight: "100%", Hold: "1m"}},
		Objectives:   []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}},
		Undetermined: v1alpha1.Deadline{After: "30m", Action: v1alpha1.ActionHold}, SharedBreach: v1alpha1.Deadline{After: "10m", Action: v1alpha1.ActionHold},
		Workload: v1alpha1.WorkloadLimits{ReadyWithin: "10m", Drain: "30s"},
	}}
}

// run is the controller on the fleet, as the operator runs it, until the test ends.
func (f *fleet) run(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(f)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Service"), corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), batchv1.SchemeGroupVersion.WithKind("Job"), batchv1.SchemeGroupVersion.WithKind("CronJob"), appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), v1alpha1.GroupVersion.WithKind("TrafficShift"), virtualServiceKind, destinationRuleKind, gatewayKind,
	} {
		mapper.Add(k, meta.RESTScopeNamespace)
	}
	for _, k := range []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("Namespace"), v1alpha1.GroupVersion.WithKind("ShiftPolicy")} {
		mapper.Add(k, meta.RESTScopeRoot)
	}
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}, QPS: fleetQPS, Burst: 2 * fleetQPS}
	options := manager.Options{Scheme: scheme, Client: client.Options{Cache: &client.CacheOptions{Unstructured: true, EnableReadYourWritesConsistency: new(true)}},
		Metrics: metricsserver.Options{BindAddress: "0"}, MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil }}
	options.Controller.SkipNameValidation = new(true)
	m, err := manager.New(config, options)
	if err != nil {
		t.Fatal(err)
	}
	loop, err := evidence.New(evidence.Settings{Sources: []evidence.Source{{Name: "default", Kind: "Nothing", Counter: mute{}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := Setup(m, Settings{Loop: loop, Hold: "Always", FastTick: 15 * time.Second, SlowTick: time.Minute,
		Bounds: release.Bounds{Push: 12 * time.Second, Settle: 45 * time.Second, Between: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
}

// until waits until so many are there.
func (f *fleet) until(t testing.TB, there func() int, want int) {
	t.Helper()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		f.mu.Lock()
		n := there()
		f.mu.Unlock()
		if n >= want {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("it takes too long")
		}
	}
}

// newFleet has so many running releases, each in a namespace of its own.
func newFleet(runs int) *fleet {
	f := &fleet{objects: map[string]map[string]any{}, watchers: map[string][]chan []byte{}, first: map[string]time.Time{}, looked: map[string]bool{}, levers: make(chan struct{}, 4*runs)}
	f.put(plan())
	for i := range runs {
		f.ship(fmt.Sprintf("team-%d", i))
	}
	return f
}

// aborts commands the abort of the release in namespace number i.
func (f *fleet) aborts(t testing.TB, i int) {
	t.Helper()
	body := fmt.Sprintf(`{"metadata":{"annotations":{%q:"abort 1 t%d why"}}}`, v1alpha1.CommandAnnotation, i)
	if f.patch("trafficshifts", fmt.Sprintf("team-%d", i), "web", []byte(body), string(types.MergePatchType)) == nil {
		t.Fatal("the command is not taken")
	}
}

// The controllers are set up as the operator sets them up, and both levers of a release are pulled that is aborted by command.
func TestTheControllersTakeAReleaseBack(t *testing.T) {
	f := newFleet(3)
	f.run(t)
	f.until(t, func() int { return len(f.looked) }, 3)
	f.aborts(t, 1)
	for range 2 {
		select {
		case <-f.levers:
		case <-most(t).Done():
			t.Fatal("a lever is not pulled")
		}
	}
}

// BenchmarkAborts says how long it takes from the commands to abort 50 of 734 running releases until both levers of each are pulled, and how long the
// first passes over all of them take, whose status writes go by the limit of calls.
func BenchmarkAborts(b *testing.B) {
	for b.Loop() {
		f := newFleet(fleetRuns)
		f.run(b)
		f.until(b, func() int { return len(f.looked) }, fleetRuns/4) // most passes still wait for the limit
		began := time.Now()
		for i := range fleetBad {
			f.aborts(b, i*fleetRuns/fleetBad)
		}
		var took []float64
		for range 2 * fleetBad {
			<-f.levers
			took = append(took, time.Since(began).Seconds())
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], "s/lever-p50")
		b.ReportMetric(took[len(took)*99/100], "s/lever-p99")
	}
}
