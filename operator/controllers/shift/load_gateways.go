package shift

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// gatewayKind is Istio's Gateway, which says by its selector which pods are one.
var gatewayKind = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"}

// mostGateways is how many Gateways of a release are looked at: a VirtualService may name any number.
const mostGateways = 16

// loadGateways reads, while a release runs, the Gateways of its routes, and the pods that are one: their proxies are read. A Gateway selects pods of
// all namespaces. Whoever may make a pod could call it a gateway and have it tell lies about the releases of others, so that only pods of
// namespaces that are trusted are read.
func (l *loader) loadGateways(ctx context.Context, o *cluster.Objects) error {
	if !o.Shift.Status.Release.Running() {
		return nil
	}
	for _, name := range gatewaysOf(o.Routes, o.Target(l.domain)) {
		if !l.sees(name.Namespace) {
			o.Gateways = append(o.Gateways, cluster.Gateway{Name: name})
			continue
		}
		g, err := getKind(ctx, l.finder, gatewayKind, name.Namespace, name.Name)
		if err != nil {
			return err
		}
		gateway := cluster.Gateway{Name: name}
		if g != nil {
			selector, _, _ := unstructured.NestedStringMap(g.Object, "spec", "selector") // malformed: it selects no pod
			pods, err := l.podsOf(ctx, "", selector)
			if err != nil {
				return err
			}
			for _, p := range pods {
				if slices.Contains(l.gateways, p.Namespace) {
					gateway.Pods = append(gateway.Pods, p)
				}
			}
			gateway.Whole = len(l.namespaces) == 0 && len(gateway.Pods) == len(pods) && len(pods) > 0
		}
		o.Gateways = append(o.Gateways, gateway)
	}
	return nil
}

// sees says whether the caches have the namespace's pods and Gateways: to read elsewhere is an error, which would end the pass.
func (l *loader) sees(namespace string) bool {
	return len(l.namespaces) == 0 || slices.Contains(l.namespaces, namespace) || slices.Contains(l.gateways, namespace)
}

// gatewaysOf are the Gateways that the routes which a release may write are bound to, sorted, each once: those of others never lead to its canary,
// and might name any number of Gateways that are not there.
func gatewaysOf(routes []*unstructured.Unstructured, t routing.Target) []types.NamespacedName {
	var all []types.NamespacedName
	for _, vs := range routes {
		if t.MayWrite(vs) {
			names, _ := routing.GatewaysOf(vs)
			all = append(all, names...)
		}
	}
	slices.SortFunc(all, func(a, b types.NamespacedName) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	all = slices.Compact(all)
	return all[:min(len(all), mostGateways)]
}
