package simulate

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Direct is how the operator reads proxies itself. The zero Direct reads the pods of both arms each second.
type Direct struct {
	// Off: it does not, as with direct.mode: Off.
	Off bool
}

// proxies are the sidecars of both arms' pods, and who reads them. They count what requests say by the first objective of the kind Requests; of
// no other is anything read of them. A nil one reads nothing.
type proxies struct {
	random    *rand.Rand
	objective int // negative: none is read directly
	perNode   int
	watch     *direct.Watch
	stable    []direct.Proxy
	canary    []direct.Proxy
	counters  map[direct.ID]counter
}

// counter is what a proxy has counted since it started.
type counter struct{ good, bad float64 }

func (c counter) page() *direct.Page {
	return &direct.Page{Own: direct.Tally{{Code: "200"}: c.good, {Code: "503"}: c.bad}, Told: -1}
}

func newProxies(s Setup) *proxies {
	return &proxies{random: rand.New(rand.NewPCG(s.Seed, 2)), perNode: max(1, s.Canary.PerNode), counters: map[direct.ID]counter{},
		objective: slices.IndexFunc(s.Plan.Objectives, func(o v1alpha1.Objective) bool { return counting.IndicatorOf(o).KindOrDefault() == counting.Requests })}
}

// hear is what the proxies say to the operator's rules.
func (p *proxies) hear(v *cluster.View) release.Direct {
	if p == nil {
		return release.Direct{Off: true}
	}
	if p.watch == nil {
		return release.Direct{}
	}
	return v.HeardOf(p.watch.State(), true, func(time.Time) bool { return true })
}

// follow has the proxies of a release be read, if any are.
func (p *proxies) follow(of direct.Release, reads bool, now time.Time) {
	if p == nil {
		return
	}
	if !reads {
		p.watch = nil
		return
	}
	if len(p.canary) != of.PodsOf.Canary || len(p.stable) != of.PodsOf.Stable {
		p.canary, p.stable = p.pods(direct.CanaryPod, of.PodsOf.Canary), p.pods(direct.StablePod, of.PodsOf.Stable)
	}
	of.Proxies = slices.Concat(p.canary, p.stable)
	if p.watch != nil {
		p.watch.Update(of, now)
		return
	}
	p.watch, _ = direct.NewWatch(of, now) // the checkpoint of a release that begins is empty
}

// pods are the proxies of so many pods of an arm.
func (p *proxies) pods(role direct.Role, n int) []direct.Proxy {
	var all []direct.Proxy
	for i := range n {
		address := netip.AddrFrom4([4]byte{10, byte(role), byte(i >> 8), byte(i)})
		all = append(all, direct.Proxy{Role: role, Namespace: namespace, Name: podName(i), Node: nodeName(i, p.perNode),
			ID: direct.ID{UID: address.String(), Address: address}, Sidecar: true, Ready: true})
	}
	return all
}

// read reads the proxies, after a second with such requests. It returns whether a decision may wait for what they say.
func (p *proxies) read(last both, dead int, now time.Time) bool {
	if p == nil || p.watch == nil {
		return false
	}
	if p.objective >= 0 && last.stable.requests+last.canary.requests > 0 {
		p.count(p.canary, dealt(p.random, last, p.objective, dead, len(p.canary)))
		p.count(p.stable, deal(p.random, counted(last.stable, p.objective), len(p.stable)))
	}
	answers := make(map[direct.ID]direct.Answer, len(p.watch.Proxies()))
	for _, x := range p.watch.Proxies() {
		answers[x.ID] = direct.Answer{At: now, Page: p.counters[x.ID].page()}
	}
	return p.watch.Take(now, second, answers)
}

// count adds to what the proxies of some pods have counted.
func (p *proxies) count(pods []direct.Proxy, each []evidence.Counts) {
	for i, x := range pods {
		c := p.counters[x.ID]
		p.counters[x.ID] = counter{c.good + each[i].Requests - each[i].Bad, c.bad + each[i].Bad}
	}
}
