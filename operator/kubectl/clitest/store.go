package clitest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// Store is an API server for objects of any kind, by their paths.
type Store struct {
	t *testing.T
	// Objects are by path.
	Objects map[string]*unstructured.Unstructured
	// BeforePatch is what somebody else does just before a patch of that path, and Forbidden a part of paths that may not be asked for.
	BeforePatch func(path string)
	Forbidden   string
	// Handled answers in the place of the store; it may be nil.
	Handled func(r *http.Request) (code int, answer any, does bool)
	// Writes are those that were made or tried.
	Writes []string
}

// ShopPath is where the core objects of namespace shop are.
const ShopPath = "/api/v1/namespaces/shop/"

// NewStore holds the objects of a YAML list; those without a namespace are in shop, but for kinds that have none.
func NewStore(t *testing.T, objects string) *Store {
	s := &Store{t: t, Objects: map[string]*unstructured.Unstructured{}}
	var all []map[string]any
	if err := yaml.Unmarshal([]byte(objects), &all); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		u := &unstructured.Unstructured{Object: o}
		group, resource := "/apis/"+u.GetAPIVersion(), strings.ToLower(u.GetKind())+"s"
		switch u.GetKind() {
		case "Namespace":
			s.Objects["/api/v1/namespaces/"+u.GetName()] = u
			continue
		case "ShiftPolicy":
			s.Objects[group+"/shiftpolicies/"+u.GetName()] = u
			continue
		}
		if u.GetAPIVersion() == "v1" {
			group = "/api/v1"
		}
		if u.GetNamespace() == "" {
			u.SetNamespace("shop")
		}
		s.Put(group+"/namespaces/"+u.GetNamespace()+"/"+resource, u)
	}
	return s
}

// Put stores an object in a folder and returns its path.
func (s *Store) Put(folder string, o *unstructured.Unstructured) string {
	at := folder + "/" + o.GetName()
	s.Objects[at] = o
	return at
}

// Kubeconfig starts the store and writes the file that leads to it, with namespace shop.
func (s *Store) Kubeconfig() string {
	web := httptest.NewServer(s)
	s.t.Cleanup(web.Close)
	return Kubeconfig(s.t, web.URL)
}

// ServeHTTP answers as the API server does.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	code, answer, does := 0, any(nil), false
	if s.Handled != nil {
		code, answer, does = s.Handled(r)
	}
	if !does {
		code, answer = s.handle(r)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", Now.Format(http.TimeFormat))
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.t.Errorf("answering: %v", err)
	}
}

func (s *Store) handle(r *http.Request) (int, any) {
	at := r.URL.Path
	object, found := s.Objects[at]
	if s.Forbidden != "" && strings.Contains(at, s.Forbidden) {
		return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot "+r.Method+" "+path.Base(s.Forbidden))
	}
	switch {
	case r.Method == http.MethodPost:
		o := &unstructured.Unstructured{}
		if err := json.NewDecoder(r.Body).Decode(&o.Object); err != nil {
			s.t.Errorf("reading an object: %v", err)
		}
		at = s.Put(at, o)
		s.Writes = append(s.Writes, "create "+path.Base(at))
		return http.StatusCreated, o.Object
	case r.Method == http.MethodPatch:
		return s.patch(r, at)
	case found:
		return http.StatusOK, object.Object
	case !listing(at):
		return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, path.Base(at)+" not found")
	}
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.Objects)) {
		folder, everywhere := path.Dir(key), !strings.Contains(at, "/namespaces/")
		if selector, err := labels.Parse(r.URL.Query().Get("labelSelector")); err != nil || !selector.Matches(labels.Set(s.Objects[key].GetLabels())) {
			continue
		}
		if folder == at || everywhere && strings.HasPrefix(key, path.Dir(at)) && path.Base(folder) == path.Base(at) {
			items = append(items, s.Objects[key].Object)
		}
	}
	return http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{}, "items": items}
}

// listing says whether a path is one of a list: /api/v1[/namespaces/<name>]/<resource>, or the same below /apis/<group>/<version>.
func listing(at string) bool {
	words := strings.Split(strings.TrimPrefix(strings.TrimPrefix(at, "/apis/"), "/api"), "/")
	words = words[2:] // without group and version
	if len(words) > 2 && words[0] == "namespaces" {
		words = words[2:]
	}
	return len(words) == 1
}

// patch answers a test that fails as the real one does.
func (s *Store) patch(r *http.Request, at string) (int, any) {
	if got, want := r.Header.Get("Content-Type"), "application/json-patch+json"; got != want {
		s.t.Errorf("patch of type %s, want %s", got, want)
	}
	if s.BeforePatch != nil {
		s.BeforePatch(at)
	}
	var operations json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&operations); err != nil {
		s.t.Errorf("reading a patch: %v", err)
	}
	p, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		s.t.Errorf("reading a patch: %v", err)
	}
	before, err := json.Marshal(s.Objects[at].Object)
	if err != nil {
		s.t.Errorf("writing %s: %v", at, err)
	}
	after, err := p.Apply(before)
	if err != nil {
		return refusal(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, err.Error())
	}
	changed := &unstructured.Unstructured{}
	if err := json.Unmarshal(after, &changed.Object); err != nil {
		s.t.Errorf("reading %s: %v", at, err)
	}
	if r.URL.Query().Get("dryRun") == "All" {
		s.Writes = append(s.Writes, "try to patch "+path.Base(at)+" "+string(operations))
		return http.StatusOK, changed.Object
	}
	s.Objects[at] = changed
	s.Writes = append(s.Writes, "patch "+path.Base(at)+" "+string(operations))
	return http.StatusOK, changed.Object
}

func refusal(code int, reason metav1.StatusReason, message string) (int, any) {
	return code, Failure(code, reason, message)
}

// Text is what the store holds under a path, as YAML.
func (s *Store) Text(at string) string {
	s.t.Helper()
	body, err := yaml.Marshal(s.Objects[at].Object)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}
