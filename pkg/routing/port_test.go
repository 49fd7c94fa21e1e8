package routing

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func port(number int32, name string) corev1.ServicePort {
	return corev1.ServicePort{Port: number, Name: name, Protocol: corev1.ProtocolTCP}
}

// as gives the port an appProtocol.
func as(protocol string, p corev1.ServicePort) corev1.ServicePort {
	p.AppProtocol = &protocol
	return p
}

// datagrams makes the port one of UDP.
func datagrams(p corev1.ServicePort) corev1.ServicePort {
	p.Protocol = corev1.ProtocolUDP
	return p
}

func TestTrafficOf(t *testing.T) {
	cases := map[string]struct {
		port corev1.ServicePort
		want traffic
	}{
		"nothing said":                      {port(80, ""), requests},
		"another name":                      {port(80, "web"), requests},
		"http":                              {port(80, "http"), requests},
		"grpc-web":                          {port(80, "grpc-web"), requests},
		"tcp":                               {port(9000, "tcp"), connections},
		"tcp with a suffix":                 {port(9000, "tcp-echo"), connections},
		"an appProtocol with a suffix":      {as("tcp-echo", port(9000, "echo")), connections},
		"in capitals":                       {as("TCP", port(9000, "echo")), connections},
		"a name that only begins like tcp":  {port(9000, "tcpecho"), requests},
		"mongo":                             {port(9000, "mongo"), connections},
		"mysql":                             {port(9000, "mysql-main"), connections},
		"redis":                             {as("redis", port(6379, "")), connections},
		"appProtocol comes before the name": {as("http", port(9000, "tcp")), requests},
		"without protocol":                  {corev1.ServicePort{Port: 9000, Name: "tcp"}, connections},
		"MySQL's number":                    {port(3306, "db"), connections},
		"MySQL's number with a name":        {port(3306, "http-db"), requests},
		"MySQL's number with h2c":           {as("kubernetes.io/h2c", port(3306, "")), requests},
		"https":                             {port(443, "https"), sealed},
		"tls with a suffix":                 {port(443, "tls-web"), sealed},
		"wss":                               {as("kubernetes.io/wss", port(443, "web")), sealed},
		"UDP":                               {datagrams(port(53, "dns")), unrouted},
		"https over UDP":                    {datagrams(port(443, "https-quic")), unrouted},
		"UDP by its name":                   {port(53, "udp-dns"), unrouted},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := trafficOf(c.port); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestMakeHasARouteForEachPort(t *testing.T) {
	const http = `http: [{route: [{destination: {host: checkout.shop.svc.cluster.local}}]}]`
	const tcp9000 = `{match: [{port: 9000}], route: [{destination: {host: checkout.shop.svc.cluster.local, port: {number: 9000}}}]}`
	const tcp6379 = `{match: [{port: 6379}], route: [{destination: {host: checkout.shop.svc.cluster.local, port: {number: 6379}}}]}`
	cases := map[string]struct {
		ports  []corev1.ServicePort
		routes string
	}{
		"none known":    {nil, http},
		"http":          {[]corev1.ServicePort{port(80, "http"), port(81, "")}, http},
		"tcp and udp":   {[]corev1.ServicePort{port(9000, "tcp-echo"), datagrams(port(53, ""))}, `tcp: [` + tcp9000 + `]`},
		"http and tcps": {[]corev1.ServicePort{port(9000, "tcp-echo"), port(80, "http"), as("redis", port(6379, "cache"))}, http + `, tcp: [` + tcp9000 + `, ` + tcp6379 + `]`},
		"udp":           {[]corev1.ServicePort{datagrams(port(53, ""))}, http},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			made := Make(checkout(), "checkout", nil, c.ports)
			made.SetResourceVersion("41")
			want := withSpec(t, `{hosts: [checkout.shop.svc.cluster.local], `+c.routes+`}`)
			if diff := cmp.Diff(want.Object, made.Object); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if !Covers([]*unstructured.Unstructured{made}, checkout()) {
				t.Error("it does not cover the Service")
			}
			if lowest, _, found := Share(raised(t, made, checkout(), 10_000, seven()), checkout()); lowest != 10_000 || !found {
				t.Errorf("some route gives the canary %d", lowest)
			}
		})
	}
}

func TestUnmakeable(t *testing.T) {
	cases := map[string]struct {
		ports []corev1.ServicePort
		want  string
	}{
		"no ports":                   {},
		"http and tcp":               {ports: []corev1.ServicePort{port(80, "http"), port(9000, "tcp")}},
		"http on a port named https": {ports: []corev1.ServicePort{as("http", port(443, "https"))}},
		"https over UDP":             {ports: []corev1.ServicePort{datagrams(port(443, "https-quic"))}},
		"a name": {
			ports: []corev1.ServicePort{port(80, "http"), port(443, "https-web")},
			want:  "port 443 of Service checkout has the name https-web, which is routed by the names that its callers ask for: give the Service a VirtualService with a tls route of its own",
		},
		"an appProtocol": {
			ports: []corev1.ServicePort{as("tls", port(8443, "web"))},
			want:  "port 8443 of Service checkout has the appProtocol tls, which is routed by the names that its callers ask for: give the Service a VirtualService with a tls route of its own",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Unmakeable(c.ports, checkout()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
