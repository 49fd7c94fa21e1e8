package routing

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Allows reports whether the releases of a Service of the namespace may move weights in the VirtualService, or copy the DestinationRule:
// one of their own namespace, or one whose owner says so.
func Allows(o *unstructured.Unstructured, namespace string) bool {
	if o.GetNamespace() == namespace {
		return true
	}
	for allowed := range strings.SplitSeq(o.GetAnnotations()[v1alpha1.AllowAnnotation], ",") {
		if strings.TrimSpace(allowed) == namespace {
			return true
		}
	}
	return false
}

// MayWrite reports whether releases of the Target may move weights in the object. Whoever allows them that in another namespace gives them what
// goes to Services of theirs, and not the destinations of third parties that the same routes name.
func (t Target) MayWrite(o *unstructured.Unstructured) bool {
	return Allows(o, t.Namespace) && (o.GetNamespace() == t.Namespace || t.Arms == nil || t.owns(t.Arms.Stable) && t.owns(t.Arms.Canary))
}

// owns reports whether a destination is a Service of the Target's namespace.
func (t Target) owns(d Destination) bool {
	name, here := strings.CutSuffix(t.canonical(d.Host, t.Namespace), "."+t.Namespace)
	return here && !strings.Contains(name, ".")
}
