package release_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
)

// unreleased is the version that is being made. Its fixtures alone are written anew, by -update.
const unreleased = "v0.1.0"

// fixture is a cluster as the operator of a version has left it.
type fixture struct {
	// Before and After are what happened, and what happens now, in the scenario language. Is says how things stand between them.
	Before []string `json:"before"`
	Is     string   `json:"is"`
	After  []string `json:"after"`
	// Objects are all that are there.
	Objects []json.RawMessage `json:"objects"`
}

// moments are those at which the fixtures are written, by what happens before and after: the operator ends between them, and another begins.
var moments = map[string][2]string{
	"pods_start":       {"wait 5s; push v2; wait 5s", "wait for the end 15m"},
	"first_weight":     {"wait 5s; push v2; wait 20s", "wait for the end 15m"},
	"second_weight":    {"destination rule; second route; wait 5s; push v2; wait 2m", "wait for the end 15m"},
	"its_own_route":    {"no routes; wait 5s; push v2; wait 2m", "wait for the end 15m"},
	"external_arms":    {"external arms r2; wait 5s; want revision r3; wait 2m", "wait for the end 15m"},
	"by_proof":         {"policy 25%/30s 100%/30s; pace by proof; push v2; wait 2m", "wait for the end 30m"},
	"suspected":        {"wait 5s; push v2; wait 2m; counts suspicious; wait 30s", "counts bad; wait for the end 10m"},
	"braked":           {"proxies are read; push v2; wait 2m; proxies brake; wait 5s; proxies are read", "wait for the end 15m"},
	"stepped_back":     {"policy 1%/30s 5%/30s 100%/1m; push v2; wait 2m30s; counts alone; wait 30s; counts good", "wait for the end 15m"},
	"paused":           {"wait 5s; push v2; wait 1m; pause", "wait 5m; resume; wait for the end 15m"},
	"commanded":        {"wait 5s; push v2; wait 1m; operator stops; user jane commands promote 1 p1 why not", "operator starts; wait for the end 15m"},
	"between_levers":   {"wait 5s; push v2; wait 1m; fail 9 abort routes; counts bad; wait 10s", "fail 0 abort routes; wait for the end 10m"},
	"in_the_handover":  {"wait 5s; push v2; fail 99 hand over set; wait 5m", "fail 0 hand over set; wait for the end 15m"},
	"refused":          {"wait 5s; push v2; wait 2m; counts bad; wait for the end 10m", "counts good; command retry 1 r1; wait for the end 15m"},
	"counting_the_end": {"wait 5s; push v2; wait 2m; evidence stale Stale; command abort 1 a1; wait 20s", "evidence fresh; wait for the end 10m"},
	"third_release":    {"wait 5s; push v2; wait for the end 15m; push v3; wait 1m; push v4; wait 2m30s", "wait for the end 15m"},
	"let_go":           {"hold mode Always; push v2; wait 2m; let go; wait 20s", "wait for the end 5m"},
}

// TestReleasesGoOnFromWhatEarlierVersionsWrote has an operator of this version begin its work in the middle of releases of others: with all
// that they wrote into the status and on the objects, and with nothing in memory. The promises to users hold at each write, and the end is that of a
// release which had this version from its beginning.
func TestReleasesGoOnFromWhatEarlierVersionsWrote(t *testing.T) {
	t.Parallel()
	writeFixtures(t)
	files, err := filepath.Glob("testdata/versions/*/*.yaml")
	if err != nil || len(files) < len(moments) {
		t.Fatalf("fixtures: %v, %d files; -update writes those of %s", err, len(files), unreleased)
	}
	for _, file := range files {
		version, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(version+"/"+name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var f fixture
			if err := yaml.UnmarshalStrict(text, &f); err != nil {
				t.Fatal(err)
			}
			whole, w := newWorld(), newWorld()
			whole.playAll(t, f.Before)
			if whole.record() == nil {
				t.Fatalf("no release has begun: %s", whole.facts())
			}
			now := strings.Split(fixtureOf(t, whole, f), "\n")
			if diff := cmp.Diff(strings.Split(string(text), "\n"), now); diff != "" && version == unreleased {
				t.Errorf("what is written now is another, -update writes the fixture anew (-file +now):\n%s", diff)
			}
			whole.playAll(t, f.After)
			w.playAll(t, f.Before)
			w.replace(t, f.Objects)
			w.restart()
			w.playAll(t, f.After)
			if diff := cmp.Diff(whole.end(), w.end()); diff != "" {
				t.Errorf("the end (-by this version alone +after %s):\n%s\n%s", version, diff, w.out.tail())
			}
		})
	}
}

// writeFixtures writes those of the unreleased version anew, where that is asked for.
func writeFixtures(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	folder := filepath.Join("testdata", "versions", unreleased)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, script := range moments {
		f, w := fixture{Before: strings.Split(script[0], "; "), After: strings.Split(script[1], "; ")}, newWorld()
		w.playAll(t, f.Before)
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), []byte(fixtureOf(t, w, f)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// fixtureOf is the text of a fixture with the objects that are in the world.
func fixtureOf(t *testing.T, w *world, f fixture) string {
	t.Helper()
	f.Is, f.Objects = w.named(w.facts()), nil
	for _, o := range w.everything() {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		object := map[string]any{}
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		object["kind"] = kindOf(o)
		unstructured.RemoveNestedField(object, "metadata", "resourceVersion")
		if text, err = json.Marshal(object); err != nil {
			t.Fatal(err)
		}
		f.Objects = append(f.Objects, text)
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func kindOf(o cluster.Object) string {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return u.GetKind()
	}
	return strings.TrimPrefix(filepath.Ext(fmt.Sprintf("%T", o)), ".")
}

// everything is all that is in the cluster.
func (w *world) everything() []cluster.Object {
	var all []cluster.Object
	all = append(all, listed[*corev1.Namespace](w)...)
	all = append(all, listed[*v1alpha1.ShiftPolicy](w)...)
	all = append(all, listed[*v1alpha1.TrafficShift](w)...)
	all = append(all, listed[*corev1.Service](w)...)
	for _, kind := range []string{"VirtualService", "DestinationRule"} {
		for _, o := range w.store.ListKind(kind) {
			all = append(all, o)
		}
	}
	all = append(all, listed[*appsv1.Deployment](w)...)
	all = append(all, listed[*appsv1.ReplicaSet](w)...)
	return append(all, listed[*corev1.Pod](w)...)
}

func listed[T cluster.Object](w *world) []cluster.Object {
	var all []cluster.Object
	for _, o := range inmemory.List[T](w.store) {
		all = append(all, o)
	}
	return all
}

// replace puts objects in the place of all that are there.
func (w *world) replace(t *testing.T, objects []json.RawMessage) {
	t.Helper()
	for _, o := range w.everything() {
		w.store.Remove(o)
	}
	for _, text := range objects {
		var kind metav1.TypeMeta
		if err := json.Unmarshal(text, &kind); err != nil {
			t.Fatal(err)
		}
		o := empty(kind.Kind)
		if err := json.Unmarshal(text, o); err != nil {
			t.Fatal(err)
		}
		w.store.Put(o)
	}
}

// empty is an object of a kind.
func empty(kind string) cluster.Object {
	switch kind {
	case "Namespace":
		return &corev1.Namespace{}
	case "ShiftPolicy":
		return &v1alpha1.ShiftPolicy{}
	case "TrafficShift":
		return &v1alpha1.TrafficShift{}
	case "Service":
		return &corev1.Service{}
	case "Deployment":
		return &appsv1.Deployment{}
	case "ReplicaSet":
		return &appsv1.ReplicaSet{}
	case "Pod":
		return &corev1.Pod{}
	}
	return &unstructured.Unstructured{}
}
