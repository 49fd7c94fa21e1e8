package shift

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// silent is an API server whose watches tell nothing, so that caches stay as they were filled. A patch of a Service hangs until the test
// ends; one of anything else makes version 2 of it.
type silent struct {
	objects []client.Object
	hangs   chan struct{} // closed when a patch hangs
}

func (s *silent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // until then a server does not notice that its caller is gone
		return
	}
	switch {
	case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/services/"):
		close(s.hangs)
		<-r.Context().Done()
	case r.Method == http.MethodPatch:
		o := s.named(path.Base(path.Dir(r.URL.Path)), path.Base(r.URL.Path))
		o.SetResourceVersion("2")
		reply(w, o)
	case r.URL.Query().Has("sendInitialEvents"): // lists are asked for the old way then
		w.WriteHeader(http.StatusUnprocessableEntity)
		reply(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: 422})
	case r.URL.Query().Has("watch"):
		w.WriteHeader(http.StatusOK)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-r.Context().Done()
	default:
		items, kind := []client.Object{}, ""
		for _, o := range s.objects {
			if resource(o) == path.Base(r.URL.Path) {
				items, kind = append(items, o), kindName(o)+"List"
			}
		}
		_, group, _ := strings.Cut(path.Dir(r.URL.Path), "/api")
		group = strings.TrimPrefix(strings.TrimPrefix(group, "s"), "/")
		reply(w, map[string]any{"kind": kind, "apiVersion": group, "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
	}
}

func reply(w http.ResponseWriter, o any) {
	if err := json.NewEncoder(w).Encode(o); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (s *silent) named(plural, name string) client.Object {
	for _, o := range s.objects {
		if resource(o) == plural && o.GetName() == name {
			copied, ok := o.DeepCopyObject().(client.Object)
			if ok {
				return copied
			}
		}
	}
	return nil
}

func resource(o client.Object) string {
	plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: kindName(o)})
	return plural.Resource
}

// connected is the manager's client, as options.Manager has it made, and a loader on its caches.
func connected(t *testing.T) (client.Client, *loader, *silent) {
	t.Helper()
	s := &silent{objects: town(3), hangs: make(chan struct{})}
	for _, o := range s.objects {
		o.SetResourceVersion("1")
	}
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(s)
	t.Cleanup(func() { stop(); server.CloseClientConnections(); server.Close() })
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Service"), corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), batchv1.SchemeGroupVersion.WithKind("Job"), batchv1.SchemeGroupVersion.WithKind("CronJob"), appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), v1alpha1.GroupVersion.WithKind("TrafficShift"), virtualServiceKind, destinationRuleKind,
	} {
		mapper.Add(k, meta.RESTScopeNamespace)
	}
	for _, k := range []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("Namespace"), v1alpha1.GroupVersion.WithKind("ShiftPolicy")} {
		mapper.Add(k, meta.RESTScopeRoot)
	}
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}, QPS: -1}
	caches, err := cache.New(config, cache.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	if err := AddIndices(ctx, caches, ""); err != nil {
		t.Fatal(err)
	}
	go func() { _ = caches.Start(ctx) }() // it returns when the test ends
	if !caches.WaitForCacheSync(ctx) {
		t.Fatal("the caches were not filled")
	}
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper,
		Cache: &client.CacheOptions{Reader: caches, Unstructured: true, EnableReadYourWritesConsistency: new(true)}})
	if err != nil {
		t.Fatal(err)
	}
	return c, newLoader(c, c, newWritten(clock.RealClock{}), Settings{}), s
}

// most is far more than any of this takes: it makes a read that waits for a write fail.
func most(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(stop)
	return ctx
}

// The client's own consistency does not hold for objects without a Go type: see hack/rfc/0005-reads-of-ones-own-writes.md.
func TestARouteIsReadAsWrittenAlthoughTheClientReadsItAsItWas(t *testing.T) {
	c, l, _ := connected(t)
	vs := virtualService()
	if err := c.Get(most(t), shopKey("web-1"), vs); err != nil {
		t.Fatal(err)
	}
	if err := c.Patch(most(t), vs, client.RawPatch(types.JSONPatchType, []byte(`[]`))); err != nil {
		t.Fatal(err)
	}
	l.written.note(shopKey("web-1"), vs)
	plain := virtualService()
	if err := c.Get(most(t), shopKey("web-1"), plain); err != nil || plain.GetResourceVersion() != "1" {
		t.Errorf("the client read version %s, %v: it keeps its promise now, and RFC 0005 is out of date", plain.GetResourceVersion(), err)
	}
	o, found, err := l.load(most(t), shopKey("web-1"))
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, u := range o.Routes {
		if u.GetName() == "web-1" && u.GetResourceVersion() != "2" {
			t.Errorf("the route was read in version %s, want that of the write", u.GetResourceVersion())
		}
	}
}

func TestAWriteThatHangsDelaysNoReadOfOthers(t *testing.T) {
	c, l, s := connected(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-2"}}
		ended <- c.Patch(ctx, svc, client.RawPatch(types.JSONPatchType, []byte(`[]`)))
	}()
	<-s.hangs
	for _, name := range []string{"web-1", "web-2"} {
		if _, found, err := l.load(most(t), shopKey(name)); err != nil || !found {
			t.Errorf("loading %s: found %v, %v", name, found, err)
		}
	}
	m := newMapper(c, "")
	if got := m.woken(t, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"}}); len(got) != 1 {
		t.Errorf("%v were woken", got)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("the write did not hang: the test says nothing")
	}
}
