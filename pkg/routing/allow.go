package routing

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// AnnotationAllow is what the owner of a VirtualService writes on it so that releases of other namespaces may move weights in it: the
// names of these namespaces, separated by commas.
const AnnotationAllow = "stagger.dev/allow"

// Allows reports whether the releases of a Service of the namespace may move weights in the VirtualService: one of their own namespace,
// or one whose owner says so.
func Allows(vs *unstructured.Unstructured, namespace string) bool {
	if vs.GetNamespace() == namespace {
		return true
	}
	for allowed := range strings.SplitSeq(vs.GetAnnotations()[AnnotationAllow], ",") {
		if strings.TrimSpace(allowed) == namespace {
			return true
		}
	}
	return false
}
