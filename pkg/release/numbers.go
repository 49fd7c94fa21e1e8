package release

import (
	"math"
	"strconv"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

// Count takes what the counts say into the record, and what happens next. While nothing is known of them the record keeps those it has;
// of a release that is taken back only the measured share still changes.
func Count(r *v1alpha1.Release, e Evidence, next string) {
	r.Next = truncate(next, mostNext)
	if r.Outcome != nil {
		measure(r, e)
	}
	v := e.Verdict
	if len(v.Objectives) == 0 {
		return
	}
	r.Evidence, r.Verdict = e.Checkpoint, string(v.State)
	r.Exposed, r.Failed = int64(v.Exposed.Requests), int64(v.Exposed.Bad)
	measure(r, e)
	r.Objectives = objectivesNow(e)
}

// objectivesNow are the counts, the evidence and the verdict of each objective; nil while nothing is known of them.
func objectivesNow(e Evidence) []v1alpha1.ObjectiveStatus {
	var all []v1alpha1.ObjectiveStatus
	for _, o := range e.Verdict.Objectives {
		all = append(all, v1alpha1.ObjectiveStatus{Name: o.Name, Verdict: string(o.State), Against: Short(o.Against), For: Short(o.For),
			Stable: armCounts(o.Release.Stable), Canary: armCounts(o.Release.Canary)})
	}
	return all
}

// measure takes the canary's measured share into the record, which has none where nothing is measured.
func measure(r *v1alpha1.Release, e Evidence) {
	r.LiveWeight, r.LiveWeightError = "", ""
	if e.Share >= 0 {
		r.LiveWeight, r.LiveWeightError = measured(e.Share), rounded(shareError(e.Share, e.Requests), 100)
	}
}

// shareError is how far from the measured share the one may lie that so many requests were drawn by, at 95% confidence, in millionths.
func shareError(share int64, requests float64) int64 {
	p := float64(share) / v1alpha1.Whole
	low, high := evidence.Wilson(evidence.Counts{Requests: requests, Bad: p * requests}, 1)
	return int64(math.Round(max(p-low, high-p) * v1alpha1.Whole))
}

// measured is a share for people, from what was counted, with three digits: what comes after them is noise.
func measured(share int64) v1alpha1.Percentage { return rounded(share, 1000) }

// rounded is a share of which what is written as a whole number stays below a power of ten.
func rounded(share, below int64) v1alpha1.Percentage {
	unit := int64(1)
	for share/unit >= below {
		unit *= 10
	}
	return v1alpha1.PercentageOf((share + unit/2) / unit * unit)
}

// Short is a number as records hold it, with four digits.
func Short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
