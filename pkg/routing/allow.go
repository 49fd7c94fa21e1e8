package routing

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Allows reports whether the owner of an object lets releases of Services of the namespace write it, or copy it where it is a DestinationRule:
// it is of their own namespace, or says so.
func Allows(o *unstructured.Unstructured, namespace string) bool {
	return o.GetNamespace() == namespace || among(o.GetAnnotations()[v1alpha1.AllowAnnotation], namespace)
}

// among reports whether a namespace is among those of an AllowAnnotation.
func among(annotation, namespace string) bool {
	for name := range strings.SplitSeq(annotation, ",") {
		if strings.TrimSpace(name) == namespace {
			return true
		}
	}
	return false
}

// MayWrite reports whether an object takes part in releases of the Target, which move weights in it then. In another namespace both sides have to
// want that. Whoever allows it there gives away what goes to Services of the Target's namespace, and not the destinations of third parties that the
// same routes name. Whoever has not been asked by the Target's side can neither hold its releases nor end them.
func (t Target) MayWrite(o *unstructured.Unstructured) bool { return t.Lacks(o) == "" }

// Lacks says why an object takes no part in releases of the Target, and what to do; empty where it does.
func (t Target) Lacks(o *unstructured.Unstructured) string {
	in := o.GetNamespace()
	if in == t.Namespace {
		return ""
	}
	allowed, invited := Allows(o, t.Namespace), among(t.Invites, in)
	theirs := fmt.Sprintf("%s: %s", v1alpha1.AllowAnnotation, t.Namespace)
	ours := fmt.Sprintf("%s with %s: %s", t.inviter(), v1alpha1.AllowAnnotation, in)
	switch {
	case !allowed && !invited:
		return fmt.Sprintf("annotate it with %s and %s", theirs, ours)
	case !allowed:
		return "annotate it with " + theirs
	case t.Arms != nil && !(t.owns(t.Arms.Stable) && t.owns(t.Arms.Canary)):
		return fmt.Sprintf("in another namespace weights are moved between Services of %s alone", t.Namespace)
	case !invited:
		return "annotate " + ours
	}
	return ""
}

// LeftAlone is one sentence about an object with a route to the Target that takes no part in its releases; empty where it does.
func (t Target) LeftAlone(o *unstructured.Unstructured) string {
	lacks := t.Lacks(o)
	if lacks == "" {
		return ""
	}
	return fmt.Sprintf("%s %s routes to %s as well and is left alone, so its callers stay on the stable: %s", o.GetKind(), named(o), t, lacks)
}

// inviter is what says which namespaces may take part.
func (t Target) inviter() string {
	if t.Arms != nil {
		return "the TrafficShift"
	}
	return "Service " + t.Service
}

// owns reports whether a destination is a Service of the Target's namespace.
func (t Target) owns(d Destination) bool {
	name, here := strings.CutSuffix(t.canonical(d.Host, t.Namespace), "."+t.Namespace)
	return here && !strings.Contains(name, ".")
}
