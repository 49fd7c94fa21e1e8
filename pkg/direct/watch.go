package direct

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/evidence/urgent"
)

const (
	// late is how many times its turn a reading may take, until nobody knows what second it is of.
	late = 2
	// given is how often in a row a pod may not be readable until gateways are believed instead of the pods.
	given = 3
	// patience is how long nothing can be read until that is said.
	patience = 5 * time.Second
	// gateways is the name of the one group that the gateways make.
	gateways = "gateways"
)

// Watch is the direct reading of one release. It is told what became of each reading, in order. It is not safe for concurrent use.
type Watch struct {
	release Release
	chosen  []Proxy
	records []*record // of the chosen, in their order
	lanes   []lane
	// byPods says that the next second is one of the canary's pods and not of the gateways; low, that it begins at a weight that a brake has
	// lowered. Both are known before the second.
	byPods, low bool
	settling    settling
	at, seen    time.Time // when the lanes last took a second, and when a proxy that tells of the canary was last read
	there       time.Time // when it was seen that the canary is there; zero: it is not, or was when the watch began
	present     bool
	absent      string
	share       Share
}

// NewWatch begins to watch a release. The error says why its checkpoint cannot be used; the lanes begin anew then.
func NewWatch(r Release, now time.Time) (*Watch, error) {
	w := &Watch{lanes: newLanes(r), low: r.Braked, seen: now}
	err := r.restore(w.lanes)
	w.settling = settling{weight: float64(r.Weight) / 1e6, since: now, known: r.Weight == 0}
	w.release = r
	w.choose()
	w.byPods = w.readable()
	return w, err
}

// Update takes over what the record and the objects say now of the same release. What the lanes tolerate stays as it was.
func (w *Watch) Update(r Release, now time.Time) {
	before := w.release
	r.Objectives, r.Tolerance, r.Threshold = before.Objectives, before.Tolerance, before.Threshold
	w.release = r
	w.choose()
	switch {
	case r.CanarySince.IsZero():
		w.there = time.Time{}
	case before.CanarySince.IsZero():
		w.there = now
	}
	if r.Weight != before.Weight {
		w.settling.write(float64(r.Weight)/1e6, now)
	}
	for _, l := range w.lanes {
		switch {
		case r.Braked && !before.Braked:
			l.urgent.Braked()
		case before.Braked && !r.Braked:
			l.urgent.Released()
		}
	}
}

// choose chooses the proxies anew, and forgets those that are not read any more.
func (w *Watch) choose() {
	before, known := w.chosen, make(map[ID]*record, len(w.chosen))
	for i, p := range before {
		known[p.ID] = w.records[i]
	}
	w.chosen = Choose(w.release.Proxies, before)
	w.records = make([]*record, len(w.chosen))
	for i, p := range w.chosen {
		w.records[i] = cmp.Or(known[p.ID], &record{})
	}
}

// Number is the release's.
func (w *Watch) Number() int64 { return w.release.Number }

// Proxies are those that are to be read: while the canary gets no traffic, of gateways alone there is something to learn.
func (w *Watch) Proxies() []Proxy {
	if w.release.Weight > 0 {
		return w.chosen
	}
	return slices.DeleteFunc(slices.Clone(w.chosen), func(p Proxy) bool { return p.Role != GatewayPod })
}

// Wanted are the Services whose requests are to be read of gateways.
func (w *Watch) Wanted() []counting.Service { return w.release.wanted() }

// Load is what a late abort of the release costs, in requests per second.
func (w *Watch) Load() float64 { return w.release.load() }

// State is what is known now.
func (w *Watch) State() State {
	s := w.state()
	s.Checkpoint = checkpoint(w.lanes)
	return s
}

func (w *Watch) state() State {
	s := State{Number: w.release.Number, At: w.at, Present: w.present, Absent: w.absent, Share: w.share, Settled: w.settling.settled, Known: w.known()}
	for _, l := range w.lanes {
		s.Signs = append(s.Signs, Sign{Objective: l.Name, Sign: l.sign})
	}
	return s
}

// Alarms says whether a lane asks for an abort, or to brake.
func (w *Watch) Alarms() bool {
	return slices.ContainsFunc(w.lanes, func(l lane) bool { return l.sign.Abort || l.sign.Brake })
}

// Take takes what became of the readings of one turn: answers are those of the chosen proxies that were read. A turn is as long as the time
// since the one before was meant to be. It returns whether something has changed that a decision may wait for.
func (w *Watch) Take(now time.Time, turn time.Duration, answers map[ID]Answer) bool {
	before := w.state().decisive()
	came := make([]*increment, len(w.chosen))
	for i, p := range w.chosen {
		if a, ok := answers[p.ID]; ok {
			came[i] = w.records[i].take(a, late*turn, w.wanted(p))
		}
	}
	gates := w.ofGateways(came)
	w.takeSecond(now, came, gates)
	w.takeShare(came, gates)
	w.lookAround(now)
	w.low = w.release.Braked
	w.byPods = w.readable()
	return w.state().decisive() != before
}

// wanted are the Services whose requests are read of a proxy.
func (w *Watch) wanted(p Proxy) []counting.Service {
	if p.Role == GatewayPod {
		return w.Wanted()
	}
	return nil
}

// arms are requests of a second: the canary's by what fails together, and the stable's. Not read: nobody had any to tell.
type arms struct {
	groups []group
	stable Tally
	read   bool
}

type group struct {
	name  string
	tally Tally
}

// takeSecond gives the lanes a second, or a void one.
func (w *Watch) takeSecond(now time.Time, came []*increment, gates arms) {
	of := gates
	if w.byPods {
		of = w.ofPods(came)
	}
	w.present = of.read || w.present && w.absent == ""
	for i := range w.lanes {
		l := &w.lanes[i]
		if !of.read {
			l.urgent.Void()
			l.sign.Brake, l.sign.Alarm = false, false
			continue
		}
		s := urgent.Second{Stable: of.stable.counts(l.Indicator), Braked: w.low}
		for _, g := range of.groups {
			s.Canary = append(s.Canary, urgent.Group{Name: g.name, Counts: g.tally.counts(l.Indicator)})
		}
		l.sign = l.urgent.Next(s)
	}
	if of.read {
		w.at = now
	}
}

// ofPods are the requests of the canary's pods by what fails together, and those of the stable's pods; not read where no pod of the canary has
// any to tell. A group of which nothing could be read stays one: which groups there are must not depend on how requests end.
func (w *Watch) ofPods(came []*increment) arms {
	of := arms{stable: Tally{}}
	apart := w.onNodes() > 1
	for i, p := range w.chosen {
		if p.Role == CanaryPod {
			name := p.Name
			if apart {
				name = cmp.Or(p.Node, p.Name)
			}
			at := slices.IndexFunc(of.groups, func(g group) bool { return g.name == name })
			if at < 0 {
				at, of.groups = len(of.groups), append(of.groups, group{name, Tally{}})
			}
			if came[i] != nil {
				of.groups[at].tally.plus(came[i].own)
				of.read = true
			}
		}
		if p.Role == StablePod && came[i] != nil {
			of.stable.plus(came[i].own)
		}
	}
	return of
}

// onNodes is on how many nodes the canary's pods are that are read. On a single one its fault cannot be told from the version's: what may fail
// alone is a pod.
func (w *Watch) onNodes() int {
	nodes := map[string]bool{}
	for _, p := range w.chosen {
		if p.Role == CanaryPod {
			nodes[cmp.Or(p.Node, p.Name)] = true
		}
	}
	return len(nodes)
}

// ofGateways are the requests that the gateways passed on, in one group.
func (w *Watch) ofGateways(came []*increment) arms {
	var of arms
	for i, p := range w.chosen {
		if p.Role != GatewayPod || came[i] == nil {
			continue
		}
		if !of.read {
			of = arms{groups: []group{{gateways, Tally{}}}, stable: Tally{}, read: true}
		}
		of.groups[0].tally.plus(came[i].to[w.release.Canary])
		of.stable.plus(came[i].to[w.release.Stable])
	}
	return of
}

// takeShare measures the share: by the gateways, which know both arms, where they passed on any; else by the pods, the counts of those that
// were read scaled up to all.
func (w *Watch) takeShare(came []*increment, gates arms) {
	var s sample
	if gates.read {
		canary, others := gates.groups[0].tally.total(), gates.stable.total()
		s = sample{canary, others, canary, others}
	}
	byGateways := s.canary+s.stable > 0
	if !byGateways {
		s = w.ofAllPods(came)
	}
	w.share = s.share()
	for i, p := range w.chosen {
		if came[i] != nil && (p.Role == GatewayPod) == byGateways && !came[i].from.After(w.settling.since) {
			return // a part of the second lies before the weight
		}
	}
	w.settling.take(s)
}

// ofAllPods is what all pods of both arms must have been asked; nothing where one of the arms could not be read.
func (w *Watch) ofAllPods(came []*increment) sample {
	var s sample
	read := Pods{}
	for i, p := range w.chosen {
		switch {
		case came[i] == nil:
		case p.Role == CanaryPod:
			read.Canary++
			s.canary += came[i].own.total()
		case p.Role == StablePod:
			read.Stable++
			s.stable += came[i].own.total()
		}
	}
	if read.Canary == 0 || read.Stable == 0 {
		return sample{}
	}
	s.allCanary = s.canary * float64(max(w.release.PodsOf.Canary, read.Canary)) / float64(read.Canary)
	s.allStable = s.stable * float64(max(w.release.PodsOf.Stable, read.Stable)) / float64(read.Stable)
	return s
}

// readable says whether pods of the canary are read, and can be, as far as is known.
func (w *Watch) readable() bool {
	for i, p := range w.chosen {
		if p.Role == CanaryPod && w.records[i].failures < given {
			return true
		}
	}
	return false
}

// lookAround notes whether anybody can be read who tells of the canary.
func (w *Watch) lookAround(now time.Time) {
	why := map[string]int{}
	tells := false
	for i, p := range w.chosen {
		r := w.records[i]
		switch {
		case p.Role == StablePod:
		case r.failures > 0:
			why[r.failure]++
		default:
			tells = true
		}
	}
	switch {
	case tells || w.release.Weight == 0:
		w.seen, w.absent = now, ""
	case now.Sub(w.seen) >= patience:
		w.present, w.absent = false, absent(w.release.Key.Name, most(why))
	}
}

// most is the reason that is given most often.
func most(why map[string]int) string {
	best := "no pod of the canary that is ready has a sidecar, and no gateway leads to it"
	for i, reason := range slices.Sorted(maps.Keys(why)) {
		if i == 0 || why[reason] > why[best] {
			best = reason
		}
	}
	return best
}

// known says whether every gateway has been told of the canary's Service. The record says since when that is there by a second or two, in which a
// gateway is read first, often enough.
func (w *Watch) known() bool {
	read, since := false, w.release.CanarySince
	if w.there.After(since) {
		since = w.there
	}
	for i, p := range w.chosen {
		if p.Role != GatewayPod {
			continue
		}
		read = true
		r := w.records[i]
		asked := r.page != nil && r.page.To[w.release.Canary].total() > 0
		if since.IsZero() || !asked && !r.toldSince(since) {
			return false
		}
	}
	return read
}
