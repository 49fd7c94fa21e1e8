package routing

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// BenchmarkSplit raises and restores VirtualServices of one to a thousand routes.
func BenchmarkSplit(b *testing.B) {
	for _, size := range []int{1, 10, 1000} {
		var routes []any
		for i := range size {
			routes = append(routes, map[string]any{
				"match": []any{map[string]any{"uri": map[string]any{"prefix": fmt.Sprintf("/%d", i)}}},
				"route": []any{map[string]any{"destination": map[string]any{"host": "checkout"}}},
			})
		}
		user := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": networkingVersion, "kind": "VirtualService",
			"metadata": map[string]any{"name": "checkout", "namespace": "shop", "resourceVersion": "41"},
			"spec":     map[string]any{"http": routes},
		}}
		live := raised(b, user, checkout(), 10_000, seven())
		b.Run(fmt.Sprintf("raise/%d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := Split(live, checkout(), 50_000, seven(), Raise{ResourceVersion: "41"}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("unchanged/%d", size), func(b *testing.B) {
			for b.Loop() {
				if p, err := Split(live, checkout(), 10_000, seven(), Raise{ResourceVersion: "41"}); len(p) > 0 || err != nil {
					b.Fatal(p, err)
				}
			}
		})
		b.Run(fmt.Sprintf("restore/%d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := Restore(live, checkout(), shift); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
