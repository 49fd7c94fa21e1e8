package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// meshModule is the module that the mesh's istiod is built in.
const meshModule = "../hack/localmesh/build/_module"

// bookinfo is the folder of Istio's own sample routes, in the module that the mesh's istiod is built from.
func bookinfo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(meshModule, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "istio.io/istio")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		t.Skipf("the sources of Istio are not here: the mesh was built elsewhere (%v)", err)
	}
	return filepath.Join(string(bytes.TrimSpace(out)), "samples", "bookinfo", "networking")
}

// virtualServices are those of a file of YAML.
func virtualServices(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		var raw runtime.RawExtension
		if err := documents.Decode(&raw); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(raw.Raw) == 0 || string(raw.Raw) == "null" {
			continue // nothing but a comment
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(raw.Raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if u.GetKind() == "VirtualService" {
			out = append(out, u)
		}
	}
}

// sample is one of Istio's VirtualServices on the API server, with Istio's own validation before it.
type sample struct {
	t      *testing.T
	vs     *unstructured.Unstructured
	target routing.Target
	mark   routing.Mark
}

// write applies a patch, and checks what share the canary has then.
func (s *sample) write(what string, p patch.Patch, err error, share int64) {
	s.t.Helper()
	body, encoding := json.Marshal(p)
	if err := errors.Join(err, encoding); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	if len(p) == 0 {
		s.t.Errorf("%s: there is nothing to write", what)
		return
	}
	if err := adm.client.Patch(s.t.Context(), s.vs, client.RawPatch(types.JSONPatchType, body)); err != nil {
		s.t.Fatalf("%s: %v\n%s", what, err, body)
	}
	if lowest, highest, found := routing.Share(s.vs, s.target); !found || lowest != share || highest != share {
		s.t.Errorf("%s: the canary has %d to %d millionths, want %d", what, lowest, highest, share)
	}
}

// Istio's own sample routes are split, aborted and given back as they were, with Istio's validation at each write.
func TestIstiosOwnSampleRoutesPassUnharmed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(bookinfo(t), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	ns, split, others := newNamespace(t), 0, 0
	for _, file := range files {
		for _, written := range virtualServices(t, file) {
			written.SetNamespace(ns)
			service := serviceOf(written)
			t.Run(filepath.Base(file)+"/"+service, func(t *testing.T) {
				s := &sample{t: t, vs: written.DeepCopy(), mark: routing.Mark{Shift: ns + "/" + service, Number: 1},
					target: routing.Target{Namespace: ns, Service: service, Canary: routing.CanaryName(service)}}
				if why := routing.Unsupported(s.vs, s.target); why != "" {
					others++
					if !strings.HasSuffix(why, ".") || !strings.Contains(why, written.GetName()) {
						t.Errorf("it is refused, but not with a sentence: %q", why)
					}
					return
				}
				if strings.Contains(service, ".") { // a host outside the mesh: no route of it is a Service's
					others++
					if p, err := routing.Split(s.vs, s.target, routing.Whole/2, s.mark, routing.Raise{}); len(p) > 0 || err != nil {
						t.Errorf("it is written to: %v, %v", p, err)
					}
					return
				}
				s.shifted(written)
				split++
			})
		}
	}
	t.Logf("%d VirtualServices of %d files were split and restored, %d are nobody's", split, len(files), others)
	if split < 20 {
		t.Errorf("%d VirtualServices were split, want at least 20", split)
	}
}

// shifted takes the VirtualService through a release that is taken back, and one that is promoted.
func (s *sample) shifted(written *unstructured.Unstructured) {
	s.t.Helper()
	if err := adm.client.Create(s.t.Context(), s.vs); err != nil {
		s.t.Fatalf("Istio refuses its own sample: %v", err)
	}
	defer func() {
		if err := adm.client.Delete(s.t.Context(), s.vs); err != nil {
			s.t.Errorf("deleting the sample: %v", err)
		}
	}()
	before := s.vs.DeepCopy()
	for _, shares := range [][]int64{{1, 10_000, routing.Whole / 2, -1}, {routing.Whole / 3, routing.Whole}} {
		for _, share := range shares {
			mark, raise := s.mark, routing.Raise{ResourceVersion: s.vs.GetResourceVersion()}
			if share < 0 {
				share, mark.Aborted, raise = 0, true, routing.Raise{}
			}
			p, err := routing.Split(s.vs, s.target, share, mark, raise)
			s.write("splitting", p, err, share)
		}
		p, err := routing.Restore(s.vs, s.target, s.mark.Shift)
		s.write("restoring", p, err, 0)
		s.mark.Number++
		for what, diff := range map[string]string{
			"spec":        cmp.Diff(before.Object["spec"], s.vs.Object["spec"]),
			"annotations": cmp.Diff(before.GetAnnotations(), s.vs.GetAnnotations()),
			"labels":      cmp.Diff(before.GetLabels(), s.vs.GetLabels()),
			"file":        cmp.Diff(written.Object["spec"], s.vs.Object["spec"]),
		} {
			if diff != "" {
				s.t.Errorf("the %s is not as it was (-was +is):\n%s", what, diff)
			}
		}
	}
}

// serviceOf is the host of the first destination of a VirtualService.
func serviceOf(vs *unstructured.Unstructured) string {
	for _, kind := range []string{"http", "tls", "tcp"} {
		routes, _, err := unstructured.NestedSlice(vs.Object, "spec", kind)
		for i := 0; err == nil && i < len(routes); i++ {
			route, isMap := routes[i].(map[string]any)
			destinations, found, err := unstructured.NestedSlice(route, "route")
			if !isMap || err != nil || !found || len(destinations) == 0 {
				continue
			}
			if first, ok := destinations[0].(map[string]any); ok {
				host, _, _ := unstructured.NestedString(first, "destination", "host")
				return host
			}
		}
	}
	return ""
}
