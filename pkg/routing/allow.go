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
