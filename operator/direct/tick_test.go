package direct

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/operator/metrics"
	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
	table "github.com/stagger-dev/stagger/pkg/metrics"
)

func refuses(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }

// Who cannot be read is tried ever less often, and read as before once it can be.
func TestAProxyThatCannotBeReadIsLeftAlone(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	p := pod(pkgdirect.CanaryPod, "shop", 0)
	c.serves[p.ID.Address.String()] = refuses
	release := of(shop, 0)
	release.Proxies = []pkgdirect.Proxy{p}
	r.Follow(release)
	var tried []int
	for second := range 150 {
		before := c.asked[p.ID.Address.String()]
		c.second(r)
		if c.asked[p.ID.Address.String()] > before {
			tried = append(tried, second)
		}
	}
	if want := []int{0, 1, 3, 7, 15, 31, 61, 91, 121}; !slices.Equal(tried, want) {
		t.Errorf("tried after %v s, want %v", tried, want)
	}
	if s, _ := r.State(shop); s.Absent != "aborts take up to 45 s: proxies of checkout cannot be read: HTTP status 403" {
		t.Errorf("%+v", s)
	}
	c.mu.Lock()
	delete(c.serves, p.ID.Address.String())
	c.mu.Unlock()
	for range 35 {
		c.second(r)
	}
	if s, _ := r.State(shop); !s.Present || s.Absent != "" {
		t.Errorf("%+v", s)
	}
	if len(r.resting) > 0 {
		t.Error("it rests still")
	}
	// What nobody follows is not remembered.
	c.serves[p.ID.Address.String()] = refuses
	c.second(r)
	r.Forget(shop)
	r.plan()
	if len(r.resting) > 0 {
		t.Errorf("remembered are %v", r.resting)
	}
}

// A counter that falls voids the second of its own proxy, and of no other.
func TestACounterThatFalls(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.Follow(of(shop, 2))
	c.counts(pod(pkgdirect.CanaryPod, "shop", 0), 1000, 1000)
	c.second(r)
	c.second(r)
	c.counts(pod(pkgdirect.CanaryPod, "shop", 0), -900, -900)
	c.counts(pod(pkgdirect.CanaryPod, "shop", 1), 50, 0)
	c.counts(pod(pkgdirect.StablePod, "shop", 1), 100, 0)
	if s := c.second(r); s.Share.Canary != 0.5 || s.Signs[0].Alarm { // of the canary one of two pods was read
		t.Errorf("%+v", s)
	}
}

// However many there are, only so many are read at once, and so many of one namespace.
func TestNoMoreAreReadAtOnceThanMayBe(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	var mu sync.Mutex
	now, most := map[string]int{}, map[string]int{}
	enter := func(space string, by int) {
		mu.Lock()
		defer mu.Unlock()
		for _, of := range []string{space, "all"} {
			now[of] += by
			most[of] = max(most[of], now[of])
		}
	}
	for space := range 8 {
		key := types.NamespacedName{Namespace: fmt.Sprintf("team-%d", space), Name: "checkout"}
		release := of(key, 0)
		for i := range 16 {
			for role := range pkgdirect.GatewayPod {
				p := pod(role, key.Namespace, 16*space+i)
				release.Proxies = append(release.Proxies, p)
				c.serves[p.ID.Address.String()] = func(w http.ResponseWriter, _ *http.Request) {
					enter(key.Namespace, 1)
					defer enter(key.Namespace, -1)
					fmt.Fprint(w, page(1, 0))
				}
			}
		}
		r.Follow(release)
	}
	c.clock.Step(time.Second)
	r.once(t.Context())
	if len(c.asked) != 256 {
		t.Errorf("%d proxies were read", len(c.asked))
	}
	for of, n := range most {
		if limit := map[bool]int{true: atOnce, false: atOnceOfOne}[of == "all"]; n > limit {
			t.Errorf("%d of %s were read at once", n, of)
		}
	}
}

// All of a tenant's proxies hang. The releases of others have their second while they do.
func TestATenantWhoseProxiesHangDelaysNobody(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	r.Follow(of(shop, 2))
	c.second(r)
	for space := range 3 { // of 16 places each: some are left
		key := types.NamespacedName{Namespace: fmt.Sprintf("hanging-%d", space), Name: "checkout"}
		release := of(key, 0)
		for i := range 16 {
			p := pod(pkgdirect.CanaryPod, key.Namespace, 100+16*space+i)
			release.Proxies = append(release.Proxies, p)
			c.serves[p.ID.Address.String()] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		for i := range 16 {
			p := pod(pkgdirect.StablePod, key.Namespace, 100+16*space+i)
			release.Proxies = append(release.Proxies, p)
			c.serves[p.ID.Address.String()] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		r.Follow(release)
	}
	c.clock.Step(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.once(ctx) }()
	limit := time.After(patience)
	for taken := false; !taken; { // while the others hang
		s, _ := r.State(shop)
		taken = s.Present
		select {
		case <-limit:
			t.Fatal("the second was not taken")
		case <-ended:
			t.Fatal("the others do not hang")
		default:
		}
	}
	stop()
	<-ended
	if len(r.resting) > 0 {
		t.Errorf("%d proxies are said to have failed, whose time was cut short", len(r.resting))
	}
}

// 750 releases with 400 readings a second: nobody is read more than may be, all are read, and no namespace has more than its part.
func TestReadingsAreSharedOut(t *testing.T) {
	c := newCluster(t)
	set := metrics.New(metrics.Settings{Build: []string{"", "", ""}})
	r := c.reader(func(c *Config) { c.Metrics = set })
	var read atomic.Int64
	r.fetch.client.Transport = transport(func(*http.Request) string { read.Add(1); return page(1, 0) })
	last, worst := map[string]time.Time{}, map[string]time.Duration{}
	for i := range 750 {
		space := "large"
		if i%5 < 2 {
			space = fmt.Sprintf("team-%d", i%3)
		}
		release := of(types.NamespacedName{Namespace: space, Name: fmt.Sprintf("service-%03d", i)}, 0)
		release.Rate = float64(i)
		for n := range 5 {
			release.Proxies = append(release.Proxies, pod(pkgdirect.CanaryPod, space, 5*i+n))
		}
		r.Follow(release)
		last[release.Key.String()] = c.clock.Now()
	}
	for range 100 {
		before := read.Load()
		c.clock.Step(time.Second)
		r.once(t.Context())
		if n := read.Load() - before; n != PerSecond {
			t.Fatalf("%d proxies were read in a second", n)
		}
		for key := range r.releases {
			s, _ := r.State(key)
			if s.At.After(last[key.String()]) {
				worst[key.Namespace] = max(worst[key.Namespace], s.At.Sub(last[key.String()]))
				last[key.String()] = s.At
			}
		}
	}
	// The 450 of one namespace take turns among each other; the 300 of three others do not wait for them. The first second takes two turns.
	for key, at := range last {
		if at.Equal(noon) {
			t.Errorf("%s had no second", key)
		}
	}
	for space, longest := range worst {
		if limit := map[bool]time.Duration{true: 95 * time.Second, false: 25 * time.Second}[space == "large"]; longest > limit {
			t.Errorf("of %s a release waits %s", space, longest)
		}
	}
	told := text(t, set)
	if !strings.Contains(told, `stagger_direct_readings_total{result="ok"} 40000`) || !strings.Contains(told, "stagger_direct_readings_put_off_total 335000") {
		t.Errorf("told:\n%s", told)
	}
}

func TestReadingsAreTold(t *testing.T) {
	c := newCluster(t)
	set := metrics.New(metrics.Settings{Build: []string{"", "", ""}})
	r := c.reader(func(c *Config) { c.Metrics = set })
	release := of(shop, 2)
	r.Follow(release)
	c.serves[release.Proxies[0].ID.Address.String()] = http.NotFound
	c.second(r)
	told := text(t, set)
	for _, want := range []string{
		`stagger_direct_readings_total{result="ok"} 3`, `stagger_direct_readings_total{result="no_statistics"} 1`, `stagger_direct_readings_total{result="timed_out"} 0`,
		`stagger_direct_reading_duration_seconds_count 4`, `stagger_direct_readings_put_off_total 0`,
	} {
		if !strings.Contains(told, want+"\n") {
			t.Errorf("%s is not among\n%s", want, told)
		}
	}
	values := func() (all []string) {
		for _, m := range table.Table() {
			if m.Name == table.DirectReadings {
				all = m.Labels[0].Values
			}
		}
		return all
	}()
	if n := strings.Count(told, "stagger_direct_readings_total{"); n != len(values) {
		t.Errorf("%d series for %q", n, values)
	}
}

func text(t *testing.T, set *metrics.Set) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(set); err != nil {
		t.Fatal(err)
	}
	all, err := testutil.GatherAndFormat(r, expfmt.TypeTextPlain, table.DirectReadings, table.DirectReadingDuration, table.DirectPutOff)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// A release may go, come and change in the middle of a tick.
func TestReleasesComeAndGoWhileTheyAreRead(t *testing.T) {
	c := newCluster(t)
	r := c.reader()
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := range 4 {
		others.Go(func() {
			for n := int64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				release := of(types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)}, 1)
				release.Number = n / 3
				release.Weight += n
				r.Follow(release)
				r.State(release.Key)
				if n%7 == 6 {
					r.Forget(release.Key)
				}
			}
		})
	}
	for range 20 {
		c.clock.Step(time.Second)
		r.once(t.Context())
		r.takeChanged()
	}
	close(stop)
	others.Wait()
}
