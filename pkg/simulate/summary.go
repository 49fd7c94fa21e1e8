package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Summary is what became of many releases of the same setup.
type Summary struct {
	// Runs is their number; Promoted, Aborted and Held are shares of it, 0 to 1. Held ones were neither at the limit of time.
	Runs                    int
	Promoted, Aborted, Held float64
	// Took is the median time of the commoner end, 0 when all were held.
	Took time.Duration
	// Noticed are the median and the 95th percentile from the first bad request to the abort, of those aborted with one.
	Noticed [2]time.Duration
	// Excess are the median and the 95th percentile of the requests that failed because of the version; Exposed is the median of
	// those that met it.
	Excess  [2]float64
	Exposed float64
}

// Summarize adds outcomes up; none give the zero Summary.
func Summarize(outcomes []Outcome) Summary {
	s := Summary{Runs: len(outcomes)}
	if s.Runs == 0 {
		return s
	}
	times := map[v1alpha1.ReleaseState][]time.Duration{}
	var noticed []time.Duration
	var excess, exposed []float64
	for _, o := range outcomes {
		times[o.Result] = append(times[o.Result], o.Took)
		excess, exposed = append(excess, o.Excess), append(exposed, o.Exposed)
		if o.Noticed >= 0 {
			noticed = append(noticed, o.Noticed)
		}
	}
	promoted, aborted := times[v1alpha1.StatePromoted], times[v1alpha1.StateAborted]
	share := func(n int) float64 { return float64(n) / float64(s.Runs) }
	s.Promoted, s.Aborted, s.Held = share(len(promoted)), share(len(aborted)), share(s.Runs-len(promoted)-len(aborted))
	common := promoted
	if len(aborted) > len(promoted) {
		common = aborted
	}
	s.Took = quantile(common, 0.5)
	s.Noticed = [2]time.Duration{quantile(noticed, 0.5), quantile(noticed, 0.95)}
	s.Excess = [2]float64{quantile(excess, 0.5), quantile(excess, 0.95)}
	s.Exposed = quantile(exposed, 0.5)
	return s
}

// quantile is the smallest value that a share q of all does not exceed; 0 of none.
func quantile[T float64 | time.Duration](all []T, q float64) T {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(q*float64(len(all))))-1)]
}
