package evidence

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// LeastPods is how many pods a canary has at the least for one of them to stand out.
	LeastPods = 2
	// PodSpan is how far back the counts reach by which one pod of a running canary is excused: what a pod that was mended or replaced did
	// before is forgotten then.
	PodSpan = 5 * time.Minute
	// farthest is how far they reach back at the most where a canary was taken back.
	farthest = time.Hour

	// outlierShare is the part of the bad requests that one pod, or the pods of one node, stand out by. Of ten independent bad requests in a version
	// that is equally bad everywhere, one pod of three has that many in 1 % of all cases, one of five in 0.04 %.
	outlierShare = 0.8
	// chance is how many deviations beyond the mean, and how many bursts, a count may lie by chance: a Poisson count of any mean is larger
	// in less than 0.05 % of all cases.
	chance = 3
)

// PodCounts is what one pod of the canary was asked, and how it answered. Node is where it runs; empty: nobody knows.
type PodCounts struct {
	Pod, Node string
	Counts    Counts
}

// ByPod is what the pods of a canary report of one objective, and both arms by the reports of their callers; see PodSpans. What no pod was there to
// answer is in those alone.
type ByPod struct {
	// Known says that nothing more will be heard of that time; without Pods nobody can say what each did.
	Known bool
	// Objective is the index of the objective in the Config.
	Objective int
	Pods      []PodCounts
	Arms      Arms
}

// Span is a time from From, exclusive, to To.
type Span struct{ From, To time.Time }

// PodSpans are the times over which the pods of a canary are asked for what they reported, and the callers for both arms, up to an edge: whole minutes
// of a running canary's last PodSpan, or of the last hour of one that was taken back, but not much more than since it had its first traffic. Reports are
// so much apart. Where callers have reported a request, its pod may do so up to that much later, or have done it as much earlier: the callers' time
// leaves room for it at both ends, so that what no pod reports of it is what no pod was there to answer.
func PodSpans(edge, since time.Time, running bool, reports time.Duration) (pods, callers Span) {
	longest := farthest
	if running {
		longest = PodSpan
	}
	room := (2*reports + time.Minute - 1).Truncate(time.Minute)
	length := min(longest, (max(edge.Sub(since), 0) + time.Minute).Truncate(time.Minute))
	length = max(length, room+time.Minute)
	to := edge.Add(-reports)
	return Span{edge.Add(-length), edge}, Span{to.Add(room - length), to}
}

// Outlier is one pod of a canary, or all that it has on one node, without which the canary is as good as the stable.
type Outlier struct {
	// Pod is empty when it is several pods of the Node. Node is empty where nobody knows it.
	Pod, Node string
	// Pods are how many it is, of Of.
	Pods, Of int
	// Counts are theirs, All those of all pods.
	Counts, All Counts
}

// Outlier returns the pod, or the node, that has at least four fifths of the bad requests, while all others together had no more than the tolerated share
// allows: the stable's over the same time times the Ratio, or the Floor, and what chance adds to that. The others must have been asked so much that
// they would have had more if they were as bad as the canary is on the whole. What callers saw fail and no pod reports is the others'.
// False: there is none, or too little is known to name one.
//
// An abort that waits for the canary to be bad without its outlier happens less often, whatever the counts are, so that no bound on false aborts
// needs a second proof.
func (c Config) Outlier(p ByPod) (Outlier, bool) {
	all, ok := c.pods(p)
	if !ok {
		return Outlier{}, false
	}
	for _, groups := range leftOut(p) {
		worst, rest := groups.worst(p, all)
		allowed := c.allowed(p, rest.Requests)
		if worst.Counts.Bad >= outlierShare*all.Bad && rest.Bad <= allowed && rest.Requests*all.Bad > allowed*all.Requests {
			n := 1
			if worst.Pod == "" {
				n = count(p.Pods, worst.Node)
			}
			return Outlier{Pod: worst.Pod, Node: worst.Node, Pods: n, Of: len(p.Pods), Counts: worst.Counts, All: all}, true
		}
	}
	return Outlier{}, false
}

// groups are pods, or nodes with all of theirs, of which one may be left out.
type groups []PodCounts

// leftOut are the pods, and the nodes, where there are others beside each.
func leftOut(p ByPod) []groups {
	return slices.DeleteFunc([]groups{p.Pods, byNode(p.Pods)}, func(g groups) bool { return len(g) < LeastPods })
}

// worst is the group with most bad requests, and what is left without it: also what callers saw fail and no pod reports.
func (g groups) worst(p ByPod, all Counts) (PodCounts, Counts) {
	worst := slices.MaxFunc(g, func(a, b PodCounts) int { return cmp.Compare(a.Counts.Bad, b.Counts.Bad) })
	return worst, Counts{Requests: all.Requests - worst.Counts.Requests, Bad: max(all.Bad, p.Arms.Canary.Bad) - worst.Counts.Bad}
}

// Blamed tells whether the canary had more bad requests than the tolerated share allows even without its worst pod, and without its worst node.
// False: it had not, or nobody knows.
func (c Config) Blamed(p ByPod) bool {
	all, ok := c.pods(p)
	if !ok || c.Sound(p) {
		return false
	}
	return !slices.ContainsFunc(leftOut(p), func(g groups) bool {
		_, rest := g.worst(p, all)
		return rest.Bad <= c.allowed(p, rest.Requests)
	})
}

// Sound tells whether the canary on the whole, by its pods and by its callers, had no more bad requests than the tolerated share allows. False: it had,
// or nobody knows.
func (c Config) Sound(p ByPod) bool {
	all, ok := c.pods(p)
	return ok && all.Requests > 0 && max(all.Bad, p.Arms.Canary.Bad) <= c.allowed(p, all.Requests)
}

// pods are the counts of all pods; false when they cannot be used.
func (c Config) pods(p ByPod) (Counts, bool) {
	n, err := c.normal()
	if err != nil || p.Objective < 0 || p.Objective >= len(n.Objectives) || !countable(p.Arms.Stable) || !countable(p.Arms.Canary) {
		return Counts{}, false
	}
	var all Counts
	for _, x := range p.Pods {
		if !countable(x.Counts) || x.Counts.Bad > x.Counts.Requests {
			return Counts{}, false
		}
		all.add(x.Counts.Requests, x.Counts.Bad)
	}
	return all, len(p.Pods) > 0
}

// allowed is how many of so many requests may be bad in a version that is no worse than tolerated. What the stable showed is a chance count too, of
// the mean k that was seen and a burst more: the share r n/n_s of it has the variance phi k (r n/n_s)^2, and the count itself phi k r n/n_s.
func (c Config) allowed(p ByPod, requests float64) float64 {
	c, err := c.normal()
	if err != nil {
		return 0
	}
	phi, stable := c.Phi[p.Objective], p.Arms.Stable
	mean, share := c.Objectives[p.Objective].Floor*requests, 0.0
	if stable.Requests > 0 {
		share = c.Ratio * requests / stable.Requests
		mean = max(mean, share*(min(stable.Bad, stable.Requests)+phi))
	}
	return mean + chance*math.Sqrt(phi*mean*(1+share)) + chance*phi
}

// byNode adds up the pods of each node, in the order of their names; a pod of which it is not known stays alone.
func byNode(pods []PodCounts) []PodCounts {
	var all []PodCounts
	for _, p := range pods {
		i := slices.IndexFunc(all, func(g PodCounts) bool { return p.Node != "" && g.Node == p.Node })
		if i < 0 {
			all = append(all, p)
			continue
		}
		all[i].Pod = ""
		all[i].Counts.add(p.Counts.Requests, p.Counts.Bad)
	}
	slices.SortStableFunc(all, func(a, b PodCounts) int { return strings.Compare(a.Node, b.Node) })
	return all
}

func count(pods []PodCounts, node string) int {
	n := 0
	for _, p := range pods {
		if p.Node == node {
			n++
		}
	}
	return n
}
