package release

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// countedFor is how long after the end of a release the next one waits for the last reports about it.
	countedFor = time.Minute
	// countedLast is when nobody waits any more for reports about a release that is over.
	countedLast = time.Hour
)

// CountOn takes into the record of a release that is judged already what is still counted of it. The evidence that it was judged by stays.
func CountOn(r *v1alpha1.Release, e Evidence) {
	if e.Met == nil || len(e.Met.Objectives) == 0 {
		return
	}
	r.Evidence = e.Checkpoint
	r.Exposed, r.Failed = max(r.Exposed, int64(e.Met.Exposed.Requests)), max(r.Failed, int64(e.Met.Exposed.Bad))
	for _, o := range e.Met.Objectives {
		at := slices.IndexFunc(r.Objectives, func(s v1alpha1.ObjectiveStatus) bool { return s.Name == o.Name })
		if at < 0 {
			at = len(r.Objectives)
			r.Objectives = append(r.Objectives, v1alpha1.ObjectiveStatus{Name: o.Name})
		}
		r.Objectives[at].Stable, r.Objectives[at].Canary = armCounts(o.Release.Stable), armCounts(o.Release.Canary)
	}
}

func armCounts(c evidence.Counts) v1alpha1.ArmCounts {
	return v1alpha1.ArmCounts{Requests: int64(c.Requests), Bad: int64(c.Bad)}
}

// Settle notes in a record how far the requests that met the canary are counted, by what is observed.
func Settle(r *v1alpha1.Release, o Observation, now time.Time) {
	c, e := &r.Counted, o.Evidence
	if len(r.Weights) == 0 || c.Final {
		return
	}
	if c.Until == nil {
		c.Until = micro(r.Weights[0].At.Add(-Rounding))
	}
	if e.Counted.After(c.Until.Time) {
		c.Until, c.Gaps = micro(e.Counted), e.Gaps
	}
	if c.End == nil {
		c.End = ceased(r, o, now)
	}
	switch {
	case c.End == nil:
	case e.AllIn, o.External && r.State == v1alpha1.StatePromoted: // what its owner runs goes on being met, as the stable
		c.Final = true
	case now.Sub(c.End.Time) > countedLast:
		GiveUp(c)
	}
}

// ceased is from when on no request can meet the canary as one; nil while some can. A canary that is taken back has no pods any more, or no
// route that leads to them. One that is promoted is the stable when the proxies follow the routes that were put back.
func ceased(r *v1alpha1.Release, o Observation, now time.Time) *metav1.MicroTime {
	left := o.Workload.Lingering != ""
	restoring := r.State == v1alpha1.StateRestoring && r.Outcome != nil
	switch {
	case r.State == v1alpha1.StatePromoted, r.State == v1alpha1.StateAborted && !left, restoring && r.Aborting() && !o.External && !left:
		return micro(now)
	case restoring && !r.Aborting() && !o.Routes.Marked && !o.Routes.OneMade:
		return micro(now.Add(o.Bounds.Push))
	}
	return nil
}

// GivenUpIn is how long nobody has to do anything until what is not counted yet of a release that is over is given up; 0: it is counted, or
// it is not known yet when the last request met the canary.
func GivenUpIn(r *v1alpha1.Release, now time.Time) time.Duration {
	if !r.Counting() || r.Counted.End == nil {
		return 0
	}
	return max(time.Millisecond, r.Counted.End.Add(countedLast).Sub(now)+time.Millisecond)
}

// GiveUp says that what is not counted yet will not be.
func GiveUp(c *v1alpha1.Counted) {
	if c.Until == nil || c.Final {
		return
	}
	if c.End != nil {
		c.Miss(c.Until.Time, c.End.Time)
	}
	c.Final = true
}

// micro is a moment as the API stores it.
func micro(t time.Time) *metav1.MicroTime { return ptr.To(metav1.NewMicroTime(t)) }

// stillCounted is how long to wait at most until the requests of a release that is over are counted: a source that answers has told by then.
// 0: they are counted, or nobody waits any more.
func stillCounted(r *v1alpha1.Release, now time.Time) time.Duration {
	if !r.Counting() || r.FinishedAt == nil {
		return 0
	}
	return max(0, r.FinishedAt.Add(countedFor).Sub(now))
}

// countingOn waits with the next release until the requests of the last one are counted.
func countingOn(o Observation, now time.Time) (Decision, bool) {
	left := stillCounted(o.Release, now)
	if left == 0 {
		return Decision{}, false
	}
	d := wait(o, v1alpha1.ReasonWaiting, "the last requests that met the version before are being counted")
	d.After = left
	return d, true
}
