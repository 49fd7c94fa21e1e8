package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	// tcpPort is one of the gateway's address that nobody else listens on.
	tcpPort = "19000"
	// tcpRoute is the team's route of connections. That they carry HTTP is nothing that the mesh knows of.
	tcpRoute = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: tcp}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: ` + tcpPort + `, name: tcp, protocol: TCP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: checkout}
spec:
  hosts: ["*"]
  gateways: [tcp]
  tcp:
  - match: [{port: ` + tcpPort + `}]
    route: [{destination: {host: checkout, port: {number: 80}}}]
`
	byConnections = `{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "10%", hold: 5s}, {weight: "50%", hold: 5s}, {weight: "100%", hold: 5s}],
  objectives: [{name: connections, indicator: Custom, target: "95%", custom: {
    total: 'istio_tcp_connections_closed_total{reporter="source",{{selector}}}',
    bad: 'istio_tcp_connections_closed_total{reporter="source",response_flags=~"UF|UH|UC|UO|NR|NC|URX|DPE|LR",{{selector}}}'}}]}`
)

// connections is a load of connections, each with one question and one answer.
type connections struct {
	mu   sync.Mutex
	met  map[string]int // those answered, by version
	lost []error
	at   []bed.Second // when they were lost
}

// connect makes some sixty connections a second until the returned function is called.
func (c *connections) connect(ctx context.Context, address string) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			every := time.NewTicker(100 * time.Millisecond)
			defer every.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-every.C:
				}
				c.note(ask(address))
			}
		})
	}
	return func() { stop(); all.Wait() }
}

func (c *connections) note(version string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.lost, c.at = append(c.lost, err), append(c.at, bed.Second{T: time.Now().Unix(), Failed: 1, NoAnswer: 1})
		return
	}
	c.met[version]++
}

// seen is what was met and lost up to now.
func (c *connections) seen() (map[string]int, []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.met), append([]error{}, c.lost...)
}

// ask makes one connection and returns the version at its other end.
func ask(address string) (version string, err error) {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	answer, err := client.Get("http://" + address)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answered with %s", answer.Status)
	}
	return answer.Header.Get("x-version"), nil
}

// A service that the mesh knows nothing of but its connections is released by their weights and their ends.
func TestAServiceOfConnectionsIsReleasedByACounterOfItsOwn(t *testing.T) {
	t.Parallel()
	s := tell(t, tcpRoute).judgedBy(byConnections)
	kubectl(t, "-n", s.ns, "patch", "service", "checkout", "--type=json", "-p", `[{"op":"replace","path":"/spec/ports/0/name","value":"tcp"}]`)
	host, _, err := net.SplitHostPort(cmp.Or(os.Getenv("GATEWAY"), "10.244.200.1:18080"))
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(host, tcpPort)
	waitFor(t, "the gateway takes connections", func() (bool, string) {
		version, err := ask(address)
		return version == "1.0.0", fmt.Sprint(version, err)
	})
	load := &connections{met: map[string]int{}}
	end := load.connect(t.Context(), address)
	defer end()
	s.manage()
	s.push("1.1.0")
	s.step(1, 2)
	weights := kubectl(t, "-n", s.ns, "get", "virtualservice", "checkout", "-o", "jsonpath={.spec.tcp[0].route[*].weight}")
	if strings.Count(weights, " ") != 1 {
		t.Errorf("the weights of the tcp route are %q", weights)
	}
	x := s.ended(1, v1alpha1.StatePromoted)
	s.restored()
	end()
	met, lost := load.seen()
	counts := x.Status.Release.Objectives[0]
	t.Logf("connections answered by version: %v, lost %d; counted at the last step %d, of the canary in all %d", met, len(lost), counts.Canary.Requests, x.Status.Release.Exposed)
	if met["1.1.0"] < 100 || x.Status.Release.Exposed == 0 {
		t.Errorf("clients met %v, the canary was counted %d times", met, x.Status.Release.Exposed)
	}
	if n, _ := bed.Failed(s.without(load.at, s.began)); n > 0 {
		t.Errorf("%d connections were lost: %v", n, lost[:min(3, len(lost))])
	}
}
