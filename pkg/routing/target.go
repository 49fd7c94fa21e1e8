package routing

import (
	"strings"

	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	canarySuffix  = "-canary"
	previewSuffix = "-preview"
	defaultDomain = "cluster.local"
	maxName       = 63 // of a Service: an RFC 1035 label
)

// Target is the Service whose traffic is split, and the Service of Stagger's that gets the canary's part.
type Target struct {
	Namespace string // of both Services
	Service   string // the user's Service: the stable arm
	Canary    string // the canary's Service; CanaryName(Service) when empty
	Domain    string // the cluster's domain; "cluster.local" when empty
	// Invites is the AllowAnnotation of the user's Service, or of a TrafficShift with destinations: the namespaces whose objects may take part in
	// its releases.
	Invites string
	// Arms, if not nil, are two destinations of the user's own instead of the Services: only routes that name both are concerned, no
	// destination is added or taken away, and Restore leaves all of a route's traffic with the arm that has more of it.
	Arms *Arms
}

// CanaryName returns the name of the canary's Service, at most 63 characters long: the Service's name and "-canary". Names
// over 56 characters are cut and told apart by eight hexadecimal digits of their SHA-256.
func CanaryName(service string) string {
	return text.Name(service, maxName-len(canarySuffix)) + canarySuffix
}

// PreviewName returns the name of the Service by which checks meet the canary: the Service's name and "-preview", cut like that of CanaryName.
func PreviewName(service string) string {
	return text.Name(service, maxName-len(previewSuffix)) + previewSuffix
}

// String names for people whose traffic it is: the Service, or both arms of the user's own.
func (t Target) String() string {
	if t.Arms != nil {
		return t.Arms.Stable.String() + " and " + t.Arms.Canary.String()
	}
	return t.Service
}

// Host returns the full host name of the user's Service.
func (t Target) Host() string { return t.full(t.Service) }

// CanaryHost returns the full host name of the canary's Service.
func (t Target) CanaryHost() string { return t.full(t.canary()) }

func (t Target) canary() string {
	if t.Canary != "" {
		return t.Canary
	}
	return CanaryName(t.Service)
}

func (t Target) domain() string {
	if t.Domain != "" {
		return t.Domain
	}
	return defaultDomain
}

func (t Target) full(service string) string {
	return service + "." + t.Namespace + ".svc." + t.domain()
}

// isStable reports whether a host written in an object of the namespace means the user's Service.
func (t Target) isStable(host, namespace string) bool { return t.means(t.Service, host, namespace) }

// isCanary reports whether a host written in an object of the namespace means the canary's Service.
func (t Target) isCanary(host, namespace string) bool { return t.means(t.canary(), host, namespace) }

// means resolves the short name (relative to the namespace of the object it stands in), the partial names and the full one.
func (t Target) means(service, host, namespace string) bool {
	rest, ok := strings.CutPrefix(host, service)
	if !ok {
		return false
	}
	if rest == "" {
		return namespace == t.Namespace
	}
	rest, ok = strings.CutPrefix(rest, "."+t.Namespace)
	if !ok {
		return false
	}
	return rest == "" || rest == ".svc" || rest == ".svc."+t.domain()
}

// arm tells whose traffic a destination carries.
type arm int

const (
	foreign arm = iota
	stable
	canary
)

func (t Target) arm(destination map[string]any, namespace string) arm {
	host, _ := destination["host"].(string)
	switch {
	case t.Arms != nil && t.Arms.Canary.is(destination, namespace, t):
		return canary
	case t.Arms != nil && t.Arms.Stable.is(destination, namespace, t):
		return stable
	case t.Arms != nil:
	case t.isCanary(host, namespace):
		return canary
	case t.isStable(host, namespace):
		return stable
	}
	return foreign
}
