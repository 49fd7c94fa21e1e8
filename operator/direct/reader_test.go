package direct

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
)

func TestARelease(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	if _, ok := r.State(shop); ok {
		t.Error("something is known of a release that nobody follows")
	}
	release := of(shop, 2)
	r.Follow(release)
	c.second(r)
	if s := c.second(r); !s.Present || s.Number != 7 {
		t.Fatalf("%+v", s)
	}
	for i := range 2 {
		c.counts(pod(pkgdirect.CanaryPod, "shop", i), 10, 50)
		c.counts(pod(pkgdirect.StablePod, "shop", i), 180, 0)
	}
	s := c.second(r)
	if sign, brake := s.Brake(); !brake || sign.Canary.Bad != 100 || sign.Canary.Requests != 120 {
		t.Errorf("%+v", s)
	}
	if s.Share.Canary != 0.25 {
		t.Errorf("%+v", s.Share)
	}
	// Another release of the same shift begins anew.
	release.Number = 8
	r.Follow(release)
	if s := c.second(r); s.Number != 8 || s.Present {
		t.Errorf("%+v", s)
	}
	r.Forget(shop)
	asked := len(c.queries)
	c.clock.Step(time.Second)
	r.once(t.Context())
	if _, ok := r.State(shop); ok || len(c.queries) != asked {
		t.Error("it is read although nobody follows it")
	}
}

func TestConnectionsAreReused(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.Follow(of(shop, 3))
	for range 5 {
		c.second(r)
	}
	if len(c.dialed) != 6 {
		t.Errorf("%d proxies were dialed", len(c.dialed))
	}
	for host, n := range c.dialed {
		if n != 1 || c.asked[host] != 5 {
			t.Errorf("%s was dialed %d times for %d readings", host, n, c.asked[host])
		}
	}
}

// A gateway of several releases is read once for all of them, and asked about their Services alone.
func TestASharedGatewayIsReadOnce(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	gateway := pod(pkgdirect.GatewayPod, "istio-ingress", 0)
	passed := 0
	c.serves[gateway.ID.Address.String()] = func(w http.ResponseWriter, _ *http.Request) {
		for i := range 5 {
			for suffix, n := range map[string]int{"": 3, "-canary": 1} {
				fmt.Fprintf(w, "istio_requests_total{reporter=\"source\",destination_service_name=\"web-%d%s\",destination_service_namespace=\"shop\",response_code=\"200\"} %d\n",
					i, suffix, (i+1)*n*passed)
			}
		}
	}
	key := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)}
	}
	for i := range 5 {
		release := of(key(i), 0)
		release.Proxies = []pkgdirect.Proxy{gateway}
		r.Follow(release)
	}
	for range 3 {
		passed += 10
		c.clock.Step(time.Second)
		r.once(t.Context())
	}
	if n := c.asked[gateway.ID.Address.String()]; n != 3 {
		t.Errorf("read %d times in 3 ticks", n)
	}
	for i := range 5 {
		if s, ok := r.State(key(i)); !ok || !s.Present || s.Share.Canary != 0.25 || s.Share.Requests != float64(40*(i+1)) {
			t.Errorf("release %d: %+v", i, s)
		}
	}
	query, err := url.ParseQuery(c.queries[0])
	if err != nil {
		t.Fatal(err)
	}
	filter := regexp.MustCompile(query.Get("filter"))
	if !query.Has("usedonly") || !filter.MatchString("istiocustom.istio_requests_total.reporter.source.destination_service_name.web-3-canary.destination_service_namespace.shop") ||
		filter.MatchString("istiocustom.istio_requests_total.reporter.source.destination_service_name.other.destination_service_namespace.shop") {
		t.Errorf("asked for %v", query)
	}
}

// One that is a gateway to some and a pod of an arm to others says all that is wanted of it.
func TestAGatewayThatIsReleasedItself(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	both := pod(pkgdirect.GatewayPod, "shop", 0)
	one, other := of(shop, 0), of(types.NamespacedName{Namespace: "shop", Name: "gateway"}, 0)
	one.Proxies = []pkgdirect.Proxy{both}
	both.Role = pkgdirect.CanaryPod
	other.Proxies = []pkgdirect.Proxy{both}
	r.Follow(one)
	r.Follow(other)
	c.second(r)
	c.second(r)
	for key := range r.releases {
		if s, _ := r.State(key); !s.Present {
			t.Errorf("%s: %+v", key, s)
		}
	}
	if len(c.queries) != 2 || strings.Contains(c.queries[0], "checkout") {
		t.Errorf("asked %q", c.queries)
	}
}

// Only what is decisive wakes a shift, and who does not listen delays nobody.
func TestWhatIsDecisiveWakesTheShift(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.Follow(of(shop, 1))
	c.second(r)
	c.second(r) // it is present now
	c.second(r)
	canary := pod(pkgdirect.CanaryPod, "shop", 0)
	if got := r.takeChanged(); !slices.Equal(got, []types.NamespacedName{shop}) {
		t.Errorf("woken are %v", got)
	}
	c.counts(canary, 100, 0)
	c.counts(pod(pkgdirect.StablePod, "shop", 0), 300, 0)
	c.second(r)
	if got := r.takeChanged(); len(got) > 0 {
		t.Errorf("an ordinary second wakes %v", got)
	}
	s, _ := r.State(shop)
	if r.Alarms(shop, s.Number) {
		t.Error("an ordinary second is alarming")
	}
	c.counts(canary, 0, 100)
	c.counts(pod(pkgdirect.StablePod, "shop", 0), 300, 0)
	c.second(r)
	if got := r.takeChanged(); len(got) != 1 {
		t.Error("a brake wakes nobody")
	}
	if !r.Alarms(shop, s.Number) || r.Alarms(shop, s.Number+1) {
		t.Error("a brake does not alarm, or alarms for another release")
	}
}

func TestItReadsEachIntervalUntilTheEnd(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.Follow(of(shop, 1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Start(ctx) }()
	limit := time.After(patience)
	ticks := time.NewTicker(time.Millisecond) // of the fake clock: it is moved until the event is there
	defer ticks.Stop()
	for woken := false; !woken; {
		select {
		case e := <-r.Changed():
			woken = e.Object.GetName() == "checkout" && e.Object.GetNamespace() == "shop"
		case <-ticks.C:
			if c.clock.HasWaiters() {
				c.clock.Step(DefaultInterval)
			}
		case <-limit:
			t.Fatal("nobody was woken")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !r.NeedLeaderElection() {
		t.Error("every replica would read")
	}
}

func TestOffReadsNothing(t *testing.T) {
	c := newCluster(t)
	r := c.reader(func(c *Config) { c.Mode = Off })
	r.Follow(of(shop, 1))
	if _, ok := r.State(shop); ok {
		t.Error("a release is followed")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := r.Start(ctx); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	cases := map[string]struct {
		config Config
		says   string
	}{
		"mode":     {Config{Mode: "On"}, `mode is "On"; it must be Auto or Off`},
		"short":    {Config{Interval: time.Millisecond}, "interval is 1ms; it must be from 500ms to 5s"},
		"long":     {Config{Interval: time.Minute}, "interval is 1m0s; it must be from 500ms to 5s"},
		"too few":  {Config{PerSecond: 79}, "perSecond is 79; it must be at least 80 in an interval of 1s"},
		"negative": {Config{PerSecond: -1}, "perSecond is -1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
