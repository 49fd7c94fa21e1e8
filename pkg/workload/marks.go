package workload

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	// ManagedByLabel is ManagedBy on objects that are ours to the end. The release ReplicaSet does not bear it, since the user's own
	// value may be part of the Deployment's selector.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "stagger"
)

// Mark says which release an object was made for.
type Mark struct {
	Namespace string // of the TrafficShift
	Shift     string // name of the TrafficShift
	Number    int64  // of the release, from 1
}

// String is the value of v1alpha1.ReleaseAnnotation: "<namespace>/<shift> <number>".
func (m Mark) String() string { return fmt.Sprintf("%s/%s %d", m.Namespace, m.Shift, m.Number) }

// MarkOf reads the mark of an object; false when the object bears none, a malformed one, or that of a release of another namespace, which is then
// not ours: what a release makes is in its own, and whoever can write an object can mark it.
func MarkOf(o metav1.Object) (Mark, bool) {
	shift, number, _ := strings.Cut(o.GetAnnotations()[v1alpha1.ReleaseAnnotation], " ")
	namespace, name, found := strings.Cut(shift, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil || n < 1 || namespace == "" || name == "" || namespace != o.GetNamespace() {
		return Mark{}, false
	}
	return Mark{Namespace: namespace, Shift: name, Number: n}, true
}

// AbortedNumber reads the abort mark of a canary Service; false when there is none. A mark that cannot be read counts as an abort
// of release 0: what is not understood must not raise traffic.
func AbortedNumber(canary *corev1.Service) (int64, bool) {
	value, found := canary.Annotations[v1alpha1.AbortedAnnotation]
	if !found {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, true
	}
	return n, true
}
