package counting

import (
	"cmp"
	"strings"
)

// canarySuffix is what the name of a canary's Service adds to the name of the user's.
const canarySuffix = "-canary"

// Service names a Kubernetes Service as Istio reports it in destination_service_namespace and destination_service_name; for the host of a
// ServiceEntry the name is the host.
type Service struct {
	Namespace string
	Name      string
	// Revision is one version of it, as Istio reports it in destination_canonical_revision; empty: all of them together. What fails without
	// having reached any pod is of no revision.
	Revision string
}

// Canary returns the Service of the canary arm of the release of s.
func (s Service) Canary() Service {
	return Service{Namespace: s.Namespace, Name: s.Name + canarySuffix}
}

// String returns namespace/name, and the revision where there is one.
func (s Service) String() string {
	if s.Revision != "" {
		return s.Namespace + "/" + s.Name + " revision " + s.Revision
	}
	return s.Namespace + "/" + s.Name
}

// Compare orders Services by namespace, name and revision.
func (s Service) Compare(o Service) int {
	return cmp.Or(strings.Compare(s.Namespace, o.Namespace), strings.Compare(s.Name, o.Name), strings.Compare(s.Revision, o.Revision))
}
