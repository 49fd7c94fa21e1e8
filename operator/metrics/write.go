package metrics

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// Write counts a write that was sent, by what became of it.
func (x *Set) Write(o client.Object, kind cluster.Kind, err error) {
	what := reflect.TypeOf(o).Elem().Name()
	if u, ok := o.(*unstructured.Unstructured); ok {
		what = u.GetKind()
	}
	verb := string(kind)
	if kind == cluster.Status {
		verb = string(cluster.Patch)
	}
	result := metrics.Error
	switch f := (&cluster.Failure{Write: cluster.Write{Kind: kind}, Err: err}); {
	case err == nil:
		result = metrics.OK
	case f.Stale():
		result = metrics.Conflict
	case f.Denied():
		result = metrics.Denied
	}
	x.Add(metrics.Writes, 1, what, verb, result)
}
