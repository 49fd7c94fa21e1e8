package direct

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
)

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	good = counting.Outcome{Code: "200", Flags: "-", Protocol: "http"}
	bad  = counting.Outcome{Code: "503", Flags: "UF", Protocol: "http"}
)

// bench drives a Watch: pages that count on, and a second at a time.
type bench struct {
	*testing.T
	release Release
	watch   *Watch
	now     time.Time
	pages   map[ID]*Page
	down    map[ID]string // who cannot be read, and why
	silent  map[ID]bool   // whose turn it is not
	woken   bool
}

// newBench watches a canary of three pods on three nodes, with a stable of nine and gateways, at a weight.
func newBench(t *testing.T, weight int64, gateways int) *bench {
	b := &bench{T: t, now: noon, pages: map[ID]*Page{}, down: map[ID]string{}, silent: map[ID]bool{}, release: Release{
		Key: types.NamespacedName{Namespace: "shop", Name: "checkout"}, Number: 7, Stable: both[0], Canary: both[1],
		Objectives: []Objective{{Name: "availability"}}, Tolerance: 1.2, Threshold: 1000, Weight: weight, Rate: 1000,
		Proxies: slices.Concat(podsOf(CanaryPod, 3, 3), podsOf(StablePod, 9, 3), podsOf(GatewayPod, gateways, 1)),
		PodsOf:  Pods{Stable: 9, Canary: 3},
	}}
	b.begin()
	return b
}

func (b *bench) begin() {
	b.Helper()
	var err error
	if b.watch, err = NewWatch(b.release, b.now); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) update() { b.watch.Update(b.release, b.now) }

// page is what a proxy has counted so far.
func (b *bench) page(p Proxy) *Page {
	if b.pages[p.ID] == nil {
		b.pages[p.ID] = &Page{Own: Tally{}, To: map[counting.Service]Tally{both[0]: {}, both[1]: {}}, Told: 10}
	}
	return b.pages[p.ID]
}

// asks has the pods of a role be asked so often, and so many of them fail; they share it evenly.
func (b *bench) asks(role Role, n, failed float64) {
	var of []Proxy
	for _, p := range b.release.Proxies {
		if p.Role == role {
			of = append(of, p)
		}
	}
	for _, p := range of {
		b.page(p).Own[good] += (n - failed) / float64(len(of))
		b.page(p).Own[bad] += failed / float64(len(of))
	}
}

// passes has the first gateway pass on requests to an arm.
func (b *bench) passes(to counting.Service, n, failed float64) {
	g := b.page(podOf(GatewayPod, 0, "node-0"))
	g.To[to][good] += n - failed
	g.To[to][bad] += failed
}

// second reads everybody, a second later.
func (b *bench) second() State {
	b.Helper()
	return b.after(time.Second, time.Second)
}

// after reads everybody whose turn it is, some time later, which was meant to be a turn.
func (b *bench) after(passed, turn time.Duration) State {
	b.Helper()
	b.now = b.now.Add(passed)
	answers := map[ID]Answer{}
	for _, p := range b.watch.Proxies() {
		switch why := b.down[p.ID]; {
		case b.silent[p.ID]:
		case why != "":
			answers[p.ID] = Answer{At: b.now, Failure: why}
		default:
			answers[p.ID] = Answer{At: b.now, Page: b.page(p).copy()}
		}
	}
	b.woken = b.watch.Take(b.now, turn, answers)
	return b.watch.State()
}

func (p *Page) copy() *Page {
	c := &Page{Own: Tally{}, To: map[counting.Service]Tally{}, Told: p.Told, Warming: p.Warming}
	c.Own.plus(p.Own)
	for s, t := range p.To {
		c.To[s] = Tally{}
		c.To[s].plus(t)
	}
	return c
}
