package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// large returns a VirtualService with so many routes to the Service, in equal parts of http, tls and tcp.
func large(routes int) *unstructured.Unstructured {
	spec := map[string]any{"hosts": []any{"checkout"}}
	for k, kind := range kinds() {
		var all []any
		for i := k; i < routes; i += len(kinds()) {
			all = append(all, map[string]any{
				"match": []any{map[string]any{"port": int64(i), "sourceLabels": map[string]any{"app": strings.Repeat("long", 12)}}},
				"route": []any{
					map[string]any{"destination": map[string]any{"host": "checkout", "subset": "v1"}, "weight": int64(i%99 + 1)},
					map[string]any{"destination": map[string]any{"host": "pay"}, "weight": int64(100)},
				},
			})
		}
		spec[kind] = all
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": networkingVersion, "kind": "VirtualService",
		"metadata": map[string]any{"name": "checkout", "namespace": "shop", "resourceVersion": "41"},
		"spec":     spec,
	}}
}

// TestLargeIsGivenBack splits and restores as much as one patch can write, about as large as the API server stores.
func TestLargeIsGivenBack(t *testing.T) {
	user := large(mostRoutes)
	if size := len(mustJSON(t, user)); size < 1_000_000 {
		t.Fatalf("%d bytes are not large", size)
	}
	if problem := Unsupported(user, checkout()); problem != "" {
		t.Fatal(problem)
	}
	live := user
	write := func(step string, p patch.Patch, err error) {
		t.Helper()
		if err != nil || len(p) > 10_000 {
			t.Fatalf("%s: %d operations, %v", step, len(p), err)
		}
		live = apply(t, live, mustJSON(t, p))
	}
	p, err := Split(live, checkout(), 10_000, seven(), Raise{ResourceVersion: "41"})
	write("raise", p, err)
	if lowest, highest, _ := Share(live, checkout()); lowest != 10_000 || highest != 10_000 {
		t.Errorf("wanted 10000, written %d to %d", lowest, highest)
	}
	if size := len(live.GetAnnotations()[v1alpha1.RoutesAnnotation]); size > 256<<10 {
		t.Errorf("%d bytes of annotations are more than the API server takes", size)
	}
	p, err = Restore(live, checkout(), shift)
	write("restore", p, err)
	if diff := cmp.Diff(user.Object, live.Object); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

func TestTooManyRoutesAreRefused(t *testing.T) {
	got := Unsupported(large(mostRoutes+1), checkout())
	if want := fmt.Sprintf("VirtualService shop/checkout has %d routes to checkout, and one patch can write %d: give it fewer, or move some to delegates.", mostRoutes+1, mostRoutes); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
