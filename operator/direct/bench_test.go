package direct

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
)

// BenchmarkTick is one tick of all running releases, each of 8 pods beside a shared gateway; proxies answer at once. Beyond the budget what
// is read stays the same, and what grows is the choice of whom.
func BenchmarkTick(b *testing.B) {
	for _, releases := range []int{10, 50, 1000} {
		b.Run(fmt.Sprint(releases), func(b *testing.B) {
			clock := testclock.NewFakeClock(noon)
			r, err := New(Config{Clock: clock})
			if err != nil {
				b.Fatal(err)
			}
			r.atMost, r.fetch.timeout = patience, patience
			text := page(100, 1)
			r.fetch.client.Transport = transport(func(*http.Request) string { return text })
			for i := range releases {
				release := of(types.NamespacedName{Namespace: fmt.Sprintf("team-%02d", i%50), Name: fmt.Sprintf("service-%04d", i)}, 0)
				for n := range 4 {
					release.Proxies = append(release.Proxies, pod(pkgdirect.CanaryPod, release.Key.Namespace, 4*i+n), pod(pkgdirect.StablePod, release.Key.Namespace, 4*i+n))
				}
				release.Proxies = append(release.Proxies, pod(pkgdirect.GatewayPod, "istio-ingress", 0))
				r.Follow(release)
			}
			b.ReportAllocs()
			for b.Loop() {
				clock.Step(time.Second)
				r.once(b.Context())
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*min(1+8*releases, PerSecond)), "ns/reading")
		})
	}
}
