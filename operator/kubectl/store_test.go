package kubectl_test

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

// store is an API server for objects of any kind, by their paths.
type store struct {
	t       *testing.T
	objects map[string]*unstructured.Unstructured
	// beforePatch is what somebody else does just before a patch of that path, and forbidden a part of paths that may not be asked for.
	beforePatch func(path string)
	forbidden   string
	// handled answers in the place of the store; it may be nil.
	handled func(r *http.Request) (code int, answer any, does bool)
	writes  []string
}

const shopPath = "/api/v1/namespaces/shop/"

// newStore holds the objects of a YAML list; those without a namespace are in shop, but for kinds that have none.
func newStore(t *testing.T, objects string) *store {
	s := &store{t: t, objects: map[string]*unstructured.Unstructured{}}
	var all []map[string]any
	if err := yaml.Unmarshal([]byte(objects), &all); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		u := &unstructured.Unstructured{Object: o}
		group, resource := "/apis/"+u.GetAPIVersion(), strings.ToLower(u.GetKind())+"s"
		switch u.GetKind() {
		case "Namespace":
			s.objects["/api/v1/namespaces/"+u.GetName()] = u
			continue
		case "ShiftPolicy":
			s.objects[group+"/shiftpolicies/"+u.GetName()] = u
			continue
		}
		if u.GetAPIVersion() == "v1" {
			group = "/api/v1"
		}
		if u.GetNamespace() == "" {
			u.SetNamespace("shop")
		}
		s.put(group+"/namespaces/"+u.GetNamespace()+"/"+resource, u)
	}
	return s
}

func (s *store) put(folder string, o *unstructured.Unstructured) string {
	at := folder + "/" + o.GetName()
	s.objects[at] = o
	return at
}

func (s *store) kubeconfig() string {
	web := httptest.NewServer(s)
	s.t.Cleanup(web.Close)
	return kubeconfig(s.t, web.URL)
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	code, answer := s.handle(r)
	if s.handled != nil {
		if c, a, does := s.handled(r); does {
			code, answer = c, a
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.t.Errorf("answering: %v", err)
	}
}

func (s *store) handle(r *http.Request) (int, any) {
	at := r.URL.Path
	object, found := s.objects[at]
	if s.forbidden != "" && strings.Contains(at, s.forbidden) {
		return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot "+r.Method+" "+path.Base(s.forbidden))
	}
	switch {
	case r.Method == http.MethodPost:
		o := &unstructured.Unstructured{}
		if err := json.NewDecoder(r.Body).Decode(&o.Object); err != nil {
			s.t.Errorf("reading an object: %v", err)
		}
		at = s.put(at, o)
		s.writes = append(s.writes, "create "+path.Base(at))
		return http.StatusCreated, o.Object
	case r.Method == http.MethodPatch:
		return s.patch(r, at)
	case found:
		return http.StatusOK, object.Object
	case !listing(at):
		return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, path.Base(at)+" not found")
	}
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		folder, everywhere := path.Dir(key), !strings.Contains(at, "/namespaces/")
		if selector, err := labels.Parse(r.URL.Query().Get("labelSelector")); err != nil || !selector.Matches(labels.Set(s.objects[key].GetLabels())) {
			continue
		}
		if folder == at || everywhere && strings.HasPrefix(key, path.Dir(at)) && path.Base(folder) == path.Base(at) {
			items = append(items, s.objects[key].Object)
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
func (s *store) patch(r *http.Request, at string) (int, any) {
	if got, want := r.Header.Get("Content-Type"), "application/json-patch+json"; got != want {
		s.t.Errorf("patch of type %s, want %s", got, want)
	}
	if s.beforePatch != nil {
		s.beforePatch(at)
	}
	var operations json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&operations); err != nil {
		s.t.Errorf("reading a patch: %v", err)
	}
	p, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		s.t.Errorf("reading a patch: %v", err)
	}
	before, err := json.Marshal(s.objects[at].Object)
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
		s.writes = append(s.writes, "try to patch "+path.Base(at)+" "+string(operations))
		return http.StatusOK, changed.Object
	}
	s.objects[at] = changed
	s.writes = append(s.writes, "patch "+path.Base(at)+" "+string(operations))
	return http.StatusOK, changed.Object
}

func refusal(code int, reason metav1.StatusReason, message string) (int, any) {
	return code, failure(code, reason, message)
}

// text is what the store holds under a path, as YAML.
func (s *store) text(at string) string {
	s.t.Helper()
	body, err := yaml.Marshal(s.objects[at].Object)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}
