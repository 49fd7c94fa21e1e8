package routing

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// traffic tells by which kind of route Istio sends what comes to a port of a Service.
type traffic int

const (
	requests    traffic = iota // http: also where the port does not say, and the proxy looks at the first bytes
	connections                // tcp
	sealed                     // tls: by the server name that the caller asks for
	unrouted                   // not through the mesh
)

// trafficOf reads the port as Istio does: appProtocol or else the name, up to its first hyphen, and a few port numbers where
// that says nothing.
func trafficOf(p corev1.ServicePort) traffic {
	if p.Protocol != "" && p.Protocol != corev1.ProtocolTCP {
		return unrouted
	}
	_, declared := declaration(p)
	protocol, _, _ := strings.Cut(strings.ToLower(declared), "-")
	switch protocol {
	case "tcp", "mongo", "mysql", "redis":
		return connections
	case "https", "tls", "kubernetes.io/wss":
		return sealed
	case "http", "http2", "http_proxy", "grpc", "kubernetes.io/h2c", "kubernetes.io/ws":
		return requests
	case "udp":
		return unrouted
	}
	if slices.Contains([]int32{25, 53, 3306, 27017}, p.Port) { // SMTP, DNS, MySQL, MongoDB
		return connections
	}
	return requests
}

// declaration returns the field that says the protocol of the port, and what it says.
func declaration(p corev1.ServicePort) (field, value string) {
	if p.AppProtocol != nil {
		return "appProtocol", *p.AppProtocol
	}
	return "name", p.Name
}

// Unmakeable returns one sentence that says why Make cannot cover all of a Service's ports, and what to do, or "". TLS is
// routed by the server names that callers ask for, which a Service does not tell.
func Unmakeable(ports []corev1.ServicePort, t Target) string {
	for _, p := range ports {
		if trafficOf(p) == sealed {
			field, value := declaration(p)
			return fmt.Sprintf("port %d of Service %s has the %s %s, which is routed by the names that its callers ask for: give the Service a VirtualService with a tls route of its own",
				p.Port, t.Service, field, value)
		}
	}
	return ""
}
