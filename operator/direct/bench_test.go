package direct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	pkgdirect "github.com/stagger-dev/stagger/pkg/direct"
)

// podsEnv has the test binary be the pods of BenchmarkCost, so that its own share of the machine is not in the cost.
const podsEnv = "STAGGER_BENCHMARK_PODS"

func TestMain(m *testing.M) {
	if os.Getenv(podsEnv) == "" {
		os.Exit(m.Run())
	}
	if err := answerAsPods(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answerAsPods says its address, and answers with the page of a proxy of Istio until it is ended.
func answerAsPods(say io.Writer) error {
	text, err := os.ReadFile("../../pkg/direct/testdata/sidecar.txt")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(say, l.Addr()); err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(text); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
}

// BenchmarkCost is a second of reading for 1 000 running releases over connections, by what the system says of this process: cores is the share
// of a core, MB what it holds more than before.
func BenchmarkCost(b *testing.B) {
	pods := exec.CommandContext(b.Context(), os.Args[0])
	pods.Env = append(os.Environ(), podsEnv+"=1")
	out, err := pods.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := pods.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(pods.Process.Kill(), out.Close()); err != nil {
			b.Error(err)
		}
		pods.Wait() //nolint:errcheck // it was killed
	})
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	before := held()
	clock := testclock.NewFakeClock(noon)
	r, err := New(Config{Clock: clock, dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	if err != nil {
		b.Fatal(err)
	}
	r.atMost, r.fetch.timeout = patience, patience
	follow(r, 1000)
	second := func() {
		clock.Step(time.Second)
		r.once(b.Context())
	}
	for range 30 { // until each proxy has its connection
		second()
	}
	began := used(b)
	for b.Loop() {
		second()
	}
	b.ReportMetric((used(b)-began).Seconds()/float64(b.N), "cores")
	b.ReportMetric(float64(held()-before)/(1<<20), "MB")
	r.fetch.client.CloseIdleConnections()
}

// used is the time for which this process has had a core.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// held is the memory that this process has from the system.
func held() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// follow has releases followed, each of 8 pods beside a shared gateway.
func follow(r *Reader, releases int) {
	for i := range releases {
		release := of(types.NamespacedName{Namespace: fmt.Sprintf("team-%02d", i%50), Name: fmt.Sprintf("service-%04d", i)}, 0)
		for n := range 4 {
			release.Proxies = append(release.Proxies, pod(pkgdirect.CanaryPod, release.Key.Namespace, 4*i+n), pod(pkgdirect.StablePod, release.Key.Namespace, 4*i+n))
		}
		release.Proxies = append(release.Proxies, pod(pkgdirect.GatewayPod, "istio-ingress", 0))
		r.Follow(release)
	}
}

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
			follow(r, releases)
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
