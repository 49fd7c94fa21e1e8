package direct

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestWhatCannotBeReadIsSaidOnce(t *testing.T) {
	b := newBench(t, 250_000, 1)
	for _, p := range b.release.Proxies {
		b.down[p.ID] = "timed out"
	}
	for _, p := range b.release.Proxies[:3] {
		b.down[p.ID] = "connection refused"
	}
	woken := 0
	for i := range 10 {
		s := b.second()
		if b.woken {
			woken++
		}
		if early := i < 4; (s.Absent == "") != early || s.Present {
			t.Errorf("after %d s: %+v", i+1, s)
		}
	}
	const want = "aborts take up to 45 s: proxies of checkout cannot be read: connection refused"
	if got := b.watch.State().Absent; got != want || woken != 1 {
		t.Errorf("%q, woken %d times", got, woken)
	}
	b.down = map[ID]string{}
	b.second()
	if s := b.second(); s.Absent != "" || !s.Present {
		t.Errorf("they can be read again: %+v", s)
	}
	// Nobody is there to be read.
	b.release.Proxies = podsOf(StablePod, 3, 1)
	b.update()
	if s := b.after(time.Minute, time.Second); !strings.HasSuffix(s.Absent, ": no pod of the canary that is ready has a sidecar, and no gateway leads to it") {
		t.Errorf("%q", s.Absent)
	}
	// That is nobody's trouble without traffic.
	b.release.Weight = 0
	b.update()
	if s := b.second(); s.Absent != "" {
		t.Errorf("%q", s.Absent)
	}
}

func TestTheShareIsMeasured(t *testing.T) {
	cases := map[string]struct {
		of         Pods
		does       func(*bench)
		want, off  float64
		ofRequests float64
	}{
		"by gateways": {Pods{9, 3}, func(b *bench) {
			b.passes(both[0], 750, 10)
			b.passes(both[1], 250, 20)
			b.asks(CanaryPod, 9, 0)
			b.asks(StablePod, 9, 0)
		}, 0.25, math.Sqrt(0.25 * 0.75 / 1000), 1000},
		"by all pods":  {Pods{4, 3}, func(b *bench) { b.asks(CanaryPod, 90, 0); b.asks(StablePod, 360, 9) }, 90.0 / 250, math.Sqrt(0.36 * 0.64 / 250), 250},
		"by some pods": {Pods{36, 3}, func(b *bench) { b.asks(CanaryPod, 90, 0); b.asks(StablePod, 360, 9) }, 90.0 / 1530, 0.0554 * math.Sqrt(1.0/90+1.0/160), 0},
		"by nobody":    {Pods{9, 3}, func(*bench) {}, 0, 0, 0},
		"by one arm": {Pods{9, 3}, func(b *bench) {
			b.asks(CanaryPod, 90, 0)
			for _, p := range b.release.Proxies[3:12] {
				b.down[p.ID] = "timed out"
			}
		}, 0, 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 250_000, 2)
			b.release.PodsOf = c.of
			b.update()
			b.second()
			c.does(b)
			got := b.second().Share
			if math.Abs(got.Canary-c.want) > 1e-12 || math.Abs(got.Error-c.off) > 0.1*c.off || c.ofRequests > 0 && math.Abs(got.Requests-c.ofRequests) > 1e-9 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAWeightIsLiveWhenTheShareShowsIt(t *testing.T) {
	b := newBench(t, 0, 1)
	flow := func(canary, stable float64) State {
		t.Helper()
		b.passes(both[0], stable, 0)
		b.passes(both[1], canary, 0)
		return b.second()
	}
	raise := func(weight int64) {
		b.release.Weight = weight
		b.update()
	}
	flow(0, 0)
	flow(0, 1000)
	raise(50_000)
	if s := flow(52, 948); s.Settled {
		t.Error("the second began before the weight")
	}
	if s := flow(0, 1000); s.Settled {
		t.Error("none of a thousand requests met the canary")
	}
	if s := flow(52, 948); !s.Settled || !b.woken {
		t.Errorf("%+v", s)
	}
	raise(250_000)
	if s := flow(52, 948); s.Settled {
		t.Errorf("%+v", s)
	}
	for _, canary := range []float64{52, 120, 180} { // the proxies follow one after the other
		if s := flow(canary, 1000-canary); s.Settled {
			t.Errorf("%v of 1000: %+v", canary, s)
		}
	}
	if s := flow(245, 755); !s.Settled {
		t.Errorf("%+v", s)
	}
	raise(260_000)
	for range 5 {
		if s := flow(1, 2); s.Settled {
			t.Error("a few requests show nothing")
		}
	}
	// After a restart nobody knows what the weight was.
	b.begin()
	flow(260, 740)
	if s := flow(260, 740); s.Settled {
		t.Error("settled without a weight before")
	}
}

func TestWithoutTrafficGatewaysAloneAreRead(t *testing.T) {
	b := newBench(t, 0, 2)
	if got := b.watch.Proxies(); len(got) != 2 || count(got, GatewayPod) != 2 {
		t.Errorf("%v are read", got)
	}
	b.release.Weight = 1
	b.update()
	if got := b.watch.Proxies(); len(got) != 9 {
		t.Errorf("%v are read", got)
	}
}

// The gateways are read first less than a second before the canary is there, which the record says by the second.
func TestGatewaysAreKnownToKnowACanaryThatComesAtOnce(t *testing.T) {
	b := newBench(t, 0, 2)
	b.second()
	b.now = b.now.Add(time.Millisecond)
	b.release.CanarySince = b.now.Add(-time.Second)
	b.update()
	for i := range 2 {
		b.page(podOf(GatewayPod, i, "")).Told++
	}
	if s := b.second(); s.Known {
		t.Error("one may be told of more")
	}
	if s := b.second(); !s.Known {
		t.Errorf("both were told: %+v", s)
	}
}

func TestGatewaysAreKnownToKnowTheCanary(t *testing.T) {
	b := newBench(t, 0, 2)
	told := func(i int) { b.page(podOf(GatewayPod, i, "")).Told++ }
	b.second()
	told(0)
	told(1)
	if s := b.second(); s.Known {
		t.Error("there is no Service of the canary yet")
	}
	b.release.CanarySince = b.now.Add(time.Millisecond)
	b.update()
	if s := b.second(); s.Known {
		t.Error("nobody was told of anything since")
	}
	told(0)
	if s := b.second(); s.Known {
		t.Error("one of two was told")
	}
	told(1)
	if s := b.second(); s.Known {
		t.Error("one may be told of more")
	}
	b.page(podOf(GatewayPod, 1, "")).Warming = true
	if s := b.second(); s.Known {
		t.Error("one waits for endpoints")
	}
	b.page(podOf(GatewayPod, 1, "")).Warming = false
	if s := b.second(); !s.Known || !b.woken {
		t.Errorf("both were told: %+v", s)
	}
	// One that was never read before may have been told of anything.
	b.release.Proxies = append(b.release.Proxies, podOf(GatewayPod, 2, "node-2"))
	b.update()
	told(2)
	if s := b.second(); s.Known {
		t.Error("a gateway that was not read before")
	}
	b.page(podOf(GatewayPod, 2, "")).To[both[1]][good] = 1
	if s := b.second(); !s.Known {
		t.Error("it sends requests there")
	}
	b.release.Proxies = podsOf(CanaryPod, 3, 3)
	b.update()
	if s := b.second(); s.Known {
		t.Error("without gateways nobody knows")
	}
}
