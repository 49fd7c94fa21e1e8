package direct

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// The worked example: total failure at 250 of 1000 requests a second, in three groups, from the middle of a second.
func TestATotalFailureIsBrakedAtOnceAndAbortedWithinSeconds(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.second()
	b.asks(CanaryPod, 249, 0)
	b.asks(StablePod, 747, 0)
	if s := b.second(); !s.Present || s.Signs[0].Alarm || b.watch.Alarms() || !b.woken {
		t.Fatalf("a quiet second: %+v", s)
	}
	b.asks(CanaryPod, 249, 123)
	b.asks(StablePod, 747, 0)
	s := b.second()
	if sign, brake := s.Brake(); !brake || sign.Canary.Bad != 123 || sign.Canary.Requests != 249 || sign.Objective != "availability" || !b.watch.Alarms() || !b.woken {
		t.Fatalf("half of a second failed: %+v, woken %v", s, b.woken)
	}
	for second := 3; ; second++ {
		b.asks(CanaryPod, 249, 249)
		b.asks(StablePod, 747, 0)
		s = b.second()
		if _, abort := s.Abort(); abort {
			if second != 7 || !b.watch.Alarms() || !b.woken {
				t.Errorf("aborted in second %d, woken %v; want 7", second, b.woken)
			}
			break
		}
		if second > 7 {
			t.Fatalf("not aborted: %+v", s)
		}
	}
	b.asks(CanaryPod, 249, 0)
	if s = b.second(); !func() bool { _, yes := s.Abort(); return yes }() {
		t.Error("what is proven was forgotten")
	}
}

func TestADeadPodIsNoCatastrophe(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.second()
	for range 60 {
		b.asks(CanaryPod, 249, 0)
		b.asks(StablePod, 747, 0)
		dead := b.page(podOf(CanaryPod, 1, "node-1"))
		dead.Own[bad] += 83
		dead.Own[good] -= 83
		dead.Own[good] += 83 // 83 of its own fail, beside those that were good before
		if s := b.second(); s.Signs[0].Alarm || s.Signs[0].Brake || s.Signs[0].Wealth != 1 {
			t.Fatalf("%+v", s)
		}
	}
}

// Pods of one node are one group: with two nodes of two pods each, one node may fail.
func TestAGroupIsANode(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.release.Proxies = slices.Concat(podsOf(CanaryPod, 4, 2), podsOf(StablePod, 4, 2))
	b.update()
	b.second()
	for range 30 {
		b.asks(CanaryPod, 400, 0)
		b.asks(StablePod, 400, 0)
		for _, i := range []int{0, 2} { // both on node-0
			b.page(podOf(CanaryPod, i, "")).Own[bad] += 100
		}
		if s := b.second(); s.Signs[0].Alarm || s.Signs[0].Brake {
			t.Fatalf("%+v", s)
		}
	}
	for range 3 {
		b.asks(CanaryPod, 400, 400)
		b.asks(StablePod, 400, 0)
		b.second()
	}
	if s := b.watch.State(); !s.Signs[0].Brake || !s.Signs[0].Episode {
		t.Errorf("both nodes fail: %+v", s)
	}
}

// Where all pods are on one node each is a group: one that is dead, and draws most of the requests because it answers at once, may fail alone.
func TestADeadPodBesideOthersOfItsNodeIsNoCatastrophe(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.release.Proxies = slices.Concat(podsOf(CanaryPod, 4, 1), podsOf(StablePod, 4, 1))
	b.update()
	b.second()
	for range 30 {
		b.asks(CanaryPod, 40, 0)
		b.asks(StablePod, 400, 0)
		b.page(podOf(CanaryPod, 1, "")).Own[bad] += 100
		if s := b.second(); s.Signs[0].Alarm || s.Signs[0].Brake {
			t.Fatalf("%+v", s)
		}
	}
	for range 3 {
		b.asks(CanaryPod, 400, 400)
		b.asks(StablePod, 400, 0)
		b.second()
	}
	if s := b.watch.State(); !s.Signs[0].Brake || !s.Signs[0].Episode {
		t.Errorf("all pods fail: %+v", s)
	}
}

// Whatever is void is neither good nor bad: nothing is counted of it, now or later.
func TestWhatIsVoidIsNotCounted(t *testing.T) {
	one := podOf(CanaryPod, 0, "node-0")
	cases := map[string]struct {
		happens func(*bench)
		passed  time.Duration
	}{
		"the first reading":               {func(b *bench) { b.begin() }, time.Second},
		"a counter fell":                  {func(b *bench) { b.pages[one.ID].Own[good] = 1 }, time.Second},
		"a counter is gone":               {func(b *bench) { delete(b.pages[one.ID].Own, good) }, time.Second},
		"the proxy began anew":            {func(b *bench) { b.pages[one.ID].Told = 3 }, time.Second},
		"a reading that is late":          {func(*bench) {}, 2*time.Second + 1},
		"nobody could be read":            {func(b *bench) { b.down[one.ID] = "timed out" }, time.Second},
		"the pod was made again":          {func(b *bench) { b.release.Proxies[0].ID.UID = "again"; b.update() }, time.Second},
		"the pod is not ready any more":   {func(b *bench) { b.release.Proxies[0].Ready = false; b.update() }, time.Second},
		"the pod has no sidecar any more": {func(b *bench) { b.release.Proxies[0].Sidecar = false; b.update() }, time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 250_000, 0)
			b.release.Proxies = append([]Proxy{one}, podsOf(StablePod, 4, 3)...)
			b.update()
			b.asks(CanaryPod, 100, 0)
			b.asks(StablePod, 300, 0)
			b.second()
			b.asks(CanaryPod, 100, 0)
			b.second()
			at := b.watch.State().At
			b.asks(CanaryPod, 100, 100)
			b.asks(StablePod, 300, 0)
			c.happens(b)
			if s := b.after(c.passed, time.Second); s.Signs[0].Brake || s.Signs[0].Alarm || s.Share.Requests != 0 || s.At.After(at) {
				t.Errorf("%+v", s)
			}
		})
	}
	// The same without anything of it is counted.
	b := newBench(t, 250_000, 0)
	b.release.Proxies = append([]Proxy{one}, podsOf(StablePod, 4, 3)...)
	b.update()
	b.second()
	b.asks(CanaryPod, 100, 100)
	b.asks(StablePod, 300, 0)
	if s := b.after(2*time.Second, time.Second); !s.Signs[0].Brake {
		t.Errorf("%+v", s)
	}
}

// Who has a turn each ten seconds is read in time after ten.
func TestATurnIsAsLongAsItWasMeantToBe(t *testing.T) {
	for passed, want := range map[time.Duration]bool{10 * time.Second: true, 20 * time.Second: true, 21 * time.Second: false} {
		b := newBench(t, 250_000, 0)
		b.second()
		b.asks(CanaryPod, 300, 300)
		b.asks(StablePod, 900, 0)
		if s := b.after(passed, 10*time.Second); s.Signs[0].Brake != want {
			t.Errorf("after %s: %+v", passed, s)
		}
	}
}

// A node of which nothing can be read stays a group that may be left out; the episode of the others goes on.
func TestANodeThatCannotBeReadStaysAGroup(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.second()
	for second := 0; ; second++ {
		b.asks(CanaryPod, 249, 249)
		b.asks(StablePod, 747, 0)
		if second == 3 {
			b.down[podOf(CanaryPod, 2, "").ID] = "timed out"
		}
		s := b.second()
		if second > 2 && !s.Signs[0].Episode {
			t.Fatalf("second %d: %+v", second, s)
		}
		if _, abort := s.Abort(); abort {
			break
		}
		if second > 12 {
			t.Fatalf("not aborted: %+v", s)
		}
	}
}

func TestGatewaysSpeakWherePodsCannot(t *testing.T) {
	cases := map[string]func(*bench){
		"no pod has a sidecar": func(b *bench) {
			for i := range b.release.Proxies[:12] {
				b.release.Proxies[i].Sidecar = false
			}
			b.update()
		},
		"no pod of the canary can be read": func(b *bench) {
			for _, p := range b.release.Proxies[:3] {
				b.down[p.ID] = "connection refused"
			}
			for range given {
				if s := b.second(); s.Absent != "" {
					b.Fatalf("%+v", s)
				}
			}
		},
	}
	for name, happens := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 250_000, 2)
			b.second()
			happens(b)
			b.second()
			for second := 0; ; second++ {
				b.asks(CanaryPod, 249, 0) // the pods themselves would not say so
				b.passes(both[1], 250, 250)
				b.passes(both[0], 750, 0)
				s := b.second()
				if second == 0 && (!s.Present || !s.Signs[0].Brake || s.Signs[0].Canary.Requests != 250) {
					t.Fatalf("%+v", s)
				}
				if _, abort := s.Abort(); abort {
					break
				}
				if second > 12 {
					t.Fatalf("not aborted: %+v", s)
				}
			}
		})
	}
}

// While pods are read, gateways are not counted on top of them.
func TestNoRequestIsCountedTwice(t *testing.T) {
	b := newBench(t, 250_000, 1)
	b.second()
	b.asks(CanaryPod, 90, 45)
	b.asks(StablePod, 900, 0)
	b.passes(both[1], 1000, 1000)
	if s := b.second(); !s.Signs[0].Brake || s.Signs[0].Canary.Requests != 90 || s.Signs[0].Canary.Bad != 45 {
		t.Errorf("%+v", s)
	}
}

// At a braked weight the other purse is bet with, and nobody asks to brake again.
func TestABrakeIsTakenOver(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.second()
	b.asks(CanaryPod, 90, 90)
	b.asks(StablePod, 900, 0)
	if s := b.second(); !s.Signs[0].Brake {
		t.Fatalf("%+v", s)
	}
	b.release.Braked, b.release.Weight = true, 1600
	b.update()
	for range 3 {
		b.asks(CanaryPod, 90, 90)
		b.asks(StablePod, 900, 0)
		if s := b.second(); s.Signs[0].Brake {
			t.Fatalf("%+v", s)
		}
	}
	b.release.Braked, b.release.Weight = false, 250_000
	b.update()
	b.second()
	for i := range 3 { // the second brake needs two seconds of it
		b.asks(CanaryPod, 90, 90)
		b.asks(StablePod, 900, 0)
		if s := b.second(); s.Signs[0].Brake != (i >= 1) {
			t.Errorf("second %d: %+v", i, s)
		}
	}
}

func TestOnlyRequestsAreReadDirectly(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.release.Objectives = []Objective{
		{Name: "latency", Indicator: counting.Indicator{Kind: counting.Duration, Threshold: time.Second}},
		{Name: "availability"},
		{Name: "orders", Indicator: counting.Indicator{Kind: counting.Custom}},
		{Name: "quota", Indicator: counting.Indicator{Rules: counting.Rules{TooManyRequestsIsBad: true}}},
	}
	if n := Lanes(b.release.Objectives); n != 2 {
		t.Errorf("%d lanes", n)
	}
	b.begin()
	b.second()
	for _, p := range b.release.Proxies[:3] {
		b.page(p).Own[counting.Outcome{Code: "429"}] += 30
	}
	b.asks(StablePod, 900, 0)
	s := b.second()
	if len(s.Signs) != 2 || s.Signs[0].Objective != "availability" || s.Signs[0].Brake || s.Signs[1].Objective != "quota" || !s.Signs[1].Brake {
		t.Errorf("%+v", s.Signs)
	}
}

// A restart in the middle forgets neither what was won nor which brakes there were.
func TestLanesGoOnAfterARestart(t *testing.T) {
	b := newBench(t, 250_000, 0)
	b.release.Objectives = append(b.release.Objectives, Objective{Name: "other"})
	b.begin()
	b.second()
	for range 5 {
		b.asks(CanaryPod, 249, 249)
		b.asks(StablePod, 747, 0)
		b.second()
	}
	before := b.watch.State()
	if !(before.Signs[0].Wealth > 1) {
		t.Fatalf("nothing was won: %+v", before)
	}
	b.release.Checkpoint = before.Checkpoint
	b.begin()
	b.second() // there is no reading before it
	s := b.after(time.Second, time.Second)
	for i := range s.Signs {
		if s.Signs[i].Wealth != before.Signs[i].Wealth {
			t.Errorf("wealth %v, before the restart %v", s.Signs[i].Wealth, before.Signs[i].Wealth)
		}
	}
	for name, text := range map[string]string{"altered": strings.Replace(before.Checkpoint, "1", "2", 1), "of one lane": strings.SplitN(before.Checkpoint, between, 2)[0]} {
		b.release.Checkpoint = text
		w, err := NewWatch(b.release, b.now)
		if err == nil || len(w.State().Signs) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The facts do not depend on the order in which pods are listed.
func TestASecondDoesNotDependOnTheOrderOfAList(t *testing.T) {
	play := func(turned bool) string {
		b := newBench(t, 250_000, 2)
		if turned {
			slices.Reverse(b.release.Proxies)
		}
		b.begin()
		for range 4 {
			b.second()
			for i := range 3 {
				b.page(podOf(CanaryPod, i, "")).Own[bad] += float64(10 + i)
			}
		}
		return fmt.Sprintf("%+v", b.watch.State())
	}
	if one, other := play(false), play(true); one != other {
		t.Errorf("%s\n%s", one, other)
	}
}
