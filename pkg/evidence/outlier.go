package evidence

// Thresholds of Outlier. With ten independent bad requests in a version that is equally bad everywhere, one pod of three has
// eight of them in 1 % of all cases, one of five in 0.04 %; a single bad pod is found by ten of its eleven bad requests.
const (
	// LeastPods is how many pods a canary has at the least for one of them to stand out.
	LeastPods = 3

	outlierBad      = 10.0
	outlierShare    = 0.8
	outlierRequests = 0.5
	othersTolerated = 1.5
)

// PodCounts is what one pod of the canary was asked, and how it answered.
type PodCounts struct {
	Pod    string
	Counts Counts
}

// Outlier returns the pod without which the canary would not be called bad in an objective, the index of which is given: it has at
// least four fifths of at least ten bad requests (more when they come in bursts) but at most half of all requests, while the other
// pods together have one bad request, or no more than one and a half times the tolerated share: that of the stable times the Ratio, or
// the Floor.
// False: there is none, or too little is known to name one. It is a label; nothing is decided by it.
func (c Config) Outlier(objective int, pods []PodCounts, stable Counts) (PodCounts, bool) {
	c, err := c.normal()
	if err != nil || objective < 0 || objective >= len(c.Objectives) || len(pods) < LeastPods || !countable(stable) {
		return PodCounts{}, false
	}
	var worst PodCounts
	var all Counts
	for _, p := range pods {
		if !countable(p.Counts) || p.Counts.Bad > p.Counts.Requests {
			return PodCounts{}, false
		}
		all.Requests += p.Counts.Requests
		all.Bad += p.Counts.Bad
		if p.Counts.Bad > worst.Counts.Bad {
			worst = p
		}
	}
	tolerated := c.Objectives[objective].Floor
	if stable.Requests > 0 {
		tolerated = max(tolerated, othersTolerated*c.Ratio*min(stable.Bad, stable.Requests)/stable.Requests)
	}
	named := all.Bad >= outlierBad*c.Phi[objective] &&
		worst.Counts.Bad >= outlierShare*all.Bad &&
		worst.Counts.Requests <= outlierRequests*all.Requests &&
		all.Bad-worst.Counts.Bad <= max(1, tolerated*(all.Requests-worst.Counts.Requests))
	return worst, named
}
