package counting

import "strings"

// canarySuffix is what the name of a canary's Service adds to the name of the user's.
const canarySuffix = "-canary"

// Service names a Kubernetes Service as Istio reports it in destination_service_namespace and destination_service_name.
type Service struct {
	Namespace string
	Name      string
}

// Canary returns the Service of the canary arm of the release of s.
func (s Service) Canary() Service {
	return Service{Namespace: s.Namespace, Name: s.Name + canarySuffix}
}

// String returns namespace/name.
func (s Service) String() string { return s.Namespace + "/" + s.Name }

func compareServices(a, b Service) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
