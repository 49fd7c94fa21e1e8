package routing

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestGatewaysOfAVirtualService(t *testing.T) {
	for name, c := range map[string]struct {
		spec map[string]any
		want string
		mesh bool
	}{
		"none":      {map[string]any{}, "[]", true},
		"the mesh":  {map[string]any{"gateways": []any{"mesh"}}, "[]", true},
		"its own":   {map[string]any{"gateways": []any{"gw"}}, "[shop/gw]", false},
		"both":      {map[string]any{"gateways": []any{"mesh", "istio-ingress/gw"}}, "[istio-ingress/gw]", true},
		"twice":     {map[string]any{"gateways": []any{"b", "a", "b"}}, "[shop/a shop/b]", false},
		"malformed": {map[string]any{"gateways": "gw"}, "[]", true},
	} {
		t.Run(name, func(t *testing.T) {
			vs := &unstructured.Unstructured{Object: map[string]any{"spec": c.spec}}
			vs.SetNamespace("shop")
			gateways, mesh := GatewaysOf(vs)
			if got := fmt.Sprint(gateways); got != c.want || mesh != c.mesh {
				t.Errorf("%s, mesh %v", got, mesh)
			}
		})
	}
}
