package release

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Suspected returns the index of the objective whose bad requests a release is being taken back for; false when it is not, or when it
// is known already that one pod is to blame.
func Suspected(r *v1alpha1.Release) (objective int, ok bool) {
	if !r.Running() || r.Outcome == nil {
		return 0, false
	}
	if reason := r.Outcome.Reason; reason != v1alpha1.ReasonCanaryWorseThanStable && reason != v1alpha1.ReasonCanaryBreachesSLO {
		return 0, false
	}
	most := -1.0
	for _, o := range r.Objectives {
		against, err := strconv.ParseFloat(o.Against, 64)
		at := slices.IndexFunc(r.Plan.Objectives, func(p v1alpha1.Objective) bool { return p.Name == o.Name })
		if err == nil && at >= 0 && against > most {
			objective, most = at, against
		}
	}
	return objective, most >= 0
}

// blamePod makes one pod the reason of an abort when the others did no worse than the stable. Nothing else changes by it: the traffic is
// gone from all of them, and the template waits for a retry.
func blamePod(r *v1alpha1.Release, pods []evidence.PodCounts) {
	objective, ok := Suspected(r)
	if !ok || len(pods) == 0 {
		return
	}
	var stable evidence.Counts
	for _, o := range r.Objectives {
		if o.Name == r.Plan.Objectives[objective].Name {
			stable = evidence.Counts{Requests: float64(o.Stable.Requests), Bad: float64(o.Stable.Bad)}
		}
	}
	pod, ok := evidence.ConfigOf(r.Plan, r.Baseline).Outlier(objective, pods, stable)
	if !ok {
		return
	}
	var all evidence.Counts
	for _, p := range pods {
		all.Requests += p.Counts.Requests
		all.Bad += p.Counts.Bad
	}
	r.Outcome.Reason, r.Outcome.Pod = v1alpha1.ReasonPodOutlier, pod.Pod
	r.Outcome.Message = truncate(fmt.Sprintf(
		"%s; pod %s alone had %.0f of the %.0f bad requests and %.0f of the %.0f that the %d pods report, the others did no worse than the stable: look at its node before the version, then retry",
		r.Outcome.Message, pod.Pod, pod.Counts.Bad, all.Bad, pod.Counts.Requests, all.Requests, len(pods)), mostMessage)
}
