package clitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	appsv1 "k8s.io/api/apps/v1"
	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Server is an API server for TrafficShifts and Services: it applies JSON patches for real, counts resource versions and sends watches.
type Server struct {
	t *testing.T
	// Mu is held while the fields below are used beside the server.
	Mu sync.Mutex
	// Shifts are the objects by namespace/name, Services the ones that exist, in any state of management.
	Shifts   map[string]*v1alpha1.TrafficShift
	Services map[string]*corev1.Service
	// Deployments are those that may be read; for one that is nil, the server fails.
	Deployments map[string]*appsv1.Deployment
	// Lease is that of the operator; nil where it may not be read.
	Lease *coordination.Lease
	// Lists counts the lists of all Deployments, each of ListedFrom, a resource version.
	Lists      int
	ListedFrom string
	// Clock is the server's; Now unless it is set.
	Clock func() time.Time
	// Version is the last resource version.
	Version int
	// events are what watches see, grown is closed and replaced when there is one more.
	events []event
	grown  chan struct{}
	// BeforePatch and AfterPatch are what others do just then, with the lock held; they may be nil.
	BeforePatch, AfterPatch func()
	// OnWatch is what others do when the first watch has begun, with the lock held; it may be nil.
	OnWatch func()
	// Deny answers every request, DenyPatch every patch, DenyAll every list of all namespaces, with this status when it is not nil.
	Deny, DenyPatch, DenyAll *metav1.Status
	// Forgotten makes the next watch answer that it is too late to begin where it wants to.
	Forgotten bool
	// Absent makes the server one without Stagger.
	Absent bool
	// Cut breaks all connections off, once the server is started.
	Cut func()
	// Patches are the bodies that came.
	Patches []string
}

type event struct {
	Type    string                 `json:"type"`
	Object  *v1alpha1.TrafficShift `json:"object"`
	version int
}

// NewServer holds some TrafficShifts.
func NewServer(t *testing.T, shifts ...*v1alpha1.TrafficShift) *Server {
	s := &Server{t: t, Clock: func() time.Time { return Now }, Shifts: map[string]*v1alpha1.TrafficShift{}, Services: map[string]*corev1.Service{}, Deployments: map[string]*appsv1.Deployment{}, grown: make(chan struct{})}
	for _, shift := range shifts {
		s.Put(shift)
	}
	return s
}

// Put stores an object and tells watches of it.
func (s *Server) Put(shift *v1alpha1.TrafficShift) {
	s.Version++
	shift = shift.DeepCopy()
	shift.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "TrafficShift"}
	shift.ResourceVersion = strconv.Itoa(s.Version)
	s.Shifts[shift.Namespace+"/"+shift.Name] = shift
	s.tell("MODIFIED", shift)
}

// Change rewrites one object as the operator would.
func (s *Server) Change(key string, with func(*v1alpha1.TrafficShift)) {
	shift := s.Shifts[key].DeepCopy()
	with(shift)
	s.Put(shift)
}

// Remove deletes one object and tells watches of it.
func (s *Server) Remove(key string) {
	s.Version++
	shift := s.Shifts[key].DeepCopy()
	shift.ResourceVersion = strconv.Itoa(s.Version)
	delete(s.Shifts, key)
	s.tell("DELETED", shift)
}

func (s *Server) tell(kind string, shift *v1alpha1.TrafficShift) {
	s.events = append(s.events, event{Type: kind, Object: shift, version: s.Version})
	close(s.grown)
	s.grown = make(chan struct{})
}

// Kubeconfig starts the server and writes the file that leads to it, with namespace shop.
func (s *Server) Kubeconfig() string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis", s.groups)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/services/{name}", s.service)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/services", s.services)
	mux.HandleFunc("GET /apis/apps/v1/deployments", s.operators)
	mux.HandleFunc("GET /apis/apps/v1/namespaces/{ns}/deployments/{name}", s.deployment)
	mux.HandleFunc("GET /apis/coordination.k8s.io/v1/namespaces/stagger-system/leases", s.leases)
	mux.HandleFunc("GET /apis/stagger.dev/v1alpha1/trafficshifts", s.list)
	mux.HandleFunc("GET /apis/stagger.dev/v1alpha1/shiftpolicies/{name}", s.policy)
	mux.HandleFunc("GET /apis/stagger.dev/v1alpha1/shiftpolicies", s.policies)
	mux.HandleFunc("GET /apis/stagger.dev/v1alpha1/namespaces/{ns}/trafficshifts", s.list)
	mux.HandleFunc("GET /apis/stagger.dev/v1alpha1/namespaces/{ns}/trafficshifts/{name}", s.get)
	mux.HandleFunc("PATCH /apis/stagger.dev/v1alpha1/namespaces/{ns}/trafficshifts/{name}", s.patch)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Mu.Lock()
		deny := s.Deny
		s.Mu.Unlock()
		w.Header().Set("Date", s.Clock().UTC().Format(http.TimeFormat))
		switch {
		case deny != nil:
			s.answer(w, int(deny.Code), deny)
		case s.Absent && strings.HasPrefix(r.URL.Path, "/apis/stagger.dev"):
			http.NotFound(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(web.Close)
	s.Cut = web.CloseClientConnections
	return Kubeconfig(s.t, web.URL)
}

// Kubeconfig writes the file that leads to an API server, with namespace shop.
func Kubeconfig(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], users: [{name: u}],"+
		" contexts: [{name: c, context: {cluster: c, user: u, namespace: shop}}]}", url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *Server) answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		s.t.Errorf("answering: %v", err)
	}
}

func (s *Server) refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	s.answer(w, code, Failure(code, reason, message))
}

func (s *Server) groups(w http.ResponseWriter, _ *http.Request) {
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
	if !s.Absent {
		v := metav1.GroupVersionForDiscovery{GroupVersion: v1alpha1.GroupVersion.String(), Version: v1alpha1.GroupVersion.Version}
		list.Groups = []metav1.APIGroup{{Name: v1alpha1.GroupVersion.Group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v}}
	}
	s.answer(w, http.StatusOK, list)
}

// operators serves the operator's Deployment, if it is asked for by its label.
func (s *Server) operators(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("labelSelector") == "" {
		s.Mu.Lock()
		s.Lists, s.ListedFrom = s.Lists+1, r.URL.Query().Get("resourceVersion")
		s.Mu.Unlock()
		s.refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "deployments.apps may not be listed")
		return
	}
	if got := r.URL.Query().Get("labelSelector"); got != "app.kubernetes.io/name=stagger" {
		s.t.Errorf("Deployments are asked for by %q", got)
	}
	d := appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: "stagger", Namespace: "stagger-system"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "operator", Image: "stagger:v0.0.9"}}
	s.answer(w, http.StatusOK, appsv1.DeploymentList{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DeploymentList"}, Items: []appsv1.Deployment{d}})
}

func (s *Server) service(w http.ResponseWriter, r *http.Request) {
	found, ok := s.Services[r.PathValue("ns")+"/"+r.PathValue("name")]
	if !ok {
		s.refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "services not found")
		return
	}
	s.answer(w, http.StatusOK, found)
}

func (s *Server) services(w http.ResponseWriter, r *http.Request) {
	list := corev1.ServiceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceList"}}
	for key, service := range s.Services {
		if strings.HasPrefix(key, r.PathValue("ns")+"/") {
			list.Items = append(list.Items, *service)
		}
	}
	s.answer(w, http.StatusOK, list)
}

// policy serves the shipped policies.
func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	p, err := shipped(r.PathValue("name"))
	if err != nil {
		s.refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "shiftpolicies.stagger.dev \""+r.PathValue("name")+"\" not found")
		return
	}
	s.answer(w, http.StatusOK, p)
}

func (s *Server) policies(w http.ResponseWriter, _ *http.Request) {
	list := v1alpha1.ShiftPolicyList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ShiftPolicyList"}}
	for _, name := range []string{"standard", "cautious", "fast"} {
		p, err := shipped(name)
		if err != nil {
			s.t.Errorf("reading the policy %s: %v", name, err)
			continue
		}
		list.Items = append(list.Items, *p)
	}
	s.answer(w, http.StatusOK, list)
}

func shipped(name string) (*v1alpha1.ShiftPolicy, error) {
	body, err := os.ReadFile(filepath.Join(repository(), "manifests/policies", name+".yaml"))
	if err != nil {
		return nil, err
	}
	p := &v1alpha1.ShiftPolicy{}
	return p, yaml.UnmarshalStrict(body, p)
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	found, ok := s.Shifts[r.PathValue("ns")+"/"+r.PathValue("name")]
	if !ok {
		s.refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "trafficshifts not found")
		return
	}
	s.answer(w, http.StatusOK, found)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		s.watch(w, r)
		return
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.DenyAll != nil && r.PathValue("ns") == "" {
		s.answer(w, int(s.DenyAll.Code), s.DenyAll)
		return
	}
	list := v1alpha1.TrafficShiftList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "TrafficShiftList"},
		ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.Version)}, Items: []v1alpha1.TrafficShift{}}
	for _, key := range slices.Sorted(maps.Keys(s.Shifts)) {
		shift := s.Shifts[key]
		if ns := r.PathValue("ns"); (ns == "" || ns == shift.Namespace) && selected(r, shift) {
			list.Items = append(list.Items, *shift)
		}
	}
	s.answer(w, http.StatusOK, list)
}

func selected(r *http.Request, shift *v1alpha1.TrafficShift) bool {
	name, one := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	return !one || name == shift.Name
}

// watch sends what happened after the resource version asked for, until the client goes.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil {
		s.t.Errorf("watch from %q", r.URL.Query().Get("resourceVersion"))
	}
	s.Mu.Lock()
	forgotten := s.Forgotten
	s.Forgotten = false
	if happens := s.OnWatch; happens != nil && !forgotten {
		s.OnWatch = nil
		happens()
	}
	s.Mu.Unlock()
	if forgotten {
		s.answer(w, http.StatusOK, map[string]any{"type": "ERROR", "object": Failure(http.StatusGone, metav1.StatusReasonExpired, "too old resource version")})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", s.Clock().UTC().Format(http.TimeFormat)) // others may have taken their time
	w.WriteHeader(http.StatusOK)
	for {
		s.Mu.Lock()
		news, grown := s.events, s.grown
		s.Mu.Unlock()
		for _, e := range news {
			if e.version <= after || !selected(r, e.Object) {
				continue
			}
			if json.NewEncoder(w).Encode(e) != nil {
				return // the client has seen enough
			}
			after = e.version
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-grown:
		case <-r.Context().Done():
			return
		}
	}
}

// patch answers as the real one does: 409 when the resource version is another, 422 when a test fails.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if got, want := r.Header.Get("Content-Type"), "application/json-patch+json"; got != want {
		s.t.Errorf("patch of type %s, want %s", got, want)
	}
	if s.BeforePatch != nil {
		s.BeforePatch()
	}
	if s.DenyPatch != nil {
		s.answer(w, int(s.DenyPatch.Code), s.DenyPatch)
		return
	}
	var operations json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&operations); err != nil {
		s.t.Errorf("reading the patch: %v", err)
	}
	s.Patches = append(s.Patches, string(operations))
	key := r.PathValue("ns") + "/" + r.PathValue("name")
	before := s.Shifts[key]
	after, err := patched(before, operations)
	switch {
	case err != nil:
		s.refuse(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, err.Error())
		return
	case after.ResourceVersion != before.ResourceVersion:
		s.refuse(w, http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")
		return
	}
	if r.URL.Query().Get("dryRun") == "All" {
		s.answer(w, http.StatusOK, after)
		return
	}
	s.Put(after)
	s.answer(w, http.StatusOK, s.Shifts[key])
	if s.AfterPatch != nil {
		s.AfterPatch()
	}
}

func patched(shift *v1alpha1.TrafficShift, operations []byte) (*v1alpha1.TrafficShift, error) {
	p, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(shift)
	if err != nil {
		return nil, err
	}
	if data, err = p.Apply(data); err != nil {
		return nil, err
	}
	after := &v1alpha1.TrafficShift{}
	return after, json.Unmarshal(data, after)
}
