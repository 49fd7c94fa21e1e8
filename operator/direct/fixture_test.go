package direct

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
)

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	shop = types.NamespacedName{Namespace: "shop", Name: "checkout"}
)

// patience is how long a test waits for what must happen; only one that fails waits so long.
const patience = time.Minute

// page is what a proxy says that was asked so often, and failed so many.
func page(good, bad int) string {
	return fmt.Sprintf(`# TYPE envoy_cluster_manager_cluster_added counter
envoy_cluster_manager_cluster_added{} 7
# TYPE istio_requests_total counter
istio_requests_total{reporter="destination",response_code="200",response_flags="-"} %d
istio_requests_total{reporter="destination",response_code="503",response_flags="UF"} %d
`, good, bad)
}

// pod is number i of a role in a namespace.
func pod(role pkgdirect.Role, namespace string, i int) pkgdirect.Proxy {
	name := fmt.Sprintf("%d-%03d", role, i)
	return pkgdirect.Proxy{
		Role: role, Namespace: namespace, Name: name, Node: fmt.Sprintf("node-%d", i), Sidecar: true, Ready: true,
		ID: pkgdirect.ID{UID: namespace + "/" + name, Address: netip.AddrFrom4([4]byte{10, byte(role), byte(i / 250), byte(1 + i%250)})},
	}
}

// of is a release of so many canary pods, with as many of the stable.
func of(key types.NamespacedName, pods int) Release {
	stable := counting.Service{Namespace: key.Namespace, Name: key.Name}
	r := Release{
		Key: key, Number: 7, Stable: stable, Canary: stable.Canary(), Objectives: []pkgdirect.Objective{{Name: "availability"}},
		Tolerance: 1.2, Threshold: 1000, Weight: 250_000, Rate: 100, PodsOf: pkgdirect.Pods{Stable: pods, Canary: pods},
	}
	for i := range pods {
		r.Proxies = append(r.Proxies, pod(pkgdirect.CanaryPod, key.Namespace, i), pod(pkgdirect.StablePod, key.Namespace, i))
	}
	return r
}

// cluster is the pods of a cluster: one server that answers for all addresses.
type cluster struct {
	*testing.T
	server *httptest.Server
	clock  *testclock.FakeClock

	mu      sync.Mutex
	serves  map[string]http.HandlerFunc // by the pod's address; nil: the pod is not there
	counted map[string][2]int           // good and bad requests, of those without a handler
	dialed  map[string]int
	asked   map[string]int
	queries []string
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{
		T: t, clock: testclock.NewFakeClock(noon),
		serves: map[string]http.HandlerFunc{}, counted: map[string][2]int{}, dialed: map[string]int{}, asked: map[string]int{},
	}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

// ServeHTTP answers for the pod that was asked.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || r.Method != http.MethodGet || r.URL.Path != "/stats/prometheus" {
		c.Errorf("%s %s of %s", r.Method, r.URL, r.Host)
	}
	c.mu.Lock()
	c.asked[host]++
	c.queries = append(c.queries, r.URL.RawQuery)
	serve, n := c.serves[host], c.counted[host]
	c.mu.Unlock()
	if serve != nil {
		serve(w, r)
		return
	}
	fmt.Fprint(w, page(n[0], n[1]))
}

// dial connects to the server whatever the pod's address is.
func (c *cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "15090" {
		c.Errorf("dialed %s", address)
	}
	c.mu.Lock()
	c.dialed[host]++
	c.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, c.server.Listener.Addr().String())
}

// counts has a pod have been asked so much more.
func (c *cluster) counts(p pkgdirect.Proxy, good, bad int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counted[p.ID.Address.String()]
	c.counted[p.ID.Address.String()] = [2]int{n[0] + good, n[1] + bad}
}

// reader reads the cluster. Only what a test wants to time out does, however busy the machine is.
func (c *cluster) reader(change ...func(*Config)) *Reader {
	c.Helper()
	config := Config{Clock: c.clock, dial: c.dial}
	for _, do := range change {
		do(&config)
	}
	r, err := New(config)
	if err != nil {
		c.Fatal(err)
	}
	r.fetch.timeout, r.atMost = patience, patience
	c.Cleanup(r.fetch.client.CloseIdleConnections)
	return r
}

// transport answers without a net.
type transport func(*http.Request) string

// RoundTrip gives the page.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(t(r))), Request: r}, nil
}

// second is a tick, an interval later.
func (c *cluster) second(r *Reader) State {
	c.Helper()
	c.clock.Step(r.Interval)
	r.once(c.Context())
	s, ok := r.State(shop)
	if !ok {
		c.Fatal("the release is not followed")
	}
	return s
}
