package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
)

// keep is how many slices are kept: of the longest of evidence.PodSpans and more.
const keep = int(2 * time.Hour / slice)

// reports are what scrapes bring of the canary's pods one by one, each of which is scraped at a phase of its own, and of both arms by their callers.
// As in the operator they are asked for while a release is suspected, together with the counts of each slice, and answered after the decision by those.
type reports struct {
	random  *rand.Rand
	perNode int
	phases  int
	made    both                // what met the pods since the last slice
	waiting [][]evidence.Counts // by pod and objective: what its next scrape will find
	slices  []reported          // newest last
	of      suspicion
	pods    evidence.ByPod // the last answer
}

// reported is what the scrapes of a slice brought; pods are by pod and objective.
type reported struct {
	sliced
	pods [][]evidence.Counts
}

// suspicion is what is asked about; the zero suspicion is none.
type suspicion struct {
	open, running bool
	objective     int
	since         time.Time
}

func newReports(s Setup, phases int) *reports {
	return &reports{random: rand.New(rand.NewPCG(s.Seed, 3)), perNode: max(1, s.Canary.PerNode), phases: phases, made: newBoth(len(s.Traffic.Stable))}
}

// scrape ends a slice in which the canary had so many pods, the first of them the dead ones.
func (p *reports) scrape(x sliced, pods, dead int) {
	n := len(x.canary)
	for len(p.waiting) < pods {
		p.waiting = append(p.waiting, make([]evidence.Counts, n))
	}
	for o := range n {
		for i, c := range dealt(p.random, p.made, o, dead, pods) {
			p.waiting[i][o] = plus(p.waiting[i][o], c)
		}
	}
	p.made = newBoth(n)
	r := reported{sliced: x, pods: make([][]evidence.Counts, len(p.waiting))}
	for i := range p.waiting {
		if phase := int(x.end/slice) % p.phases; i%p.phases == (phase+p.phases)%p.phases {
			r.pods[i], p.waiting[i] = p.waiting[i], make([]evidence.Counts, n)
		}
	}
	p.slices = append(p.slices, r)
	if len(p.slices) > keep {
		p.slices = slices.Clone(p.slices[keep/4:])
	}
}

// suspect takes over what a decision suspects. What was known of something else is forgotten.
func (p *reports) suspect(rec *v1alpha1.Release, v evidence.Verdict) {
	var of suspicion
	if rec != nil {
		if objective, ok := release.Suspected(rec, v); ok && rec.Plan.Objectives[objective].Indicator != v1alpha1.IndicatorCustom {
			of = suspicion{true, rec.Outcome == nil, objective, rec.StartedAt.Time}
		}
	}
	if of != p.of {
		p.of, p.pods = of, evidence.ByPod{}
	}
}

// ask asks for what was suspected when a slice was due, up to its end. True: it is the first answer.
func (p *reports) ask(of suspicion, end time.Duration, begin time.Time) bool {
	if !of.open || of != p.of || p.pods.Known && !of.running {
		return false
	}
	first, interval := !p.pods.Known, time.Duration(p.phases)*slice
	pods, callers := evidence.PodSpans(begin.Add(end), of.since, of.running, interval)
	p.pods = evidence.ByPod{Known: true, Objective: of.objective, Pods: p.reportedIn(pods, of.objective, begin)}
	for _, r := range p.slices {
		if within(callers, begin.Add(r.end)) {
			p.pods.Arms.Stable = plus(p.pods.Arms.Stable, r.stable[of.objective])
			p.pods.Arms.Canary = plus(p.pods.Arms.Canary, r.canary[of.objective])
		}
	}
	return first
}

// reportedIn is what the pods that had requests reported in a time.
func (p *reports) reportedIn(span evidence.Span, objective int, begin time.Time) []evidence.PodCounts {
	sums := make([]evidence.Counts, len(p.waiting))
	for _, r := range p.slices {
		for i, c := range r.pods {
			if c != nil && within(span, begin.Add(r.end)) {
				sums[i] = plus(sums[i], c[objective])
			}
		}
	}
	var pods []evidence.PodCounts
	for i, c := range sums {
		if c.Requests > 0 {
			pods = append(pods, evidence.PodCounts{Pod: podName(i), Node: nodeName(i, p.perNode), Counts: c})
		}
	}
	return pods
}

func within(s evidence.Span, at time.Time) bool { return at.After(s.From) && !at.After(s.To) }

func plus(a, b evidence.Counts) evidence.Counts {
	return evidence.Counts{Requests: a.Requests + b.Requests, Bad: a.Bad + b.Bad}
}

func podName(i int) string { return fmt.Sprintf("%s-%03d", name, i) }

func nodeName(i, perNode int) string { return fmt.Sprintf("node-%03d", i/perNode) }

// dealt is what each of the canary's pods had of some requests. The first of them are the dead ones.
func dealt(r *rand.Rand, of both, objective, dead, pods int) []evidence.Counts {
	all := counted(of.canary, objective)
	died := 0.0
	if objective == 0 {
		died = min(of.died, all.Bad)
	}
	if died == 0 {
		return deal(r, all, pods)
	}
	dead = min(dead, pods)
	lost := evidence.Counts{Requests: max(died, math.Round(all.Requests*float64(dead)/float64(pods))), Bad: died}
	if dead == pods {
		lost = all
	}
	rest := evidence.Counts{Requests: all.Requests - lost.Requests, Bad: min(all.Bad-lost.Bad, all.Requests-lost.Requests)}
	return append(deal(r, lost, dead), deal(r, rest, pods-dead)...)
}

// deal gives each of some pods its part of requests, of which any may be a bad one.
func deal(r *rand.Rand, all evidence.Counts, pods int) []evidence.Counts {
	each := make([]evidence.Counts, pods)
	for i := range each {
		n := math.Floor(all.Requests / float64(pods-i))
		each[i] = evidence.Counts{Requests: n, Bad: drawn(r, all.Requests, all.Bad, n)}
		all.Requests, all.Bad = all.Requests-each[i].Requests, all.Bad-each[i].Bad
	}
	return each
}
