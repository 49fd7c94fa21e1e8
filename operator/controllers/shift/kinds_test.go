package shift

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/routing"
)

// virtualServiceKind is the kind of route of these tests.
var virtualServiceKind = routing.Kinds()[0]

func virtualService() *unstructured.Unstructured { return ofKind(virtualServiceKind) }
